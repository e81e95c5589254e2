// tests/api/harness.mjs -- a real server for a test, and short words to talk to it.
// For:   tests/api/*_test.mjs, run by ctest with KALAM_SERVER = the program. Nothing but Node itself.
//
//     import { startServer } from './harness.mjs';
//     const server = await startServer();               // port 0, empty data folder, no rate limits
//     const root = await server.login();                // { token, body, ... } of root
//     const reply = await server.sql('SELECT 1');       // as root: { status, headers, body, text }
//     const rows = await server.rows('SELECT 1 AS one') // [{ one: '1' }], or throws with the error
//     await server.restart();                           // the same data folder
//     await server.stop();                              // SIGTERM; throws unless it ended with 0
//
// A server that a test leaves behind is killed when the test ends.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const ROOT_PASSWORD = 'root-password-1';
const START_MS = 60000;
const STOP_MS = 60000;

const running = new Set();
process.on('exit', () => {
  for (const server of running) server.child?.kill('SIGKILL');
});

// { server: { port: 0 } } as TOML; a test's settings win over these, section by section. { key: 1 } is a top-level setting.
const DEFAULTS = {
  server: { host: '127.0.0.1', port: 0 },
  storage: {},
  limits: {},
  logging: { level: 'info', log_to_console: true },
  performance: {},
  rate_limit: {
    max_queries_per_sec: 0,
    max_messages_per_sec: 0,
    max_subscriptions_per_user: 0,
    max_auth_requests_per_ip_per_sec: 0,
    max_connections_per_ip: 0,
    max_requests_per_ip_per_sec: 0,
  },
  auth: { bcrypt_cost: 4 },
};

function tomlOf(settings) {
  const isSection = ([, values]) => typeof values === 'object';
  const all = Object.entries(settings);
  const lines = all.filter((e) => !isSection(e)).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  for (const [section, values] of all.filter(isSection)) {
    if (Object.keys(values).length === 0) continue;
    lines.push(`[${section}]`);
    for (const [key, value] of Object.entries(values)) lines.push(`${key} = ${JSON.stringify(value)}`);
    lines.push('');
  }
  return lines.join('\n');
}

export class Server {
  constructor(options) {
    this.options = options;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kalam-test-'));
    this.token = null; // of root, after the first login()
    this.output = ''; // everything on stderr
  }

