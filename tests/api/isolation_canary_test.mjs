// tests/api/isolation_canary_test.mjs -- Goal: nobody ever learns anything of another user's rows. Method: every value
// in a user's own tables holds a canary of the owner; many users with names that are each other's prefixes ask
// generated and hand-written queries; every byte of every reply is searched for canaries that the asker may not
// see. Nothing of one's own may be missing either: for each user a copy of the rows lies in a SHARED table that only
// root reads, and the same query on the copy must give the same rows. Hot, cold, mixed, compacted, after a restart.
//   KALAM_SERVER             the server binary
//   KALAM_ISOLATION_QUERIES  how many queries, default 5000
//   KALAM_ISOLATION_SEED     replays a run
//   KALAMDB_MUTANT           plants a defect (src/query/mutant.def); the test must then fail
import fs from 'node:fs';
import path from 'node:path';
import { Server, Failure, inParallel, quoteName, quoteText } from '../oracle/server.mjs';
import { Random } from '../oracle/random.mjs';
import * as data from '../oracle/data.mjs';
import { print, printWithParameters } from '../oracle/expression.mjs';
import { Queries } from '../oracle/query.mjs';
import { connect } from './ws_client.mjs';

const QUERIES = Number(process.env.KALAM_ISOLATION_QUERIES ?? 5000);
const SEED = process.env.KALAM_ISOLATION_SEED ?? '20261122';
const PASSWORD = 'Oracle-user-1!';
const ROWS = 36;
const TAGS = 8;
const WIDTH = 3;

class Broken extends Failure {}
function broken(text) { throw new Broken(text); }

const random = new Random(SEED);
const server = new Server({ name: 'isolation', mergeBytes: 4096 });
const counts = { queries: 0, generated: 0, compared: 0, replies: 0, bytes: 0, specials: 0, refused: 0, impersonations: 0, frames: 0 };
const hasHex = (n) => random.hex(n);

// -- who, and what nobody else may see ----------------------------------------------------------------------------

const NAMES = ['alice', 'bob', 'carol', 'a', 'aa', 'A', 'a:', 'a%', 'a_', 'alic', 'alice2', "o'brien", 'é', 'e\u0301', 'bob,carol', 'iso'];
const principals = new Map(); // name -> { name, role, session, canary, number, rows, tags, copy }

function canaries(name) {
  const canary = `q${hasHex(14)}`;
  const number = `7${String(random.int(900000) + 100000)}${String(random.int(900000) + 100000)}`; // 13 digits
  const bytes = [...canary].map((c) => c.charCodeAt(0));
  return { name, canary, number, bytes, patterns: [canary, [...canary].reverse().join(''), bytes.join(','), number, Buffer.from(canary).toString('base64').slice(1, -3)] };
}
const levels = Object.fromEntries(['private', 'restricted', 'dba'].map((l) => [l, canaries(`level ${l}`)]));
const levelsOf = { user: [], service: ['private', 'restricted'], dba: ['private', 'restricted', 'dba'], system: ['private', 'restricted', 'dba'] };

// Every byte that `who` gets. `also`: others whose rows this one reply may hold.
function sniff(who, bytes, what, also = []) {
  counts.replies++;
  counts.bytes += bytes.length;
  const text = bytes.toLowerCase();
  for (const other of [...principals.values(), ...Object.values(levels)]) {
    if (other === who || also.includes(other) || levelsOf[who.role].some((l) => levels[l] === other)) continue;
    for (const p of other.patterns) {
      if (text.includes(p.toLowerCase())) {
        broken(`LEAK: ${who.name} (${who.role}) reads a value of ${other.name}: ...${text.slice(Math.max(0, text.indexOf(p.toLowerCase()) - 80), text.indexOf(p.toLowerCase()) + 80)}...\n${what}`);
      }
    }
  }
}

async function ask(who, sql, params, options = {}) {
  const r = await who.session.sql(sql, params, options);
  counts.queries++;
  sniff(who, `${r.headers.join('\n')}\n${r.text}`, `${sql}\n${params ? JSON.stringify(params) : ''}`, options.also);
  if (r.status >= 500) throw new Failure(`an internal error for ${who.name}: ${r.text}\n${sql}`);
  return r;
}

async function mustAsk(who, sql, params, options) {
  const r = await ask(who, sql, params, options);
  if (r.body?.status !== 'success') throw new Failure(`${who.name}: ${r.text.slice(0, 1000)}\n${sql}\n${JSON.stringify(params)}`);
  return r.body.results;
}

// -- rows ---------------------------------------------------------------------------------------------------------

// A row as the oracle of tiers has it, with the owner's canary in every value that can hold one.
function mark(row, owner) {
  const marked = { ...row };
  for (const name of ['w', 'x', 'label']) if (name in row && row[name] !== null) marked[name] = `${row[name]}~${owner.canary}`;
  if ('j' in row && row.j !== null) marked.j = row.j.startsWith('{') && row.j !== '{}' ? row.j.replace('{', `{"who":"${owner.canary}",`) : `{"a":1,"who":"${owner.canary}"}`;
  if ('y' in row && row.y !== null) marked.y = [...owner.bytes, ...row.y];
  if ('n' in row && row.n !== null) marked.n = BigInt(`${owner.number}${String(random.int(900) + 100)}`);
  if ('u' in row && row.u !== null) marked.u = `${owner.uuid}${row.u.slice(13)}`;
  if ('code' in row) marked.code = `${row.code}~${owner.canary}`;
  return marked;
}

function modelRow(owner, id) { return mark(data.makeMain(random, id), owner); }

const namesOf = (p) => ({ T: 'iso.notes', D: 'iso.tags' });
const copyOf = (p) => ({ T: p.copy, D: p.copyTags, user: p.name });

async function insertAs(who, table, columns, rows) {
  for (let i = 0; i < rows.length; i += 40) await mustAsk(who, data.insertText(table, columns, rows.slice(i, i + 40)));
}

