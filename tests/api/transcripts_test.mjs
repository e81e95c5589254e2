// tests/api/transcripts_test.mjs -- Goal: the requests that the official clients of 0.4.3 send get answers that those clients can read.
// Method: each file of transcripts/ is one client: statements to prepare, then its requests with what it reads of the reply.
//   columns names with types · names without · rows all of them · has rows among others · hasFirst first cells · like patterns for
//   texts that begin with ~ · cells per column, from the top · count, atLeast rows · message, messageLike, rowCount, asUser ·
//   schemas columns of tables out of the JSON of SHOW TABLES · error [code, part of the text] · live, change, event a subscription
// http "METHOD path": body, auth (access: the default, refresh, cookie, expired, none), status, reads {path: value}. Values, here and below: as they
//   are, "~pattern", or "#type". The tokens of a reply are those of the next steps.
// ws: a socket from its first frame: header (token in the upgrade) or not, query, protocol; frames in order: {send}, {change: SQL}, {reads},
//   {form: text | gzip | msgpack} of the message before; "$seq" in a text is the greatest _seq seen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import crypto from 'node:crypto';
import { ROOT_PASSWORD, startServer } from './harness.mjs';
import { connect, encodeFrame, open } from './ws_client.mjs';

const DIR = 'tests/api/transcripts';
const typeOf = (field) => (typeof field.data_type === 'string' ? field.data_type : JSON.stringify(field.data_type));
function isLike(want, is) {
  if (typeof want === 'string' && want.startsWith('~')) return new RegExp(want.slice(1)).test(String(is));
  if (typeof want === 'string' && want.startsWith('#')) return want.slice(1).split('|').includes(is === null ? 'null' : Array.isArray(is) ? 'array' : typeof is);
  return JSON.stringify(want) === JSON.stringify(is);
}

// What a client reads of a reply: paths as "a.0.b".
function checkReads(body, wanted) {
  for (const [path, want] of Object.entries(wanted)) {
    const is = path.split('.').reduce((at, key) => at?.[key], body);
    assert.ok(isLike(want, is), `${path}: ${want}, got ${JSON.stringify(is)} of ${JSON.stringify(body)}`);
  }
}

function checkSchemas(result, wanted) {
  const at = Object.fromEntries(result.schema.map((f) => [f.name, f.index]));
  for (const [table, columns] of Object.entries(wanted)) {
    const row = result.rows.find((r) => r[at.table_name] === table && r[at.is_latest]);
    assert.ok(row, `${table} is in SHOW TABLES`);
    const defs = JSON.parse(row[at.columns]);
    for (const def of defs) assert.deepEqual(Object.keys(def).filter((k) => ['column_name', 'data_type', 'is_nullable', 'is_primary_key', 'default_value', 'ordinal_position'].includes(k)).length, 6, `${table}.${def.column_name}`);
    const names = defs.map((d) => d.column_name);
    for (const name of columns) assert.ok(names.includes(name), `${table} has ${name}: ${names}`);
  }
}

const checks = {
  columns: (r, want) => assert.deepEqual(r.schema.map((f) => `${f.name} ${typeOf(f)}`), want),
  names: (r, want) => assert.deepEqual(r.schema.map((f) => f.name), want),
  rows: (r, want) => assert.deepEqual(r.rows, want),
  has: (r, want) => { for (const row of want) assert.ok(r.rows.some((is) => JSON.stringify(is) === JSON.stringify(row)), `${JSON.stringify(row)} is there`); },
  hasFirst: (r, want) => { for (const cell of want) assert.ok(r.rows.some((is) => is[0] === cell), `${cell} is there`); },
  like: (r, want) => want.forEach((row, i) => row.forEach((cell, j) => assert.ok(isLike(cell, r.rows[i][j]), `row ${i}, cell ${j}: ${cell}, got ${r.rows[i][j]}`))),
  cells: (r, want) => {
    for (const [name, cells] of Object.entries(want)) {
      const at = r.schema.findIndex((f) => f.name === name);
      assert.deepEqual(r.rows.slice(0, cells.length).map((row) => row[at]), cells, name);
    }
  },
  count: (r, want) => assert.equal(r.rows.length, want),
  atLeast: (r, want) => assert.ok(r.rows.length >= want, `${r.rows.length} rows`),
  message: (r, want) => assert.equal(r.message, want),
  messageLike: (r, want) => assert.match(r.message, new RegExp(want)),
  rowCount: (r, want) => assert.equal(r.row_count, want),
  asUser: (r, want) => assert.equal(r.as_user, want),
  schemas: checkSchemas,
};

