// tests/crash/crash_loop_test.mjs -- Goal: no acknowledged row is lost, doubled or brought back, whatever
// moment the server dies at. Method: an outside writer keeps the expected state; the server is killed at a
// random moment, or dies by itself at a named fault point; it is started again and every row compared.
//   KALAM_SERVER         the server binary, a testing build (fault points compiled in)
//   KALAM_CRASH_CYCLES   how many deaths, default 100
//   KALAM_CRASH_SEED     replays a run's choices
import { spawn, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const SERVER = process.env.KALAM_SERVER;
const CYCLES = Number(process.env.KALAM_CRASH_CYCLES ?? 100);
const SEED = BigInt(process.env.KALAM_CRASH_SEED ?? Date.now());
const PASSWORD = 'Crash-loop-1!';
const WRITERS = 4;
const KEYS = 120; // per writer and table
const TAGS = 20; // values of the UNIQUE column, that all writers want
const READY_MS = 60000;
const WORK_MS = 6000; // the longest a fault point may take to strike

// xorshift64*: one seed, one run (as far as the server's own timing allows).
let state = SEED | 1n;
function random(limit) {
  state ^= (state >> 12n) & 0xffffffffffffffffn;
  state = (state ^ (state << 25n)) & 0xffffffffffffffffn;
  state ^= state >> 27n;
  return Number(((state * 0x2545f4914f6cdd1dn) & 0xffffffffffffffffn) >> 33n) % limit;
}

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kalam-crash-'));
fs.writeFileSync(path.join(dir, 'server.toml'), `
[server]
host = "127.0.0.1"
port = 0
[storage]
data_path = "${dir}/data"
[limits]
max_query_limit = 0
default_query_limit = 0
[logging]
level = "warn"
logs_path = "${dir}/logs"
log_to_console = false
[performance]
[flush]
check_interval_seconds = 1
[rate_limit]
max_queries_per_sec = 1000000
max_auth_requests_per_ip_per_sec = 1000000
[auth]
bcrypt_cost = 4
`);

// The expected state: table -> owner -> key -> value, or a Set of values it may have.
const expected = new Map();
const tables = [
  { name: 'crash.shared_rows', owners: [null], kind: 'SHARED', hasTags: true },
  { name: 'crash.user_rows', owners: ['alice', 'bob'], kind: 'USER' },
];
for (const t of tables) for (const o of t.owners) expected.set(`${t.name}|${o}`, new Map());
const counts = { acked: 0, unknown: 0, deaths: 0, byPoint: 0 };
const hits = new Map();

class Server {
  constructor(faults) { this.faults = faults; }

  async start() {
    const env = { ...process.env, KALAMDB_ROOT_PASSWORD: PASSWORD };
    if (this.faults) env.KALAMDB_FAULTS = this.faults;
    this.child = spawn(SERVER, [path.join(dir, 'server.toml')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.output = '';
    this.child.stderr.on('data', (d) => { this.output += d; });
    this.ended = new Promise((resolve) => this.child.on('exit', (code, signal) => {
      this.exit = { code, signal };
      resolve();
    }));
    this.port = await new Promise((resolve) => {
      let text = '';
      const timer = setTimeout(() => resolve(0), READY_MS);
      this.child.stdout.on('data', (d) => {
        text += d;
        const m = /listening on \S*?:(\d+)/.exec(text);
        if (m) { clearTimeout(timer); resolve(Number(m[1])); }
      });
      this.ended.then(() => { clearTimeout(timer); resolve(0); });
    });
    if (this.port === 0) return false;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    return true;
  }

  request(route, body, token) {
    return new Promise((resolve) => {
      const data = JSON.stringify(body);
      const req = http.request({
        host: '127.0.0.1', port: this.port, path: route, method: 'POST', agent: this.agent, timeout: 30000,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data),
          ...(token ? { authorization: `Bearer ${token}` } : {}) },
      }, (res) => {
        let text = '';
        res.on('data', (d) => { text += d; });
        res.on('end', () => {
          try { resolve({ status: res.statusCode, body: JSON.parse(text) }); } catch { resolve(null); }
        });
        res.on('error', () => resolve(null));
      });
      req.on('error', () => resolve(null));
      req.on('timeout', () => req.destroy(new Error('timeout')));
      req.end(data);
    });
  }

  async login() {
    const r = await this.request('/v1/api/auth/login', { user: 'root', password: PASSWORD });
    if (r === null) return false;
    if (r.status !== 200) throw new Error(`login failed: ${JSON.stringify(r)}`);
    this.token = r.body.access_token;
    return true;
  }

  // null: the server died before it answered.
  sql(sql, owner, params) {
    const text = owner ? `EXECUTE AS USER '${owner}' (${sql})` : sql;
    return this.request('/v1/api/sql', params ? { sql: text, params } : { sql: text }, this.token);
  }

  async must(sql, owner) {
    const r = await this.sql(sql, owner);
    if (r === null || r.body.status !== 'success') throw new Error(`${sql}: ${JSON.stringify(r)} ${this.output}`);
    return r.body.results;
  }

  async kill() {
    if (!this.exit) this.child.kill('SIGKILL');
    await this.ended;
    this.agent?.destroy();
  }
}

function fail(text, server) {
  fs.writeFileSync(path.join(dir, 'expected.json'), JSON.stringify([...expected].map(([k, v]) => [k, [...v].map(
    ([id, x]) => [id, x instanceof Set ? [...x] : x])])));
  console.error(`FAILED: ${text}\nseed ${SEED}, data kept in ${dir}\n${server?.output ?? ''}`);
  process.exit(1);
}

// What a key may hold: undefined = no row.
const now = (map, id) => (map.get(id) instanceof Set ? null : map.get(id));

let unique = 0;
let stopping = false;

// One statement on one writer's own keys. `changes`: [id, new value] of all rows it touches.
async function attempt(server, map, owner, sql, changes) {
  const r = await server.sql(sql, owner);
  if (r === null) {
    counts.unknown++;
    // All or nothing: the rows of one statement are tied together by one object.
    const tie = { settled: null };
    for (const [id, value] of changes) {
      const before = map.get(id);
      map.set(id, Object.assign(new Set([before, value]), { before, after: value, tie }));
    }
    return false;
  }
  if (r.body.status !== 'success') {
    const text = r.body.error?.message ?? '';
    if (/SERVER_BUSY|UNAVAILABLE|Conflict|changed or dropped/.test(`${r.body.error?.code} ${text}`)) return true;
    if (sql.includes(' SET u = ') && text.includes('Unique constraint violation')) return true;
    fail(`a valid statement was refused: ${sql}: ${JSON.stringify(r.body)}`, server);
  }
  counts.acked++;
  for (const [id, value] of changes) {
    if (value === undefined) map.delete(id); else map.set(id, value);
  }
  return true;
}

async function write(server, w) {
  while (!stopping && !server.exit) {
    const t = tables[random(tables.length)];
    const owner = t.owners[random(t.owners.length)];
    const map = expected.get(`${t.name}|${owner}`);
    const base = w * KEYS;
    const id = base + random(KEYS);
    const value = `v${++unique}-${'x'.repeat(random(200))}`;
    const has = now(map, id) !== undefined;
    let alive = true;
    switch (random(t.hasTags ? 12 : 10)) {
      case 0: { // several rows of one statement
        const ids = [...new Set(Array.from({ length: 5 }, () => base + random(KEYS)))]
          .filter((i) => now(map, i) === undefined);
        if (ids.length === 0) break;
        alive = await attempt(server, map, owner,
          `INSERT INTO ${t.name} (id, v) VALUES ${ids.map((i) => `(${i}, '${value}')`).join(', ')}`,
          ids.map((i) => [i, value]));
        break;
      }
      case 1: { // not by key: all rows of the writer above an id
        const ids = [...map.keys()].filter((i) => i >= id && i < base + KEYS && now(map, i) !== undefined)
          .slice(0, 20);
        if (ids.length === 0) break;
        alive = await attempt(server, map, owner,
          `UPDATE ${t.name} SET v = '${value}' WHERE id IN (${ids.join(', ')}) AND v IS NOT NULL`,
          ids.map((i) => [i, value]));
        break;
      }
      case 2: case 3:
        if (has) alive = await attempt(server, map, owner, `DELETE FROM ${t.name} WHERE id = ${id}`, [[id, undefined]]);
        break;
      case 10: case 11: // takes a value that another row may have
        if (has) alive = await attempt(server, map, owner, `UPDATE ${t.name} SET u = 'tag${random(TAGS)}' WHERE id = ${id}`, []);
        break;
      default:
        alive = has
          ? await attempt(server, map, owner, `UPDATE ${t.name} SET v = '${value}' WHERE id = ${id}`, [[id, value]])
          : await attempt(server, map, owner, `INSERT INTO ${t.name} (id, v) VALUES (${id}, '${value}')`, [[id, value]]);
    }
    if (!alive) return;
  }
}

// Work in the background that the fault points stand in: flush, compaction, DDL, drops.
async function maintain(server) {
  for (let i = 0; !stopping && !server.exit; i++) {
    const t = tables[random(tables.length)];
    const action = random(6);
    let r;
    if (action <= 2) r = await server.sql(`STORAGE FLUSH TABLE ${t.name}`);
    else if (action === 3) r = await server.sql(`STORAGE COMPACT TABLE ${t.name}`);
    else {
      r = await server.sql('CREATE TABLE IF NOT EXISTS crash.scratch (id BIGINT PRIMARY KEY, v TEXT)');
      if (r) r = await server.sql("INSERT INTO crash.scratch (id, v) VALUES (1, 'a'), (2, 'b')");
      if (r) r = await server.sql('STORAGE FLUSH TABLE crash.scratch');
      await new Promise((done) => setTimeout(done, 60));
      if (r) r = await server.sql('DROP TABLE IF EXISTS crash.scratch');
    }
    if (r === null) return;
    await new Promise((done) => setTimeout(done, 15));
  }
}

async function verify(server) {
  for (const t of tables) {
    for (const owner of t.owners) {
      const map = expected.get(`${t.name}|${owner}`);
      const [rows] = await server.must(`SELECT id, v, _seq FROM ${t.name} ORDER BY id`, owner);
      const [total] = await server.must(`SELECT count(*), count(DISTINCT id), count(DISTINCT _seq) FROM ${t.name}`, owner);
      const seen = new Map();
      for (const [id, v] of rows.rows) {
        if (seen.has(Number(id))) fail(`${t.name} ${owner}: row ${id} is doubled`, server);
        seen.set(Number(id), v);
      }
      for (const n of total.rows[0]) {
        if (Number(n) !== rows.rows.length) fail(`${t.name} ${owner}: counts ${total.rows[0]} for ${rows.rows.length} rows`, server);
      }
      for (const [id, v] of seen) {
        if (!map.has(id)) fail(`${t.name} ${owner}: row ${id} = ${v} came back or was never written`, server);
      }
      for (const [id, want] of [...map]) {
        const found = seen.get(id);
        if (want instanceof Set) {
          if (!want.has(found)) fail(`${t.name} ${owner}: row ${id} is ${found}, may be ${[...want]}`, server);
          if (want.before !== want.after) {
            const settled = found === want.after ? 'after' : 'before';
            want.tie.settled ??= settled;
            if (want.tie.settled !== settled) fail(`${t.name} ${owner}: the statement of row ${id} is torn`, server);
          }
          if (found === undefined) map.delete(id); else map.set(id, found);
        } else if (found !== want) {
          fail(`${t.name} ${owner}: acknowledged row ${id} is ${found}, was ${want}`, server);
        }
      }
    }
  }
}

// No value of the UNIQUE column twice; what a row has is taken, what none has is free.
async function verifyTags(server) {
  const t = tables.find((table) => table.hasTags).name;
  const [rows] = await server.must(`SELECT u FROM ${t} WHERE u IS NOT NULL`);
  const taken = new Set(rows.rows.map(([u]) => u));
  if (taken.size !== rows.rows.length) fail(`${t}: a UNIQUE value is doubled: ${rows.rows.flat().sort()}`, server);
  for (let i = 0; i < 4; i++) {
    const tag = `tag${random(TAGS)}`;
    const [probe] = await server.must(`INSERT INTO ${t} (id, u) VALUES (-1, '${tag}') ON CONFLICT (u) DO NOTHING RETURNING id`);
    if ((probe.rows.length === 0) !== taken.has(tag)) fail(`${t}: '${tag}' ${taken.has(tag) ? 'is taken' : 'is free'}, ON CONFLICT says otherwise`, server);
    await server.must(`DELETE FROM ${t} WHERE id = -1`);
  }
}

// A point read goes another way than a scan: it must agree.
async function verifyPoints(server) {
  for (const t of tables) {
    for (const owner of t.owners) {
      const map = expected.get(`${t.name}|${owner}`);
      for (let i = 0; i < 10; i++) {
        const id = random(WRITERS * KEYS);
        const [r] = await server.must(`SELECT v FROM ${t.name} WHERE id = ${id}`, owner);
        const found = r.rows.length ? r.rows[0][0] : undefined;
        if (found !== map.get(id)) fail(`${t.name} ${owner}: point read of ${id} gives ${found}, scan ${map.get(id)}`, server);
      }
    }
  }
}

// No file but those of a manifest, once nothing runs.
function leftovers(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true, recursive: false }).flatMap((e) => {
    const p = path.join(folder, e.name);
    return e.isDirectory() ? leftovers(p) : e.name.endsWith('.tmp') ? [p] : [];
  });
}

