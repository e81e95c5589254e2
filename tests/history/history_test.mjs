// tests/history/history_test.mjs -- transactions of many clients, while the server flushes, compacts and is killed, leave a history
// that strong snapshot isolation allows (checker.mjs): what was answered is in every later snapshot. Lists are texts "1,2,3,"
// in rows of a SHARED and a USER table; transactions read and append by key, by query, by ON CONFLICT and over several rows; some
// go back to a savepoint, some roll back (what they read counts too), some are single statements.
//   KALAM_HISTORY_TRANSACTIONS   how many, default 2,000 (`make history TRANSACTIONS=n` for more)
//   KALAM_HISTORY_SEED
import http from 'node:http';
import { startServer } from '../api/harness.mjs';
import { check } from './checker.mjs';

const COUNT = Number(process.env.KALAM_HISTORY_TRANSACTIONS ?? 2000);
const KILLS = Math.max(2, Math.min(40, Math.floor(COUNT / 1000)));
const CLIENTS = 8;
const PER_KEY = 30; // transactions per key: lists stay short
const KEYS = Math.ceil(COUNT / PER_KEY) + 8;
const SEED = Number(process.env.KALAM_HISTORY_SEED ?? Date.now() % 1e9);
const tables = ['h.shared', 'h.mine'];

let state = SEED >>> 0;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};

const server = await startServer({
  settings: { limits: { max_query_limit: 0, default_query_limit: 0 }, flush: { check_interval_seconds: 1 } },
});
const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS + 4 });
server.token = (await server.login()).token;
await server.exec('CREATE NAMESPACE h');
await server.exec('CREATE SHARED TABLE h.shared (id BIGINT PRIMARY KEY, v TEXT)');
await server.exec('CREATE USER TABLE h.mine (id BIGINT PRIMARY KEY, v TEXT)');
for (const table of tables) {
  for (let at = 0; at < KEYS; at += 500) {
    const ids = Array.from({ length: Math.min(500, KEYS - at) }, (_, i) => `(${at + i}, '')`);
    await server.exec(`INSERT INTO ${table} (id, v) VALUES ${ids.join(', ')}`);
  }
}

const history = [];
const counts = { ok: 0, failed: 0, unknown: 0, kills: 0 };
const listOf = (text) => (text === '' ? [] : text.slice(0, -1).split(',').map(Number));
let value = 0;
let begun = 0;
let tick = 0; // beginnings and answers in their order
let isDown = Promise.resolve();

// One transaction: its statements, its ops, and for each read the place of its rows in the answer.
function make() {
  const statements = [];
  const ops = [];
  const reads = []; // { result, op, id }
  let result = 0; // of those that give rows
  const pick = () => ({ table: tables[random(2)], id: Math.min(KEYS - 1, Math.floor(begun / PER_KEY) + random(6)) });
  const key = ({ table, id }) => `${table}:${id}`;
  const append = () => {
    const at = pick();
    value++;
    const where = random(4) ? `id = ${at.id}` : `id IN (${at.id}, -1)`;
    statements.push(random(6)
      ? `UPDATE ${at.table} SET v = v || '${value},' WHERE ${where}`
      : `INSERT INTO ${at.table} AS old (id, v) VALUES (${at.id}, '${value},') ON CONFLICT (id) DO UPDATE SET v = old.v || excluded.v`);
    ops.push(['append', key(at), value]);
  };
  const read = () => {
    const at = pick();
    const other = Math.min(KEYS - 1, at.id + 1 + random(3));
    const ids = random(3) || other === at.id ? [at.id] : [at.id, other];
    statements.push(ids.length === 1 ? `SELECT id, v FROM ${at.table} WHERE id = ${at.id}` : `SELECT id, v FROM ${at.table} WHERE id IN (${ids})`);
    for (const id of ids) {
      const op = ['read', key({ table: at.table, id }), null];
      ops.push(op);
      reads.push({ result, op, id });
    }
    result++;
  };
  const detour = () => {
    const at = pick();
    statements.push('SAVEPOINT p', `UPDATE ${at.table} SET v = v || '-1,' WHERE id = ${at.id}`, 'ROLLBACK TO SAVEPOINT p');
  };
  if (random(8) === 0) {
    (random(2) ? append : read)();
    return { statements, ops, reads, isKept: true };
  }
  for (let i = 1 + random(4); i > 0; i--) {
    const what = random(10);
    (what < 5 ? append : what < 9 ? read : detour)();
  }
  const isKept = random(12) > 0;
  return { statements: ['BEGIN', ...statements, isKept ? 'COMMIT' : 'ROLLBACK'], ops, reads, isKept };
}

// What was rolled back read as truly as what was kept: its reads as a transaction of their own, without its own appends.
function readerOf(entry) {
  const own = new Set(entry.ops.map(([op, , value]) => (op === 'append' ? value : null)));
  const reads = entry.ops.filter(([op]) => op === 'read').map(([op, key, list]) => [op, key, list.filter((v) => !own.has(v))]);
  return { ...entry, outcome: 'ok', ops: reads };
}

async function client(number) {
  while (begun < COUNT) {
    begun++;
    const t = make();
    const entry = { client: number, index: history.length, outcome: 'unknown', ops: t.ops, began: tick++ };
    history.push(entry);
    try {
      const reply = await server.sql(t.statements.join('; '), { agent });
      entry.ended = tick++;
      if (reply.status === 200) {
        entry.outcome = t.isKept ? 'ok' : 'failed';
        const rows = reply.body.results.filter((r) => r.schema);
        for (const { result, op, id } of t.reads) op[2] = listOf(rows[result].rows.find((r) => r[0] === String(id))[1]);
        if (!t.isKept) history.push(readerOf(entry));
      } else if (reply.status < 500) {
        if (!/Conflict: /.test(reply.body.error.message)) throw new Error(`${t.statements.join('; ')}\n${reply.text}`);
        entry.outcome = 'failed';
      }
    } catch (error) {
      if (error.code === undefined) throw error;
      await isDown;
    }
    counts[entry.outcome]++;
  }
}

async function maintain() {
  for (let i = 0; begun < COUNT; i++) {
    try {
      await server.sql(`STORAGE ${i % 4 === 3 ? 'COMPACT' : 'FLUSH'} TABLE ${tables[i % 2]}`, { agent });
    } catch {
      await isDown;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function killer() {
  for (let i = 1; i <= KILLS; i++) {
    while (begun < (COUNT * i) / (KILLS + 1)) await new Promise((done) => setTimeout(done, 20));
    let up;
    isDown = new Promise((done) => (up = done));
    await server.kill();
    await server.start();
    counts.kills++;
    up();
  }
}

const began = Date.now();
await Promise.all([...Array.from({ length: CLIENTS }, (_, i) => client(i)), maintain(), killer()]);
const tookS = (Date.now() - began) / 1000;
const final = new Map();
for (const table of tables) {
  for (const [id, v] of (await server.exec(`SELECT id, v FROM ${table}`)).rows) final.set(`${table}:${id}`, listOf(v));
}
agent.destroy();
await server.stop();
await server.destroy();
const anomalies = check(history, final);
console.log(`${begun} transactions in ${tookS.toFixed(0)} s (${counts.ok} committed, ${counts.failed} failed or rolled back, ${counts.unknown} unknown), `
  + `${counts.kills} kills, seed ${SEED}: ${anomalies.length === 0 ? 'snapshot isolation holds' : 'ANOMALIES'}`);
for (const { kind, text } of anomalies) console.error(`${kind}: ${text}`);
process.exit(anomalies.length === 0 && counts.ok > COUNT / 4 ? 0 : 1);
