// demo/server.mjs -- a server of our own, and ways to talk to it: HTTP, and the programs a user has.
import { spawn, spawnSync } from 'node:child_process';
import { Agent, request } from 'node:http';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const SETTINGS = `# Limits that protect a shared server are lifted, as one client plays forty people here; the
# background looks for work every second, so that the demo need not wait a minute.
[server]
host = "127.0.0.1"
[logging]
level = "warn"
log_to_console = false
[flush]
check_interval_seconds = 1
[limits]
max_query_limit = 10000
[rate_limit]
max_queries_per_sec = 0
max_auth_requests_per_ip_per_sec = 0
[auth]
bcrypt_cost = 8
`;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Server {
    constructor(bin, connections) {
        this.bin = bin;
        this.dir = mkdtempSync(join(tmpdir(), 'kalam-demo.'));
        this.data = join(this.dir, 'data');
        this.settings = join(this.dir, 'server.toml');
        this.port = 0;
        this.child = null;
        this.children = new Set(); // kalam --subscribe
        this.connections = connections;
        writeFileSync(this.settings, SETTINGS);
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    /** Starts it and waits until it listens; a restart keeps the port. */
    async start() {
        this.agent = new Agent({ keepAlive: true, maxSockets: this.connections });
        this.child = spawn(join(this.bin, 'kalamdb-server'), [this.settings], {
            env: { ...process.env, KALAMDB_SERVER_PORT: String(this.port), KALAMDB_DATA_DIR: this.data, KALAMDB_LOGS_DIR: join(this.dir, 'logs') },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        let said = '';
        this.ended = new Promise((done) => this.child.on('exit', (code, signal) => done({ code, signal })));
        const listens = new Promise((done) => {
            const read = (chunk) => {
                said += chunk;
                const found = said.match(/^listening on .*:(\d+)$/m);
                if (found) done(Number(found[1]));
            };
            this.child.stdout.on('data', read);
            this.child.stderr.on('data', (chunk) => (said += chunk));
        });
        const port = await Promise.race([listens, this.ended.then(() => null)]);
        if (port === null) throw new Error(`the server did not start:\n${said}`);
        this.port = port;
    }

    /** Ends it by a signal and tells how it ended. */
    async stop(signal) {
        this.agent?.destroy();
        this.child?.kill(signal);
        const end = await this.ended;
        this.child = null;
        return end;
    }

    post(path, body, token) {
        const text = JSON.stringify(body);
        return new Promise((done, failed) => {
            const call = request({ host: '127.0.0.1', port: this.port, path, method: 'POST', agent: this.agent,
                headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...(token && { Authorization: `Bearer ${token}` }) } }, (answer) => {
                const parts = [];
                answer.on('data', (part) => parts.push(part));
                answer.on('error', failed);
                answer.on('end', () => done({ status: answer.statusCode, json: JSON.parse(Buffer.concat(parts).toString()) }));
            });
            call.on('error', failed);
            call.end(text);
        });
    }

    /** Runs one statement; its result, with `rows` as objects. */
    async sql(token, sql, params) {
        const { status, json } = await this.post('/v1/api/sql', params ? { sql, params } : { sql }, token);
        if (status !== 200) throw new Error(`${json.error?.code}: ${json.error?.message}\n   ${sql.slice(0, 300)}`);
        const result = json.results[0] ?? { row_count: 0 };
        const names = result.schema?.map((field) => field.name) ?? [];
        result.objects = (result.rows ?? []).map((row) => Object.fromEntries(row.map((cell, i) => [names[i], cell])));
        return result;
    }

    async logIn(user, password) {
        const { status, json } = await this.post('/v1/api/auth/login', { user, password });
        if (status !== 200) throw new Error(`no log-in as ${user}: ${json.message}`);
        return json.access_token;
    }

    kalamOptions(user, password) {
        return { env: { ...process.env, KALAM_URL: this.url, KALAM_USER: user, KALAM_PASSWORD: password } };
    }

    /** Prints a query's result as kalam prints it. */
    show(user, password, sql) {
        const run = spawnSync(join(this.bin, 'kalam'), ['-c', sql], { ...this.kalamOptions(user, password), encoding: 'utf8' });
        if (run.status !== 0) throw new Error(`kalam: ${run.stderr}`);
        process.stdout.write(run.stdout.trimEnd().replace(/^/gm, '   ') + '\n');
    }

    /** Starts kalam --subscribe; `changes` fills up with what it prints. */
    subscribe(user, password, sql) {
        const child = spawn(join(this.bin, 'kalam'), ['--json', '--last-rows', '0', '--subscribe', sql],
            { ...this.kalamOptions(user, password), stdio: ['ignore', 'pipe', 'pipe'] });
        this.children.add(child);
        child.on('exit', () => this.children.delete(child));
        const watch = { child, changes: [], said: '' };
        let rest = '';
        child.stdout.on('data', (chunk) => {
            const lines = (rest + chunk).split('\n');
            rest = lines.pop();
            for (const line of lines) watch.changes.push(JSON.parse(line));
        });
        watch.ready = new Promise((done, failed) => {
            child.stderr.on('data', (chunk) => {
                watch.said += chunk;
                if (watch.said.includes('-- subscribed')) done();
            });
            child.on('exit', () => failed(new Error(`kalam --subscribe ended: ${watch.said}`)));
        });
        watch.ready.catch(() => {}); // an end after the start is expected
        return watch;
    }

    /** Files below the data folder whose names end so. */
    files(ending) {
        const all = readdirSync(join(this.data, 'storage'), { recursive: true });
        return all.filter((name) => name.endsWith(ending) && !basename(name).startsWith('.')).map((name) => join(this.data, 'storage', name));
    }

    parquetFiles() {
        return this.files('.parquet').map((path) => ({ path: path.slice(this.data.length + 1), bytes: statSync(path).size }));
    }

    manifests() {
        return this.files('manifest.json').map((path) => JSON.parse(readFileSync(path, 'utf8')));
    }

    async remove() {
        for (const child of this.children) child.kill('SIGTERM');
        if (this.child) await this.stop('SIGKILL');
        rmSync(this.dir, { recursive: true, force: true });
    }
}
