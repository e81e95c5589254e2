// tests/oracle/server.mjs -- a server of one's own for the oracles: a data folder below TMPDIR, port 0, every
// limit that would hide a difference lifted. Every byte that a client receives can be looked at (`onReply`).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const ROOT_PASSWORD = 'Oracle-root-1!';
const READY_MS = 60000;
const REQUEST_MS = 120000;

export class Failure extends Error {}

export class Server {
  // options: name, config (TOML appended), env, defaultLimit, maxLimit
  constructor(options = {}) {
    this.options = options;
    this.host = '127.0.0.1';
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), `kalam-${options.name ?? 'oracle'}-`));
    this.output = '';
    fs.writeFileSync(path.join(this.dir, 'server.toml'), `
[server]
host = "127.0.0.1"
port = 0
[storage]
data_path = "${this.dir}/data"
[limits]
max_query_limit = ${options.maxLimit ?? 0}
default_query_limit = ${options.defaultLimit ?? 0}
[logging]
level = "warn"
logs_path = "${this.dir}/logs"
log_to_console = true
[flush]
default_row_limit = 0
default_time_interval = 0
check_interval_seconds = 86400
merge_segment_bytes = ${options.mergeBytes ?? 4194304}
[rate_limit]
max_queries_per_sec = 1000000
max_auth_requests_per_ip_per_sec = 100000
max_requests_per_ip_per_sec = 1000000
max_connections_per_ip = 10000
max_messages_per_sec = 1000000
max_subscriptions_per_user = 100000
[auth]
bcrypt_cost = 4
${options.config ?? ''}
`);
  }

  async start(env = {}) {
    const binary = process.env.KALAM_SERVER;
    if (!binary) throw new Error('KALAM_SERVER names no server');
    this.child = spawn(binary, [path.join(this.dir, 'server.toml')], {
      cwd: this.dir,
      // large blocks come and go in the engine: a small quarantine makes it three times as quick
      env: { ...process.env, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=16:malloc_context_size=8`, KALAMDB_ROOT_PASSWORD: ROOT_PASSWORD, ...this.options.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exit = null;
    this.ended = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => { this.exit = { code, signal }; resolve(); });
    });
    this.child.stderr.on('data', (d) => { this.output = (this.output + d).slice(-200000); });
    this.port = await new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Failure('the server does not get ready')), READY_MS);
      this.child.stdout.on('data', (d) => {
        text += d;
        const m = /listening on \S*?:(\d+)/.exec(text);
        if (m) { clearTimeout(timer); resolve(Number(m[1])); }
      });
      this.ended.then(() => {
        clearTimeout(timer);
        reject(new Failure(`the server ended while starting: ${JSON.stringify(this.exit)}\n${this.output}`));
      });
    });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
    this.root = await this.login('root', ROOT_PASSWORD);
  }

  // Seconds of CPU that the servers have taken so far.
  cpu() {
    if (this.exit) return this.cpuBefore ?? 0;
    const [user, system] = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).map(Number);
    return (this.cpuBefore ?? 0) + (user + system) / 100;
  }

  // A clean end, or a Failure: sanitizers report by the exit status.
  async stop() {
    this.cpuBefore = this.cpu();
    if (!this.exit) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 60000);
    await this.ended;
    clearTimeout(timer);
    this.agent?.destroy();
    if (this.exit.code !== 0) {
      throw new Failure(`the server did not end well: ${JSON.stringify(this.exit)}\n${this.output.slice(-8000)}`);
    }
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  // Whatever happens, nothing is left: the process, and the folder unless it shall be kept.
  async discard(keep = false) {
    if (this.child && !this.exit) { this.child.kill('SIGKILL'); await this.ended; }
    this.agent?.destroy();
    if (!keep) fs.rmSync(this.dir, { recursive: true, force: true });
  }

  // -> { status, headers, text, body }; throws a Failure when no answer comes
  request(route, { body, token, method = 'POST', headers = {}, timeout = REQUEST_MS } = {}) {
    return new Promise((resolve, reject) => {
      const data = body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const req = http.request({
        host: '127.0.0.1', port: this.port, path: route, method, agent: this.agent, timeout,
        headers: {
          ...(data === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...headers,
        },
      }, (res) => {
        const chunks = [];
        res.on('data', (d) => chunks.push(d));
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let parsed = null;
          try {
            parsed = parseJson(text);
          } catch (e) {
            reject(new Failure(`the answer is no JSON (${e.message}): ${text.slice(0, 500)} ... ${text.slice(-200)}`));
            return;
          }
          resolve({ status: res.statusCode, headers: res.rawHeaders, text, body: parsed });
        });
        res.on('error', (e) => reject(new Failure(`no whole answer: ${e.message}`)));
      });
      req.on('error', (e) => reject(new Failure(`no answer: ${e.message}; server ${JSON.stringify(this.exit)}`)));
      req.on('timeout', () => req.destroy(new Error('timeout')));
      req.end(data);
    });
  }

  async login(user, password) {
    const r = await this.request('/v1/api/auth/login', { body: { user, password } });
    if (r.status !== 200) throw new Failure(`login of ${user}: ${r.status} ${r.text}`);
    return new Session(this, user, r.body.access_token);
  }

  // A user with a password, logged in.
  async user(name, role, password = 'Oracle-user-1!') {
    await this.root.must(`CREATE USER ${quoteName(name)} WITH PASSWORD '${password}' ROLE ${role}`);
    return this.login(name, password);
  }

  // Until no job is waiting or running; the last ones must not have failed.
  async jobsDone() {
    const began = Date.now();
    for (;;) {
      const [r] = await this.root.must("SELECT job_id, job_type, status, message FROM system.jobs WHERE status <> 'completed' AND status <> 'skipped'");
      if (r.rows.length === 0) return;
      const failed = r.rows.find((row) => ['failed', 'cancelled'].includes(String(row[2]).toLowerCase()));
      if (failed) throw new Failure(`a job failed: ${JSON.stringify(failed)}`);
      if (Date.now() - began > 60000) throw new Failure(`jobs do not end: ${JSON.stringify(r.rows)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async flush(table) {
    await this.root.must(`STORAGE FLUSH TABLE ${table}`);
    await this.jobsDone();
  }

  async compact(table) {
    await this.root.must(`STORAGE COMPACT TABLE ${table}`);
    await this.jobsDone();
  }
}

export class Session {
  constructor(server, user, token) {
    this.server = server;
    this.user = user;
    this.token = token;
  }

  // The reply as it is.
  async sql(sql, params, options = {}) {
    if (process.env.KALAM_TRACE) console.error('>', this.user, sql.slice(0, 500));
    const body = { sql, ...(params === undefined ? {} : { params }), ...(options.namespace ? { namespace_id: options.namespace } : {}) };
    const r = await this.server.request('/v1/api/sql', { body, token: this.token, timeout: options.timeout });
    this.onReply?.(r, sql);
    return r;
  }

  // The results; a Failure when there is an error.
  async must(sql, params, options) {
    const r = await this.sql(sql, params, options);
    if (r.body?.status !== 'success') throw new Failure(`${this.user}: ${sql.slice(0, 2000)}\n  ${r.status} ${r.text.slice(0, 2000)}`);
    return r.body.results;
  }

  async rows(sql, params, options) {
    return (await this.must(sql, params, options))[0].rows;
  }
}

// Whole numbers that JavaScript cannot hold stay texts.
export function parseJson(text) {
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g, (m) => (m[0] === '"' || Number.isSafeInteger(Number(m)) ? m : `"${m}"`)));
}

export function quoteName(name) { return `"${name.replaceAll('"', '""')}"`; }
export function quoteText(text) { return `'${text.replaceAll("'", "''")}'`; }

// Runs `tasks` (functions) `width` at a time.
export async function inParallel(width, count, task) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < count) {
      const i = next++;
      await task(i);
    }
  }));
}