async function build() {
  await server.start();
  const root = server.root;
  await root.must('CREATE NAMESPACE iso');
  await root.must(data.createTable('USER', 'iso.notes', data.MAIN));
  await root.must(data.createTable('USER', 'iso.tags', data.DIM));
  await root.must('CREATE USER TABLE iso.named (code TEXT PRIMARY KEY, v TEXT NOT NULL, owner TEXT DEFAULT CURRENT_USER())');
  await root.must("CREATE STREAM TABLE iso.events (id BIGINT PRIMARY KEY, w TEXT) WITH (TTL_SECONDS = 3600)");
  await root.must("CREATE SHARED TABLE iso.pub (id BIGINT PRIMARY KEY, owner TEXT, v TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
  for (const level of Object.keys(levels)) {
    await root.must(`CREATE SHARED TABLE iso.lv_${level} (id BIGINT PRIMARY KEY, w TEXT) WITH (ACCESS_LEVEL = '${level.toUpperCase()}')`);
    await root.must(`INSERT INTO iso.lv_${level} (id, w) VALUES (1, ${quoteText(`x~${levels[level].canary}`)}), (2, ${quoteText(levels[level].canary)})`);
  }
  await root.must('CREATE VIEW iso.v_notes AS SELECT id, w, x, g FROM iso.notes');
  await root.must('CREATE VIEW iso.v_dba AS SELECT * FROM iso.lv_dba');
  await root.must('CREATE VIEW iso.v_mixed AS SELECT n.id, n.w, p.v FROM iso.notes n JOIN iso.pub p ON p.id = n.id');
  for (const [i, name] of [...NAMES, 'svc', 'boss'].entries()) {
    const role = name === 'svc' ? 'service' : name === 'boss' ? 'dba' : 'user';
    const p = { ...canaries(name), name, role, uuid: `${hasHex(8)}-${hasHex(4)}`, copy: `iso.copy_${i}`, copyTags: `iso.copyd_${i}` };
    p.patterns.push(p.uuid);
    p.session = await server.user(name, role, PASSWORD);
    principals.set(name, p);
    // Keys are the same for all users: nobody may notice those of others.
    p.rows = Array.from({ length: ROWS + random.int(8) }, (_, j) => modelRow(p, j * 2 + 1));
    p.tags = Array.from({ length: TAGS }, (_, j) => mark(data.makeDim(random, j), p));
    await root.must(data.createTable('SHARED', p.copy, data.MAIN).concat(" WITH (ACCESS_LEVEL = 'DBA')"));
    await root.must(data.createTable('SHARED', p.copyTags, data.DIM).concat(" WITH (ACCESS_LEVEL = 'DBA')"));
    await root.must(data.insertText(p.copy, data.MAIN, p.rows));
    await root.must(data.insertText(p.copyTags, data.DIM, p.tags));
    await root.must(`INSERT INTO iso.pub (id, owner, v) VALUES (${i + 1}, ${quoteText(name)}, 'public')`);
  }
  // In an order that is not that of names, so that "the first" is somebody in the middle.
  for (const p of random.sample([...principals.values()], principals.size)) {
    await insertAs(p, 'iso.notes', data.MAIN, p.rows);
    await insertAs(p, 'iso.tags', data.DIM, p.tags);
    await mustAsk(p, `INSERT INTO iso.named (code, v) VALUES ('same', '${p.canary}'), ('${p.canary}', 'x~${p.canary}')`);
    await mustAsk(p, `INSERT INTO iso.events (id, w) VALUES (1, 'e~${p.canary}'), (2, '${p.canary}')`);
  }
}

// Everybody has exactly their rows.
async function checkTruth(phase) {
  await inParallel(WIDTH, principals.size, async (i) => {
    const p = [...principals.values()][i];
    const columns = data.MAIN.map((c) => c[0]);
    const [result] = await mustAsk(p, `SELECT ${columns.join(', ')} FROM iso.notes ORDER BY id`);
    if (result.rows.length !== p.rows.length) broken(`${phase}: ${p.name} has ${p.rows.length} rows and reads ${result.rows.length}`);
    result.rows.forEach((cells, n) => data.MAIN.forEach(([name, type], c) => {
      const is = data.replyText(type, cells[c]);
      const must = data.cellText(type, p.rows[n][name]);
      if (is !== must) broken(`${phase}: row ${p.rows[n].id} of ${p.name}, ${name}: ${is}, must be ${must}`);
    }));
    const [events] = await mustAsk(p, 'SELECT count(*), min(w), max(w) FROM iso.events');
    if (events.rows[0][0] !== '2') broken(`${phase}: ${p.name} has ${events.rows[0][0]} events of 2`);
    const [named] = await mustAsk(p, 'SELECT code, v, owner FROM iso.named ORDER BY code');
    if (named.rows.length !== 2 || named.rows.some((r) => r[2] !== p.name)) broken(`${phase}: ${p.name} reads ${JSON.stringify(named.rows)} of iso.named`);
  });
}

// -- generated queries --------------------------------------------------------------------------------------------

const isOwn = (name) => name !== '_seq' && name !== '_updated';
function canonical(result, query) {
  const keep = result.schema.map((c, i) => [c.name, i]).filter(([name]) => isOwn(name)).map(([, i]) => i);
  const texts = result.rows.map((r) => JSON.stringify(keep.map((i) => r[i])).replace(/"(-?\d+)"/g, '$1'));
  return query.isOrdered ? texts : texts.sort();
}

async function compareWithCopy(p, query, partsOf, reply, sql) {
  const r = await server.root.sql(print(partsOf, copyOf(p)));
  counts.compared++;
  const ok = (x) => x.body?.status === 'success';
  if (ok(r) !== ok(reply)) throw new Failure(`${p.name} and the copy: one fails\n${reply.text.slice(0, 600)}\n${r.text.slice(0, 600)}\n${sql}`);
  if (!ok(r)) return;
  const got = canonical(reply.body.results.at(-1), query);
  const want = canonical(r.body.results[0], query);
  if (got.length !== want.length || got.some((t, i) => t !== want[i])) {
    broken(`${p.name} reads ${got.length} rows, the copy has ${want.length}: ${got.filter((t) => !want.includes(t)).slice(0, 3)} against ${want.filter((t) => !got.includes(t)).slice(0, 3)}\n${sql}`);
  }
}

// One text by one user, or by several right after each other.
async function generated(queries) {
  const all = [...principals.values()];
  const p = random.pick(all);
  const query = random.chance(0.85) ? queries.next() : (() => { const q = queries.point(p.rows); return { ...q, parts: q.fast, isOrdered: false }; })();
  const askers = random.chance(0.25) ? [p, ...random.sample(all.filter((o) => o !== p), 2)] : [p];
  await Promise.all(askers.map(async (who, i) => {
    const useParameters = random.chance(0.3);
    const form = useParameters ? printWithParameters(query.parts, namesOf(who)) : { sql: print(query.parts, namesOf(who)), params: [] };
    const isInBatch = !useParameters && random.chance(0.15);
    const sql = isInBatch ? `SELECT CURRENT_USER();${form.sql}` : form.sql;
    const r = await ask(who, sql, form.params.length ? form.params : undefined);
    counts.generated++;
    if (isInBatch && r.body.status === 'success' && r.body.results[0].rows[0][0] !== who.name) broken(`CURRENT_USER() of ${who.name} is ${r.text.slice(0, 300)}`);
    if (i > 0 || random.chance(0.3)) await compareWithCopy(who, query, query.parts, r, `${sql}\n${JSON.stringify(form.params)}`);
  }));
}

// -- written queries ----------------------------------------------------------------------------------------------

const isDenied = (r) => r.status === 403 && r.body?.error?.code === 'PERMISSION_DENIED';
const isError = (r) => r.status >= 400 && r.status < 500 && r.body?.status === 'error';

async function denied(who, sql, params, options) {
  const r = await ask(who, sql, params, options);
  counts.refused++;
  if (!isDenied(r)) broken(`${who.name} (${who.role}) is not refused (${r.status}): ${r.text.slice(0, 400)}\n${sql}`);
}
async function refused(who, sql, params, options) {
  const r = await ask(who, sql, params, options);
  counts.refused++;
  if (!isError(r)) broken(`${who.name} is not refused (${r.status}): ${r.text.slice(0, 400)}\n${sql}`);
}
async function gives(who, sql, want, params, options) {
  const [result] = await mustAsk(who, sql, params, options);
  if (JSON.stringify(result.rows) !== JSON.stringify(want)) broken(`${who.name} reads ${JSON.stringify(result.rows).slice(0, 400)}, must read ${JSON.stringify(want).slice(0, 400)}\n${sql}`);
}

// Those of the server's own list that are not for everybody.
const SYSTEM_TABLES = [...fs.readFileSync('src/query/system_tables.def', 'utf8').matchAll(/^TABLE\(system, (\w+), \w+, [01], 0\)/gm)].map((m) => m[1]);
if (!SYSTEM_TABLES.includes('users') || SYSTEM_TABLES.length < 10) throw new Error(`system_tables.def is not understood: ${SYSTEM_TABLES}`);
// A table that is denied, in every place where a table may stand.
const places = (t, column = '*') => [
  `SELECT ${column} FROM ${t}`, `SELECT count(*) FROM ${t}`, `SELECT id FROM iso.notes WHERE EXISTS (SELECT 1 FROM ${t})`,
  `SELECT (SELECT count(*) FROM ${t})`, `WITH c AS (SELECT * FROM ${t}) SELECT * FROM c`, `SELECT 1 UNION ALL SELECT count(*) FROM ${t}`,
  `SELECT n.id FROM iso.notes n, ${t} s`, `SELECT n.id FROM iso.notes n LEFT JOIN ${t} s ON true`, `SELECT x.* FROM (SELECT * FROM ${t}) x`,
  `SELECT id FROM iso.notes ORDER BY (SELECT count(*) FROM ${t})`, `SELECT id FROM iso.notes LIMIT (SELECT count(*) FROM ${t})`,
  `SELECT CASE WHEN false THEN (SELECT count(*) FROM ${t}) ELSE 1 END`, `SELECT n.id FROM iso.notes n, LATERAL (SELECT * FROM ${t}) l`,
  `INSERT INTO iso.notes (id) SELECT 99000 + count(*) FROM ${t}`, `UPDATE iso.notes SET g = 1 WHERE id IN (SELECT count(*) FROM ${t})`,
  `DELETE FROM iso.notes WHERE g > (SELECT count(*) FROM ${t})`, `(SELECT ${column} FROM ${t})`, `SELECT 1 EXCEPT SELECT count(*) FROM ${t}`,
  `WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT count(*) FROM ${t})) SELECT * FROM r`,
];

function anyUser() { return random.pick([...principals.values()].filter((p) => p.role === 'user')); }
function other(p) { return random.pick([...principals.values()].filter((o) => o !== p)); }

// Each: what is asked and what must come of it. All are run in every phase.
const specials = {
  async current_user() {
    for (const p of [anyUser(), anyUser(), principals.get('svc'), principals.get('boss')]) {
      await gives(p, 'SELECT CURRENT_USER(), CURRENT_USER, CURRENT_USER_ID(), CURRENT_ROLE()', [[p.name, p.name, p.name, p.role]]);
      await gives(p, 'SELECT owner FROM iso.pub WHERE owner = CURRENT_USER()', [[p.name]]);
      await gives(p, 'SELECT count(*) FROM iso.pub WHERE owner IN (SELECT CURRENT_USER())', [['1']]);
      await gives(p, 'WITH me AS (SELECT CURRENT_USER() AS u) SELECT p.owner FROM iso.pub p JOIN me ON p.owner = me.u', [[p.name]]);
    }
  },
  async levels() {
    for (const [level, who] of [['private', 'user'], ['restricted', 'user'], ['dba', 'user'], ['dba', 'service']]) {
      const p = who === 'user' ? anyUser() : principals.get('svc');
      for (const sql of places(`iso.lv_${level}`)) await denied(p, sql);
    }
    await gives(principals.get('svc'), 'SELECT count(*) FROM iso.lv_private', [['2']]);
    await gives(principals.get('boss'), 'SELECT count(*) FROM iso.lv_dba', [['2']]);
  },
  async levels_after_those_who_may() { // plans are shared between those who may and those who may not
    for (const sql of random.sample(places('iso.lv_private'), 4).filter((s) => !/^(INSERT|UPDATE|DELETE)/.test(s))) {
      await mustAsk(principals.get('svc'), sql);
      await mustAsk(principals.get('boss'), sql);
      await denied(anyUser(), sql);
      await mustAsk(principals.get('svc'), sql);
    }
    const sql = 'SELECT * FROM iso.lv_dba';
    await mustAsk(principals.get('boss'), sql);
    await denied(principals.get('svc'), sql);
    await server.root.must(sql);
    await denied(anyUser(), sql);
  },
  async levels_change() { // what was allowed a moment ago
    const p = anyUser();
    await denied(p, 'SELECT count(*) FROM iso.lv_restricted WHERE id > 0');
    await server.root.must('ALTER TABLE iso.pub SET ACCESS LEVEL PRIVATE');
    await denied(p, 'SELECT count(*) FROM iso.pub WHERE id > 0');
    await server.root.must('ALTER TABLE iso.pub SET ACCESS LEVEL PUBLIC');
    await gives(p, 'SELECT count(*) > 3 FROM iso.pub WHERE id > 0', [[true]]);
  },
  async writes_to_shared() {
    const p = anyUser();
    for (const t of ['pub', 'lv_private', 'lv_dba']) {
      await denied(p, `INSERT INTO iso.${t} (id) VALUES (777)`);
      await denied(p, `DELETE FROM iso.${t} WHERE id = 1`);
      await denied(p, `UPDATE iso.${t} SET id = 5 WHERE id = 1`).catch(async (e) => { // a key cannot be set: either refusal will do
        if (!(e instanceof Broken)) throw e;
        await refused(p, `UPDATE iso.${t} SET id = 5 WHERE id = 1`);
      });
      await denied(p, `INSERT INTO iso.${t} (id) SELECT id + 5000 FROM iso.notes`);
    }
  },
  async system_tables() {
    for (const t of SYSTEM_TABLES) {
      for (const p of [anyUser(), principals.get('svc')]) {
        await denied(p, `SELECT * FROM system.${t}`);
        for (const sql of random.sample(places(`system.${t}`), 2)) await denied(p, sql);
      }
    }
    for (const sql of places('system.users').filter((s) => !/^(INSERT|UPDATE|DELETE)/.test(s))) {
      await server.root.sql(sql); // its plan is there
      await denied(anyUser(), sql);
    }
    await denied(anyUser(), 'DESCRIBE TABLE system.users');
    await refused(anyUser(), 'SELECT * FROM users', undefined, { namespace: 'system' });
  },
  async views() {
    for (const p of [anyUser(), anyUser(), principals.get('svc')]) {
      await gives(p, 'SELECT count(*) FROM iso.v_notes', [[String(p.rows.length)]]);
      await gives(p, 'SELECT count(*) FROM iso.v_notes v JOIN iso.notes n ON n.id = v.id', [[String(p.rows.length)]]);
      await mustAsk(p, 'SELECT * FROM iso.v_mixed');
      await denied(p, 'SELECT * FROM iso.v_dba');
      await denied(p, 'SELECT count(*) FROM iso.notes n WHERE n.id IN (SELECT id FROM iso.v_dba)');
    }
    await gives(principals.get('boss'), 'SELECT count(*) FROM iso.v_dba', [['2']]);
  },
  async shadowing() {
    const p = anyUser();
    const n = String(p.rows.length);
    const inIso = { namespace: 'iso' };
    await gives(p, 'WITH notes AS (SELECT 1 AS id) SELECT count(*) FROM notes', [['1']], undefined, inIso);
    await gives(p, 'WITH notes AS (SELECT 1 AS id) SELECT count(*) FROM iso.notes', [[n]], undefined, inIso);
    await gives(p, 'WITH lv_dba AS (SELECT * FROM notes) SELECT count(*) FROM lv_dba', [[n]], undefined, inIso);
    await denied(p, 'WITH notes AS (SELECT * FROM lv_dba) SELECT count(*) FROM notes', undefined, inIso);
    await denied(p, 'WITH a AS (SELECT * FROM lv_dba), lv_dba AS (SELECT 1 AS id) SELECT * FROM a', undefined, inIso);
    await denied(p, 'SELECT * FROM (WITH lv_dba AS (SELECT 1) SELECT * FROM lv_dba) x, lv_dba', undefined, inIso);
    await denied(p, 'WITH lv_dba AS (SELECT 1 AS id) SELECT * FROM iso.lv_dba');
    await gives(p, 'WITH "iso.lv_dba" AS (SELECT 1 AS id) SELECT count(*) FROM iso.notes', [[n]]).catch(async (e) => { if (e instanceof Broken) throw e; });
    await gives(p, 'WITH notes AS (SELECT * FROM notes WHERE id < 0) SELECT count(*) FROM notes', [['0']], undefined, inIso).catch((e) => { if (e instanceof Broken) throw e; });
    await gives(p, 'SELECT count(*) FROM notes AS lv_dba', [[n]], undefined, inIso);
  },
  async errors() {
    for (const p of [anyUser(), anyUser()]) {
      for (const sql of [
        'SELECT CAST(w AS INT) FROM iso.notes', 'SELECT CAST(x AS TIMESTAMP) FROM iso.notes', 'SELECT CAST(j AS DOUBLE) FROM iso.notes',
        'SELECT w::UUID FROM iso.notes', 'SELECT id FROM iso.notes WHERE CAST(w AS INT) > 5', 'SELECT sum(CAST(label AS INT)) FROM iso.tags',
        'SELECT w + 1 FROM iso.notes', 'SELECT (SELECT w FROM iso.notes)', 'SELECT CAST(code AS BIGINT) FROM iso.named', 'SELECT CAST(w AS DATE) FROM iso.events',
        "SELECT regexp_matches(w, '(') FROM iso.notes", 'SELECT id FROM iso.notes GROUP BY w', 'SELECT no_such FROM iso.notes', 'SELECT * FROM iso.no_such',
        'SELECT CAST(w AS DECIMAL(38, 0)) FROM iso.notes', 'UPDATE iso.notes SET g = CAST(w AS INT) WHERE w IS NOT NULL', "SELECT strptime(w, '%Y') FROM iso.notes",
        'INSERT INTO iso.notes (id, nn) VALUES (90001, NULL)', `INSERT INTO iso.notes (id) VALUES (${p.rows[0]?.id ?? 1})`, "INSERT INTO iso.named (code, v) VALUES ('same', 'x')",
        'INSERT INTO iso.notes (id, g) SELECT 90002, CAST(w AS INT) FROM iso.notes WHERE w IS NOT NULL', "INSERT INTO iso.notes (id, u) VALUES (90003, 'no uuid')",
        'SELECT 9223372036854775807 + n FROM iso.notes', 'INSERT INTO iso.notes SELECT * FROM iso.tags', "SELECT error(w) FROM iso.notes",
      ]) await refused(p, sql);
      const [zero] = await mustAsk(p, 'SELECT count(*) FROM iso.notes WHERE id >= 90000');
      if (zero.rows[0][0] !== '0') broken(`a refused INSERT of ${p.name} left rows`);
    }
  },
  async keys_of_others() { // a key that others have is free, and stays theirs
    const p = anyUser();
    const o = other(p);
    await mustAsk(p, `INSERT INTO iso.named (code, v) VALUES ('${o.canary.slice(0, 6)}', 'mine')`);
    await gives(p, `SELECT v FROM iso.named WHERE code = '${o.canary.slice(0, 6)}'`, [['mine']]);
    await gives(p, `SELECT count(*) FROM iso.named WHERE code = $1`, [['0']], [o.canary]);
    await mustAsk(p, `DELETE FROM iso.named WHERE code = '${o.canary.slice(0, 6)}'`);
    const [deleted] = await mustAsk(p, `DELETE FROM iso.named WHERE code = $1`, [o.canary]);
    if (deleted.row_count !== 0) broken(`${p.name} deletes a row of ${o.name}`);
    await gives(o, `SELECT count(*) FROM iso.named WHERE code = $1`, [['1']], [o.canary]);
  },
  async execute_as() {
    const role = { user: 1, service: 2, dba: 3, system: 4 };
    const root = { ...canaries('root'), name: 'root', role: 'system', session: server.root };
    for (const actor of [anyUser(), principals.get('svc'), principals.get('boss'), root]) {
      for (const target of [anyUser(), anyUser(), principals.get('svc'), principals.get('boss'), actor]) {
        counts.impersonations++;
        const as = `EXECUTE AS USER ${quoteText(target.name)}`;
        const may = actor === target || (role[actor.role] > 1 && role[target.role] <= role[actor.role]);
        const also = { also: [target] };
        if (!may) {
          await denied(actor, `${as} (SELECT * FROM iso.notes)`);
          await denied(actor, `${as} (DELETE FROM iso.notes WHERE id > 0)`);
          await denied(actor, `SELECT count(*) FROM iso.notes; ${as} (SELECT 1)`);
          continue;
        }
        if (target === root) continue;
        const n = String(target.rows.length);
        await gives(actor, `${as} (SELECT count(*) FROM iso.notes)`, [[n]], undefined, also);
        await gives(actor, `${as} (SELECT count(*) FROM iso.v_notes WHERE id > $1)`, [[n]], [0], also);
        await gives(actor, `${as} (SELECT CURRENT_USER(), CURRENT_ROLE())`, [[target.name, 'user']], undefined, also);
        const [whole] = await mustAsk(actor, `${as} (SELECT * FROM iso.notes)`, undefined, also);
        if (whole.as_user !== target.name) broken(`as_user is ${whole.as_user} for ${target.name}`);
        const row = target.rows[0];
        await gives(actor, `${as} (SELECT id FROM iso.notes WHERE id = ${row?.id ?? 0})`, row ? [[String(row.id)]] : [], undefined, also);
        // the rights are those of a user, whoever the actor is
        await denied(actor, `${as} (SELECT * FROM iso.lv_private)`, undefined, also);
        await denied(actor, `${as} (SELECT * FROM iso.v_dba)`, undefined, also);
        await denied(actor, `${as} (SELECT * FROM system.users)`, undefined, also);
        await denied(actor, `${as} (CREATE NAMESPACE nope)`, undefined, also);
        await refused(actor, `${as} (INSERT INTO iso.pub (id) VALUES (4711))`, undefined, also);
        // one batch: another's rows and one's own
        const batch = await mustAsk(actor, `${as} (SELECT count(*) FROM iso.notes); SELECT CURRENT_USER(), count(*) FROM iso.notes`, undefined, also);
        const own = actor.rows ? String(actor.rows.length) : '0';
        if (batch[0].rows[0][0] !== n || batch[1].rows[0][0] !== actor.name || batch[1].rows[0][1] !== own) broken(`a batch of ${actor.name} as ${target.name}: ${JSON.stringify(batch.map((b) => b.rows))}`);
        // a write lands with the target
        await mustAsk(actor, `${as} (INSERT INTO iso.named (code, v) VALUES ('as', '${target.canary}'))`, undefined, also);
        await gives(target, "SELECT owner FROM iso.named WHERE code = 'as'", [[target.name]]);
        const [changed] = await mustAsk(actor, `${as} (UPDATE iso.named SET v = v || '!' WHERE code || '' = 'as')`, undefined, also);
        const [gone] = await mustAsk(actor, `${as} (DELETE FROM iso.named WHERE code = 'as')`, undefined, also);
        if (changed.row_count !== 1 || gone.row_count !== 1) broken(`a write of ${actor.name} as ${target.name} does not reach the row`);
      }
    }
    await refused(anyUser(), "EXECUTE AS USER 'alice' (EXECUTE AS USER 'bob' (SELECT * FROM iso.notes))");
    await refused(principals.get('svc'), "EXECUTE AS USER 'alice' (SELECT 1); EXECUTE AS USER 'boss' (SELECT * FROM iso.notes)");
    await refused(principals.get('svc'), "EXECUTE AS USER 'alice' (SELECT * FROM iso.notes) UNION SELECT * FROM iso.notes");
  },
  async commented_execute_as() {
    const p = anyUser();
    const o = other(p);
    for (const sql of [`/* x */ EXECUTE /* y */ AS USER ${quoteText(o.name)} (SELECT * FROM iso.notes)`, `EXECUTE AS USER ${quoteText(o.name)}\n(\nSELECT * FROM iso.notes\n)`,
      `execute as user ${quoteName(o.name)} (select * from iso.notes)`, `EXECUTE AS USER ${quoteText(o.name)} (SELECT * FROM iso.notes) -- )`]) {
      const r = await ask(p, sql);
      if (!isError(r)) broken(`${p.name} acts as ${o.name}: ${sql}`);
    }
  },
  async files() {
    const p = anyUser();
    const found = [];
    const walk = (dir) => fs.readdirSync(dir, { withFileTypes: true }).forEach((e) => { const f = path.join(dir, e.name); if (e.isDirectory()) walk(f); else if (f.endsWith('.parquet')) found.push(f); });
    walk(path.join(server.dir, 'data'));
    const names = [...random.sample(found, 3), path.join(server.dir, 'data', 'storage', 'iso', 'notes', 'bob', 'batch-0.parquet'), '*.parquet', `${server.dir}/data/**/*.parquet`];
    for (const f of names) {
      for (const sql of [`SELECT * FROM ${quoteText(f)}`, `SELECT * FROM ${quoteName(f)}`, `SELECT * FROM read_parquet(${quoteText(f)})`, `SELECT * FROM read_parquet([${quoteText(f)}])`,
        `SELECT * FROM parquet_scan(${quoteText(f)})`, `SELECT * FROM parquet_metadata(${quoteText(f)})`, `SELECT * FROM glob(${quoteText(f)})`, `SELECT * FROM read_blob(${quoteText(f)})`,
        `SELECT * FROM iso.${quoteName(f)}`, `SELECT * FROM ${quoteName(path.dirname(f))}.${quoteName(path.basename(f))}`, `WITH ${quoteName(f)} AS (SELECT 1 AS id) SELECT * FROM ${quoteName(f)}`,
        `WITH x AS (SELECT * FROM ${quoteText(f)}) SELECT * FROM x`, `SELECT id FROM iso.notes WHERE EXISTS (SELECT 1 FROM ${quoteText(f)})`, `COPY (SELECT 1) TO ${quoteText(`${f}.out`)}`]) {
        await refused(p, sql);
      }
    }
    for (const sql of ["SELECT * FROM kalam_hot(1)", 'SELECT * FROM kalam_files(1)', "SELECT * FROM kalam_system('system.users')", 'SELECT kalam_files(1)', 'SELECT * FROM _k_all.iso.notes', 'SELECT * FROM _k_raw.iso.lv_dba',
      'SELECT * FROM _k_hot.iso.notes', 'SELECT * FROM memory.main.notes', 'SELECT * FROM temp.main.notes', 'SELECT * FROM main.notes', 'SELECT * FROM duckdb_views()', 'SELECT * FROM duckdb_tables', 'SELECT * FROM sqlite_master',
      "SELECT * FROM query('SELECT * FROM iso.lv_dba')", "SELECT * FROM query_table(['iso.lv_dba'])", 'SELECT * FROM pg_catalog.pg_class', 'SELECT * FROM duckdb_settings()', "SELECT current_setting('memory_limit')"]) {
      await refused(p, sql);
    }
  },
  async deleted_rows() {
    for (const p of [anyUser(), anyUser(), principals.get('svc')]) {
      for (const sql of ['SELECT * FROM iso.notes WHERE _deleted', 'SELECT id, w, _deleted FROM iso.notes WHERE _deleted = true OR 1 = 1', 'SELECT * FROM iso.notes WHERE _deleted IS NOT NULL',
        'SELECT n.w FROM iso.notes n WHERE EXISTS (SELECT 1 FROM iso.notes m WHERE m._deleted)', 'SELECT * FROM iso.named WHERE _deleted']) await mustAsk(p, sql);
      await gives(p, 'SELECT count(*) FROM iso.notes WHERE _deleted = false', [[String(p.rows.length)]]);
    }
  },
  async metadata() {
    for (const p of [anyUser(), anyUser(), anyUser()]) {
      for (const sql of ['SHOW TABLES', 'SHOW TABLES IN iso', 'SHOW NAMESPACES', 'SHOW STORAGES', 'DESCRIBE TABLE iso.notes', 'DESCRIBE TABLE iso.notes HISTORY', 'SHOW STATS FOR TABLE iso.events',
        'SELECT * FROM information_schema.tables', 'SELECT * FROM information_schema.columns', 'SELECT * FROM information_schema.schemata', 'SUBSCRIBE TO iso.notes']) await ask(p, sql);
      const [stats] = await mustAsk(p, 'SHOW STATS FOR TABLE iso.notes');
      const rows = Number(stats.rows[0][stats.schema.findIndex((c) => c.name === 'logical_rows')]);
      if (rows < p.rows.length || rows > p.rows.length + 200) broken(`SHOW STATS of ${p.name}: ${rows} rows of ${p.rows.length}`);
      const [manifest] = await mustAsk(p, 'SHOW MANIFEST');
      const at = manifest.schema.findIndex((c) => c.name === 'scope');
      const foreign = manifest.rows.find((r) => r[at] !== 'shared' && r[at] !== p.name);
      if (foreign) broken(`SHOW MANIFEST of ${p.name} shows the part of ${foreign[at]}`);
      const ids = manifest.rows.map((r) => r[manifest.schema.findIndex((c) => c.name === 'table_name')]);
      if (ids.some((t) => /^(lv_|copy)/.test(t))) broken(`SHOW MANIFEST of ${p.name} shows ${ids}`);
      for (const sql of ['SHOW STATS FOR TABLE iso.lv_dba', 'DESCRIBE TABLE iso.lv_private', 'SUBSCRIBE TO iso.lv_dba', 'EXPLAIN SELECT * FROM iso.notes', 'STORAGE FLUSH TABLE iso.notes', 'STORAGE COMPACT TABLE iso.notes',
        'DROP TABLE iso.notes', 'ALTER TABLE iso.lv_private ADD COLUMN z INT', 'CREATE VIEW iso.mine AS SELECT * FROM iso.notes', "CREATE USER eve WITH PASSWORD 'Oracle-user-1!' ROLE dba", `ALTER USER ${quoteName(p.name)} SET ROLE dba`,
        'DROP USER alice', 'SHOW JOBS', "KILL LIVE QUERY 'x'"]) await denied(p, sql);
    }
  },
  async splicing() {
    const p = anyUser();
    const n = String(p.rows.length);
    for (const v of ["' OR '1'='1", "') OR (1=1) --", "x' UNION SELECT w FROM iso.lv_dba --", '$1', '$2', "\u2019 OR 1=1", '/*', '--', ';SELECT * FROM iso.lv_dba', '\\', "\\' OR 1=1"]) {
      await gives(p, 'SELECT count(*) FROM iso.notes WHERE w = $1', [['0']], [v]);
      await gives(p, `SELECT count(*) FROM iso.notes WHERE w = ${quoteText(v)}`, [['0']]);
      await gives(p, `SELECT count(*) FROM iso.notes WHERE id > -1 AND (w IS NULL OR w <> ${quoteText(v)})`, [[n]]);
      await gives(p, 'SELECT v FROM iso.named WHERE code = $1', [], [v]);
    }
    await denied(p, "SELECT 1 -- '\n UNION SELECT count(*) FROM iso.lv_dba");
    await refused(p, 'DELETE FROM iso.notes WHERE id = -1 UNION SELECT * FROM iso.lv_dba');
    await refused(p, 'DELETE FROM iso.named WHERE code = $1) OR (1=1', ['x']);
    for (const ns of ['iso.notes', "iso' OR 1=1", '..', '_k_all', 'main', 'information_schema', '', ' ', 'é'.repeat(200)]) await ask(p, 'SELECT * FROM lv_dba', undefined, { namespace: ns });
  },
  async writes_stay_at_home() { // everything of mine, nothing of yours
    const p = anyUser();
    const before = await Promise.all([...principals.values()].map((o) => mustAsk(o, 'SELECT count(*), max(_seq) FROM iso.tags')));
    const [up] = await mustAsk(p, "UPDATE iso.tags SET price = coalesce(price, 0) + 1 WHERE 1 = 1");
    if (up.row_count !== p.tags.length) broken(`UPDATE of all by ${p.name}: ${up.row_count} of ${p.tags.length}`);
    const [de] = await mustAsk(p, 'DELETE FROM iso.tags WHERE true');
    if (de.row_count !== p.tags.length) broken(`DELETE of all by ${p.name}: ${de.row_count} of ${p.tags.length}`);
    const after = await Promise.all([...principals.values()].map((o) => mustAsk(o, 'SELECT count(*), max(_seq) FROM iso.tags')));
    [...principals.values()].forEach((o, i) => {
      if (o !== p && JSON.stringify(before[i][0].rows) !== JSON.stringify(after[i][0].rows)) broken(`writes of ${p.name} change ${o.name}: ${JSON.stringify(before[i][0].rows)} ${JSON.stringify(after[i][0].rows)}`);
    });
    await insertAs(p, 'iso.tags', data.DIM, p.tags);
  },
  async windows_and_groups() {
    const p = anyUser();
    for (const sql of ['SELECT w, row_number() OVER (ORDER BY id), lag(x) OVER (ORDER BY id) FROM iso.notes', 'SELECT g, string_agg(w, \',\' ORDER BY id) FROM iso.notes GROUP BY ROLLUP (g)',
      'SELECT first_value(w) OVER (PARTITION BY g ORDER BY id) FROM iso.notes', 'SELECT max(w), min(x), max(n), count(DISTINCT u) FROM iso.notes', 'SELECT array_agg(w ORDER BY id) FROM iso.notes',
      'SELECT n.w, p.owner FROM iso.notes n FULL JOIN iso.pub p ON p.id = n.id', 'SELECT n.w, m.w FROM iso.notes n JOIN iso.notes m ON n.g = m.g', 'SELECT * FROM iso.notes NATURAL JOIN iso.events',
      'SELECT w FROM iso.notes INTERSECT SELECT w FROM iso.events', 'SELECT v FROM iso.named UNION SELECT w FROM iso.notes UNION SELECT label FROM iso.tags UNION SELECT w FROM iso.events']) await mustAsk(p, sql);
    await gives(p, 'SELECT count(*) FROM iso.notes a CROSS JOIN iso.events b', [[String(p.rows.length * 2)]]);
    await gives(p, 'SELECT count(*) FROM iso.notes WHERE x IS NULL OR contains(x, $1)', [[String(p.rows.length)]], [p.canary]);
  },
};

// -- live queries -------------------------------------------------------------------------------------------------

// Several users watch; all of them write; each is told of their own rows, all of them, and of no other.
async function live(phase) {
  const watchers = [anyUser(), principals.get('a'), principals.get('aa'), principals.get('a:'), principals.get('alice'), principals.get('svc')].filter((p, i, all) => all.indexOf(p) === i);
  const sockets = await Promise.all(watchers.map((p) => connect(server, { token: p.session.token, query: '?compress=false' })));
  for (const ws of sockets) ws.stayAlive();
  const seen = watchers.map(() => []);
  try {
    for (const [i, ws] of sockets.entries()) {
      const p = watchers[i];
      for (const [id, sql] of [['notes', 'SELECT * FROM iso.notes'], ['some', 'SELECT id, w FROM iso.notes WHERE id > 0'], ['events', 'SELECT * FROM iso.events'], ['pub', 'SELECT * FROM iso.pub']]) {
        ws.send({ type: 'subscribe', subscription: { id, sql, options: {} } });
      }
      ws.send({ type: 'subscribe', subscription: { id: 'forbidden', sql: `SELECT * FROM iso.${p.role === 'service' ? 'lv_dba' : 'lv_private'}`, options: {} } });
      ws.send({ type: 'subscribe', subscription: { id: 'system', sql: 'SELECT * FROM system.users', options: {} } });
      const ready = new Set();
      const failed = new Set();
      const initial = [];
      await ws.until((m) => {
        sniff(p, JSON.stringify(m), `${phase}: live`);
        counts.frames++;
        if (m.type === 'error') failed.add(m.subscription_id ?? m.id);
        if (m.type === 'initial_data_batch') {
          if (m.subscription_id === 'notes') initial.push(...m.rows);
          if (m.batch_control?.has_more === false) ready.add(m.subscription_id);
        }
        return ready.size >= 4 && failed.size >= 2;
      });
      if (failed.has('notes') || !failed.has('forbidden') || !failed.has('system')) broken(`${p.name}: subscriptions refused: ${[...failed]}`);
      if (initial.length !== p.rows.length) broken(`${phase}: ${p.name} is shown ${initial.length} rows of ${p.rows.length}`);
    }
    const base = 70000;
    await Promise.all([...principals.values()].map(async (p, i) => {
      await mustAsk(p, `INSERT INTO iso.notes (id, w) VALUES (${base + i}, 'live~${p.canary}')`);
      await mustAsk(p, `UPDATE iso.notes SET x = 'up~${p.canary}' WHERE id = ${base + i}`);
      await mustAsk(p, `DELETE FROM iso.notes WHERE id = ${base + i}`);
    }));
    await Promise.all(sockets.map((ws, i) => ws.until((m) => {
      const p = watchers[i];
      sniff(p, JSON.stringify(m), `${phase}: live`);
      counts.frames++;
      if (m.type === 'change' && m.subscription_id === 'notes') seen[i].push(m.change_type);
      return seen[i].length === 3;
    })));
    for (const [i, ws] of sockets.entries()) { // nothing comes after that
      for (const m of await ws.settle()) {
        sniff(watchers[i], JSON.stringify(m), `${phase}: live`);
        if (m.type === 'change' && m.subscription_id === 'notes') broken(`${watchers[i].name} is told of a change too many: ${JSON.stringify(m)}`);
      }
      if (seen[i].join() !== 'insert,update,delete') broken(`${watchers[i].name} is told ${seen[i]}`);
    }
  } finally {
    await Promise.all(sockets.map((ws) => ws.close()));
  }
}

// -- writes -------------------------------------------------------------------------------------------------------

// A generated write by one user, the same on the copy; the model follows by reading the copy.
async function write(queries, p) {
  const w = queries.write();
  const sql = print(w.parts, namesOf(p));
  const [r] = await mustAsk(p, sql);
  const [c] = await server.root.must(print(w.parts, copyOf(p)));
  if (r.row_count !== c.row_count) broken(`${p.name} changes ${r.row_count} rows, the copy ${c.row_count}\n${sql}`);
}

async function insertMore(p, from) {
  const rows = Array.from({ length: 5 }, (_, i) => modelRow(p, from + i * 2));
  await insertAs(p, 'iso.notes', data.MAIN, rows);
  await server.root.must(data.insertText(p.copy, data.MAIN, rows));
}

async function readModels() {
  for (const p of principals.values()) {
    const rows = await server.root.rows(`SELECT ${data.MAIN.map((c) => c[0]).join(', ')} FROM ${p.copy} ORDER BY id`);
    p.rows = rows.map((cells) => Object.fromEntries(data.MAIN.map(([name, type], i) => [name, cells[i] === null || !['INT', 'BIGINT', 'SMALLINT', 'TIMESTAMP'].includes(type) ? cells[i] : BigInt(cells[i])])));
  }
}

async function writes(queries, round) {
  for (const p of principals.values()) {
    await write(queries, p);
    if (random.chance(0.5)) await write(queries, p);
    await insertMore(p, 1000 + round * 20);
  }
  await readModels();
}

// -- the course ---------------------------------------------------------------------------------------------------

async function phase(name, queries, n) {
  await checkTruth(name);
  for (const [special, run] of Object.entries(specials)) {
    counts.specials++;
    try {
      await run();
    } catch (e) {
      e.message = `${name}, ${special}: ${e.message}`;
      throw e;
    }
  }
  await live(name);
  const until = counts.generated + n;
  await Promise.all(Array.from({ length: WIDTH }, async () => { while (counts.generated < until) await generated(queries); }));
  await checkTruth(`after ${name}`);
}

async function flushAll() { for (const t of ['iso.notes', 'iso.tags', 'iso.named', 'iso.lv_private', 'iso.lv_dba', 'iso.pub']) await server.flush(t); }

async function main() {
  const began = Date.now();
  await build();
  const built = Date.now();
  const queries = new Queries(random, { sessionUser: true });
  const n = Math.ceil(QUERIES / 5);
  await phase('hot', queries, n);
  await flushAll();
  await phase('cold', queries, n);
  await writes(queries, 0);
  await phase('mixed', queries, n);
  await flushAll();
  await writes(queries, 1);
  for (const t of ['iso.notes', 'iso.tags']) await server.compact(t);
  await phase('compacted', queries, n);
  await server.restart();
  for (const p of principals.values()) p.session = await server.login(p.name, PASSWORD);
  await server.root.must('SELECT 1');
  for (const p of principals.values()) { // streams live in memory and on disk; theirs are still theirs
    const [r] = await mustAsk(p, 'SELECT count(*) FROM iso.events');
    if (r.rows[0][0] !== '2') broken(`after the restart ${p.name} has ${r.rows[0][0]} events of 2`);
  }
  await phase('restarted', queries, n);
  await server.stop();
  sniffFiles();
  console.log(`${counts.queries} queries (${counts.generated} generated) by ${principals.size} users, ${counts.compared} compared with a copy, ${counts.refused} refused as they must, ${counts.impersonations} impersonations, `
    + `${counts.frames} live messages; ${counts.replies} replies with ${counts.bytes} bytes: no foreign canary; ${((built - began) / 1000).toFixed(1)} s to build, ${((Date.now() - built) / 1000).toFixed(1)} s to ask, ${server.cpu().toFixed(0)} s of CPU; seed ${SEED}`);
  if (counts.generated < QUERIES) throw new Failure('too few queries');
}

// No value of anybody in the log.
function sniffFiles() {
  const logs = path.join(server.dir, 'logs');
  const texts = [server.output, ...(fs.existsSync(logs) ? fs.readdirSync(logs).map((f) => fs.readFileSync(path.join(logs, f), 'utf8')) : [])];
  for (const text of texts) {
    for (const o of [...principals.values(), ...Object.values(levels)]) {
      if (text.includes(o.canary)) broken(`LEAK: the log holds a value of ${o.name}`);
    }
    if (text.includes(PASSWORD)) broken('LEAK: the log holds a password');
  }
}

let code = 0;
try {
  await main();
} catch (e) {
  code = 1;
  const kind = e instanceof Broken ? 'ISOLATION BROKEN' : 'FAILED';
  console.error(`${kind}: ${e instanceof Failure ? e.message : e.stack}\nreplay with KALAM_ISOLATION_SEED=${SEED} KALAM_ISOLATION_QUERIES=${QUERIES}\n${server.output.slice(-6000)}`);
} finally {
  await server.discard();
}
process.exit(code);