  async start() {
    const program = process.env.KALAM_SERVER;
    if (!program) throw new Error('KALAM_SERVER must name the program kalamdb-server');
    const settings = structuredClone(DEFAULTS);
    settings.storage.data_path = path.join(this.dir, 'data');
    settings.logging.logs_path = path.join(this.dir, 'logs');
    for (const [section, values] of Object.entries(this.options.settings ?? {})) {
      settings[section] = typeof values === 'object' ? { ...settings[section], ...values } : values;
    }
    this.tomlPath = path.join(this.dir, 'server.toml');
    fs.writeFileSync(this.tomlPath, tomlOf(settings));
    const env = { ...process.env, KALAMDB_ROOT_PASSWORD: ROOT_PASSWORD, ...this.options.env };
    for (const name of Object.keys(env)) if (env[name] === null) delete env[name];
    this.child = spawn(program, [this.tomlPath], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    this.isEnding = false; // by us
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.output += text));
    this.ended = new Promise((resolve) =>
      this.child.once('exit', (code, signal) => {
        running.delete(this);
        if (!this.isEnding) process.stderr.write(`server ended: code ${code}, signal ${signal}\n${this.output}\n`);
        resolve({ code, signal });
      }),
    );
    this.address = await this.waitReady();
    return this;
  }

  waitReady() {
    return new Promise((resolve, reject) => {
      let out = '';
      const timer = setTimeout(() => reject(new Error(`not ready in time\n${this.output}`)), START_MS);
      this.child.stdout.setEncoding('utf8').on('data', (text) => {
        out += text;
        const match = /listening on (\S+):(\d+)\n/.exec(out);
        if (match) {
          clearTimeout(timer);
          this.host = match[1];
          this.port = Number(match[2]);
          resolve(`${match[1]}:${match[2]}`);
        }
      });
      this.ended.then(({ code, signal }) => {
        clearTimeout(timer);
        reject(new Error(`server ended at start: code ${code}, signal ${signal}\n${this.output}`));
      });
    });
  }

  // SIGTERM, and a clean end. Sanitizers report by the exit code.
  async stop() {
    if (!running.has(this)) return;
    this.isEnding = true;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const { code, signal } = await this.ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`server ended with code ${code}, signal ${signal}\n${this.output}`);
  }

  // As a power cut would, but for what the system has in its caches.
  async kill() {
    this.isEnding = true;
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async restart(options = {}) {
    if (running.has(this)) await this.stop();
    this.options = { ...this.options, ...options };
    this.token = null;
    return this.start();
  }

  // Ends it whatever its state, and removes its folder.
  async destroy() {
    if (running.has(this)) await this.kill();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  // { status, headers, text, body }: body is the parsed JSON, or undefined.
  request(method, target, { headers = {}, body, agent } = {}) {
    const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    const data = isJson ? JSON.stringify(body) : body;
    const all = { ...(isJson ? { 'content-type': 'application/json' } : {}), ...headers };
    if (data !== undefined && all['content-length'] === undefined && !all['transfer-encoding']) {
      all['content-length'] = Buffer.byteLength(data);
    }
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: this.host, port: this.port, method, path: target, headers: all, agent },
        (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            let parsed;
            try {
              parsed = JSON.parse(text);
            } catch {
              parsed = undefined;
            }
            resolve({ status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders, text, body: parsed });
          });
        },
      );
      request.on('error', reject);
      request.end(data);
    });
  }

  get(target, options) {
    return this.request('GET', target, options);
  }

  post(target, body, options = {}) {
    return this.request('POST', target, { body, ...options });
  }

  async login(user = 'root', password = ROOT_PASSWORD) {
    const reply = await this.post('/v1/api/auth/login', { user, password });
    if (reply.status !== 200) throw new Error(`login of ${user}: ${reply.status} ${reply.text}`);
    return { token: reply.body.access_token, refresh: reply.body.refresh_token, ...reply };
  }

  // Options: params, token (default: root's), namespace, durability, headers, extra (body members).
  async sql(sql, { params, token, namespace, durability, headers = {}, extra = {}, agent } = {}) {
    if (token === undefined && this.token === null) this.token = (await this.login()).token;
    const body = { sql, ...extra };
    if (params !== undefined) body.params = params;
    if (namespace !== undefined) body.namespace_id = namespace;
    if (durability !== undefined) body.durability = durability;
    return this.post('/v1/api/sql', body, {
      agent,
      headers: { authorization: `Bearer ${token ?? this.token}`, ...headers },
    });
  }

  // The last result's message or row count; throws on an error.
  async exec(sql, options) {
    const reply = await this.sql(sql, options);
    if (reply.status !== 200) throw new Error(`${sql}\n${reply.status} ${reply.text}`);
    return reply.body.results.at(-1);
  }

  // Rows of the last result as objects; throws on an error.
  async rows(sql, options) {
    const result = await this.exec(sql, options);
    const names = result.schema.map((field) => field.name);
    return result.rows.map((row) => Object.fromEntries(row.map((cell, i) => [names[i], cell])));
  }

  // Waits until no job is under way; throws when one failed.
  jobsDone() {
    return eventually(async () => {
      const open = await this.rows("SELECT status FROM system.jobs WHERE status IN ('new', 'queued', 'running', 'retrying', 'failed')");
      if (open.some((job) => job.status === 'failed')) throw new Error('a job failed');
      return open.length === 0;
    }, 'the jobs');
  }

  // Makes a user and logs in.
  async user(name, role = 'user', password = 'user-password-1') {
    await this.exec(`CREATE USER '${name}' WITH PASSWORD '${password}' ROLE '${role}'`);
    return this.login(name, password);
  }

  // Sends bytes on a socket of its own and gives everything that came until the server closed it, or
  // until `done(text)` says that it is enough. `pieces`: sent one after the other, `gapMs` apart.
  raw(pieces, { done = () => false, timeoutMs = 10000, gapMs = 20 } = {}) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, this.host);
      let text = '';
      let closed = false;
      const finish = (how) => {
        clearTimeout(timer);
        socket.destroy();
        resolve({ text, closed, how });
      };
      const timer = setTimeout(() => finish('timeout'), timeoutMs);
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (done(text)) finish('done');
      });
      socket.on('error', (error) => {
        closed = true;
        if (text === '' && error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
          clearTimeout(timer);
          reject(error);
        } else finish('error');
      });
      socket.on('close', () => {
        closed = true;
        finish('closed');
      });
      const list = Array.isArray(pieces) ? [...pieces] : [pieces];
      const next = () => {
        if (list.length === 0 || socket.destroyed) return;
        socket.write(list.shift(), () => setTimeout(next, gapMs));
      };
      socket.on('connect', next);
    });
  }
}

export async function startServer(options = {}) {
  const server = new Server(options);
  try {
    return await server.start();
  } catch (error) {
    await server.destroy();
    throw error;
  }
}

// Splits what raw() received into answers: [{ status, headers, body }].
export function parseAnswers(text) {
  const answers = [];
  while (text.startsWith('HTTP/1.1 ')) {
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [line, ...fields] = text.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(line.split(' ')[1]), headers, body: text.slice(end + 4, end + 4 + length) });
    text = text.slice(end + 4 + length);
  }
  return answers;
}

// Waits until `check()` is truthy and gives its value; for what the server does in the background.
export async function eventually(check, what, timeoutMs = 30000) {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > until) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