async function setUp() {
  const server = new Server();
  if (!await server.start()) fail(`the server does not start: ${server.output}`, server);
  await server.login();
  await server.must('CREATE NAMESPACE crash');
  await server.must("CREATE SHARED TABLE crash.shared_rows (id BIGINT PRIMARY KEY, v TEXT, u TEXT UNIQUE) WITH (FLUSH_POLICY = 'rows:60')");
  await server.must("CREATE USER TABLE crash.user_rows (id BIGINT PRIMARY KEY, v TEXT) WITH (FLUSH_POLICY = 'rows:60,interval:1')");
  await server.kill();
}

// A server that dies in the middle of a flush: what recovery then finds to undo.
async function dieInFlush() {
  const server = new Server('flush.after_rename=crash@1');
  stopping = false;
  if (await server.start() && await server.login()) {
    const work = [maintain(server), ...Array.from({ length: WRITERS }, (_, w) => write(server, w))];
    await Promise.race([server.ended, new Promise((done) => setTimeout(done, WORK_MS))]);
    await server.kill();
    stopping = true;
    await Promise.all(work);
  }
  await server.kill();
  counts.deaths++;
}

// Points that only a failure leads to, and that failure: a new segment cannot be renamed.
const LED_TO_BY = new Map([['flush.before_undo', 'fs.rename=eio@1+']]);

