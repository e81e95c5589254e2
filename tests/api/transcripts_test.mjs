// tests/api/transcripts_test.mjs -- Goal: the requests that the official clients of 0.4.3 send get answers that those clients can read.
// Method: each file of transcripts/ is one client: statements to prepare, then its requests with what it reads of the reply.
//   columns names with types · names without · rows all of them · has rows among others · hasFirst first cells · like patterns for
//   texts that begin with ~ · cells per column, from the top · count, atLeast rows · message, messageLike, rowCount, asUser ·
//   schemas columns of tables out of the JSON of SHOW TABLES · error [code, part of the text] · live, change, event a subscription
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const DIR = 'tests/api/transcripts';
const typeOf = (field) => (typeof field.data_type === 'string' ? field.data_type : JSON.stringify(field.data_type));
const isLike = (want, is) => (typeof want === 'string' && want.startsWith('~') ? new RegExp(want.slice(1)).test(String(is)) : want === is);

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

async function watch(server, ws, step, n) {
  ws.subscribe(`sub-${n}`, step.live, {});
  assert.equal((await ws.next('subscription_ack')).subscription_id, `sub-${n}`);
  await server.exec(step.change);
  const message = await ws.until((m) => m.type === 'change' && m.subscription_id === `sub-${n}`);
  assert.equal(message.change_type, 'insert');
  for (const [name, cell] of Object.entries(step.event)) assert.deepEqual(message.rows[0][name], cell);
  ws.send({ type: 'unsubscribe', subscription_id: `sub-${n}` });
}

for (const file of fs.readdirSync(DIR).filter((f) => f.endsWith('.json')).sort()) {
  const { client, setup, talk } = JSON.parse(fs.readFileSync(`${DIR}/${file}`, 'utf8'));
  test(`${file}: ${client}`, async (t) => {
    const server = await startServer();
    try {
      server.token = (await server.login()).token;
      for (const sql of setup) await server.exec(sql);
      const ws = talk.some((s) => s.live) ? (await connect(server, { byMessage: true })).stayAlive() : null;
      for (const [n, step] of talk.entries()) {
        const known = Object.keys(step).filter((k) => !(k in checks) && !['note', 'sql', 'params', 'namespace', 'error', 'live', 'change', 'event'].includes(k));
        assert.deepEqual(known, [], `step ${n} asks what nothing checks`);
        await t.test(`${n}: ${step.note ?? ''} ${(step.sql ?? step.live).slice(0, 100)}`, () => (step.live ? watch(server, ws, step, n) : ask(server, step)));
      }
      await ws?.close();
      await server.stop();
    } finally {
      await server.destroy();
    }
  });
}