async function ask(server, step) {
  const reply = await server.sql(step.sql, { params: step.params, namespace: step.namespace });
  if (step.error) {
    assert.equal(reply.body.status, 'error');
    assert.equal(reply.body.error.code, step.error[0]);
    assert.ok(reply.body.error.message.includes(step.error[1]), reply.body.error.message);
    return;
  }
  assert.equal(reply.status, 200, reply.text.slice(0, 800));
  assert.equal(reply.body.status, 'success');
  assert.equal(typeof reply.body.took, 'number');
  const result = reply.body.results.at(-1);
  assert.equal(typeof result.row_count, 'number');
  if (result.rows) { // the Rust core refuses a reply whose schema it does not know
    result.schema.forEach((f, i) => assert.equal(f.index, i));
    for (const row of result.rows) assert.equal(row.length, result.schema.length);
    for (const f of result.schema) assert.match(typeOf(f), /^(Boolean|SmallInt|Int|BigInt|Float|Double|Text|Timestamp|DateTime|Date|Time|Json|Bytes|Uuid|File|\{.*\})$/);
  }
  for (const [name, check] of Object.entries(checks)) if (name in step) check(result, step[name]);
}

const SECRET = 'a secret that only this test knows: 0123456789';
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function expiredToken() {
  const at = Math.floor(Date.now() / 1000);
  const text = `${part({ typ: 'JWT', alg: 'HS256' })}.${part({ sub: 'root', iss: 'kalamdb', exp: at - 600, iat: at - 900, email: null, role: 'system', token_type: 'access' })}`;
  return `${text}.${crypto.createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

async function request(server, session, step) {
  const [method, path] = step.http.split(' ');
  const bearer = { access: session.access, refresh: session.refresh, expired: expiredToken() }[step.auth ?? 'access'];
  const headers = step.auth === 'none' ? {} : step.auth === 'cookie' ? { cookie: session.cookies } : { authorization: `Bearer ${bearer}` };
  const body = JSON.parse(JSON.stringify(step.body ?? null).replaceAll('$password', ROOT_PASSWORD)) ?? undefined;
  const reply = await server.request(method, path, { headers: { 'content-type': 'application/json', ...headers }, body });
  assert.equal(reply.status, step.status, reply.text);
  checkReads(reply.body, step.reads);
  if (reply.body?.access_token === undefined) return;
  Object.assign(session, { access: reply.body.access_token, refresh: reply.body.refresh_token });
  session.cookies = reply.headers['set-cookie'].map((c) => c.split(';')[0]).join('; ');
}

const formOf = (raw) => (raw.isMsgpack ? 'msgpack' : raw.isGzip ? 'gzip' : 'text');

async function talkOver(server, session, step) {
  const ws = await open(server, { token: step.header ? session.access : undefined, query: step.query ?? '' });
  let raw = null;
  let seq = 0n;
  try {
    for (const frame of step.ws) {
      if (frame.send) ws.raw(encodeFrame(1, JSON.stringify(frame.send).replaceAll('$token', session.access).replaceAll('"$seq"', String(seq))));
      if (frame.change) await server.exec(frame.change);
      if (frame.reads) {
        raw = await ws.nextRaw();
        checkReads(raw.message, frame.reads);
        for (const row of [...(raw.message.rows ?? []), ...(raw.message.old_values ?? [])]) if (BigInt(row._seq ?? 0) > seq) seq = BigInt(row._seq);
      }
      if (frame.form) assert.equal(formOf(raw), frame.form);
    }
  } finally {
    ws.destroy();
  }
}

async function watch(server, ws, step, n) {
  ws.subscribe(`sub-${n}`, step.live, {});
  assert.equal((await ws.next('subscription_ack')).subscription_id, `sub-${n}`);
  await server.exec(step.change);
  const message = await ws.until((m) => m.type === 'change' && m.subscription_id === `sub-${n}`);
  assert.equal(message.change_type, 'insert');
  for (const [name, cell] of Object.entries(step.event)) assert.deepEqual(message.rows[0][name], cell);
  ws.send({ type: 'unsubscribe', subscription_id: `sub-${n}` });
}

const KNOWN = 'note sql params namespace error live change event http body auth status reads ws header query'.split(' ');

for (const file of fs.readdirSync(DIR).filter((f) => f.endsWith('.json')).sort()) {
  const { client, setup, talk } = JSON.parse(fs.readFileSync(`${DIR}/${file}`, 'utf8'));
  test(`${file}: ${client}`, async (t) => {
    const server = await startServer({ settings: { auth: { jwt_secret: SECRET } } });
    try {
      server.token = (await server.login()).token;
      const session = { access: server.token };
      for (const sql of setup) await server.exec(sql);
      const ws = talk.some((s) => s.live) ? (await connect(server, { byMessage: true })).stayAlive() : null;
      for (const [n, step] of talk.entries()) {
        const known = Object.keys(step).filter((k) => !(k in checks) && !KNOWN.includes(k));
        assert.deepEqual(known, [], `step ${n} asks what nothing checks`);
        const what = step.sql ?? step.live ?? step.http ?? 'a socket';
        await t.test(`${n}: ${step.note ?? ''} ${what.slice(0, 100)}`, () => {
          if (step.http) return request(server, session, step);
          if (step.ws) return talkOver(server, session, step);
          return step.live ? watch(server, ws, step, n) : ask(server, step);
        });
      }
      await ws?.close();
      await server.stop();
    } finally {
      await server.destroy();
    }
  });
}