async function cycle(number, point) {
  const inRecovery = point?.startsWith('recover.');
  if (inRecovery) await dieInFlush();
  const at = inRecovery || LED_TO_BY.has(point) ? 1 : 1 + random(3);
  const server = new Server(point ? [`${point}=crash@${at}`, LED_TO_BY.get(point)].filter(Boolean).join(';') : undefined);
  stopping = false;
  let died = !await server.start();
  if (!died) died = !await server.login();
  if (!died) {
    const work = [maintain(server), ...Array.from({ length: WRITERS }, (_, w) => write(server, w))];
    const limit = point ? WORK_MS : 50 + random(900);
    await Promise.race([server.ended, new Promise((done) => setTimeout(done, limit))]);
    const byPoint = server.exit?.code === 137;
    if (server.exit && !byPoint) fail(`the server ended by itself: ${JSON.stringify(server.exit)}`, server);
    await server.kill();
    stopping = true;
    await Promise.all(work);
    if (byPoint) { counts.byPoint++; hits.set(point, (hits.get(point) ?? 0) + 1); }
  } else {
    await server.kill();
    if (server.exit.code !== 137) fail(`the server did not start: ${JSON.stringify(server.exit)}`, server);
    counts.byPoint++;
    hits.set(point, (hits.get(point) ?? 0) + 1);
  }
  counts.deaths++;
  const again = new Server();
  if (!await again.start()) fail(`cycle ${number}: the server does not start again: ${JSON.stringify(again.exit)}`, again);
  await again.login();
  const torn = leftovers(path.join(dir, 'data'));
  await verify(again);
  await verifyPoints(again);
  await verifyTags(again);
  if (torn.length > 0 && leftovers(path.join(dir, 'data')).some((p) => torn.includes(p))) {
    fail(`cycle ${number}: temporary files were left: ${torn}`, again);
  }
  await again.kill();
}

// Points that only stand in what this workload does not do.
const ELSEWHERE = new Set(['live.before_page']);

const points = execFileSync(SERVER, ['--list-faults'], { encoding: 'utf8' }).split('\n').filter((p) => p && !ELSEWHERE.has(p));
if (points.length === 0) { console.error('the server has no fault points: not a testing build'); process.exit(1); }
await setUp();
const began = Date.now();
for (let i = 0; i < CYCLES; i++) {
  await cycle(i, i % 2 === 1 ? points[((i - 1) / 2) % points.length] : undefined);
  if ((i + 1) % 20 === 0) console.log(`${i + 1} deaths, ${counts.acked} acknowledged, ${counts.unknown} unknown outcomes`);
}
const missed = points.filter((p) => !hits.has(p));
console.log(`${counts.deaths} deaths (${counts.byPoint} at fault points), ${counts.acked} acknowledged statements, ` +
  `${counts.unknown} unknown outcomes, 0 lost, 0 doubled, 0 resurrected, ${((Date.now() - began) / 1000).toFixed(0)} s, seed ${SEED}`);
if (CYCLES >= 2 * points.length && missed.length > 0) {
  console.error(`fault points that never struck: ${missed.join(', ')}`);
  process.exit(1);
}
fs.rmSync(dir, { recursive: true, force: true });
