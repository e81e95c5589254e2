// tests/api/stream_options_test.mjs -- what `ephemeral` and `max_buffer` of STREAM tables do. Goal: events of an ephemeral
// table are kept and told while somebody watches, and only then; the newest max_buffer rows are kept. Method: one server
// whose sweep of expired events comes every hour, so that only the bound removes rows; a subscriber that comes and goes
// while a writer writes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
let ws;
let tables = 0;
before(async () => {
  server = await startServer({ settings: { stream: { eviction_interval_seconds: 3600 } } });
  server.token = (await server.login()).token;
  await server.exec('CREATE NAMESPACE app');
  ws = (await connect(server)).stayAlive();
});
after(async () => {
  await ws.close();
  await server.stop();
  await server.destroy();
});

async function stream(options) {
  const name = `app.s${++tables}`;
  await server.exec(`CREATE STREAM TABLE ${name} (id BIGINT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 3600, ${options})`);
  return name;
}
const ids = async (t, options) => (await server.rows(`SELECT id FROM ${t} ORDER BY id LIMIT 1000`, options)).map((r) => Number(r.id));
const insert = (t, id, options) => server.exec(`INSERT INTO ${t} (id, v) VALUES (${id}, 'e')`, options);
const unsubscribe = async (socket, id) => {
  socket.send({ type: 'unsubscribe', subscription_id: id });
  return socket.settle();
};

test('an ephemeral stream keeps and tells what somebody watches, and forgets the rest', async () => {
  const t = await stream('ephemeral = true');
  const none = await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a'), (2, 'b') RETURNING id, _seq`);
  assert.deepEqual(none.rows.map((r) => r[0]), ['1', '2']);
  assert.ok(BigInt(none.rows[0][1]) > 0n && BigInt(none.rows[1][1]) > BigInt(none.rows[0][1]));
  assert.equal((await insert(t, 1)).message, 'Inserted 1 row(s)', 'its key is free');
  assert.deepEqual(await ids(t), []);

  const { rows } = await ws.load('e', `SELECT * FROM ${t} WHERE id > 10`);
  assert.deepEqual(rows, []);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (5, 'no'), (11, 'yes')`);
  assert.deepEqual((await ws.next('change')).rows.map((r) => r.id), ['11']);
  assert.deepEqual(await ids(t), [5, 11], 'a filter is no reason to forget');
  assert.equal((await server.sql(`INSERT INTO ${t} (id, v) VALUES (5, 'twice')`)).status, 400);

  assert.deepEqual(await unsubscribe(ws, 'e'), []);
  await insert(t, 12);
  assert.deepEqual(await ids(t), [5, 11]);
});

test('who watches an ephemeral stream keeps their own events, nobody else\'s', async () => {
  const t = await stream('ephemeral = true');
  const { token } = await server.user('ann', 'dba');
  const hers = (await connect(server, { token })).stayAlive();
  await hers.load('h', `SELECT * FROM ${t}`);
  await insert(t, 1);
  await insert(t, 2, { token });
  assert.equal((await hers.next('change')).rows[0].id, '2');
  assert.deepEqual(await hers.settle(), []);
  assert.deepEqual(await ids(t), []);
  assert.deepEqual(await ids(t, { token }), [2]);
  await hers.close();
  await eventually(async () => (await server.rows("SELECT live_id FROM system.live WHERE user_id = 'ann'")).length === 0, 'her end');
  await insert(t, 3, { token });
  assert.deepEqual(await ids(t, { token }), [2], 'a connection that ends watches no more');
});

test('every event that begins after the ack and ends before the unsubscribe is told', async () => {
  const t = await stream('ephemeral = true');
  let next = 0;
  let isOver = false;
  const events = []; // { id, begun, ended }: times in steps of the clock below
  let clock = 0;
  const write = async () => {
    while (!isOver) {
      const event = { id: ++next, begun: ++clock };
      await insert(t, event.id, { durability: event.id % 2 ? 'sync' : 'async' });
      event.ended = ++clock;
      events.push(event);
    }
  };
  const writers = [write(), write()];
  const watches = []; // { acked, left, told }
  try {
    for (let i = 0; i < 12; i++) {
      const { rows } = await ws.load(`r${i}`, `SELECT id FROM ${t}`);
      const watch = { acked: ++clock, told: new Set(rows.map((r) => Number(r.id))) };
      const until = next + 5;
      await eventually(() => next >= until, 'five more events');
      watch.left = ++clock;
      for (const m of await unsubscribe(ws, `r${i}`)) for (const r of m.rows ?? []) watch.told.add(Number(r.id));
      watches.push(watch);
    }
  } finally {
    isOver = true;
    await Promise.all(writers);
  }
  let owed = 0;
  for (const watch of watches) {
    for (const event of events.filter((e) => e.begun > watch.acked && e.ended < watch.left)) {
      owed++;
      assert.ok(watch.told.has(event.id), `event ${event.id} was not told`);
    }
  }
  assert.ok(owed >= watches.length, `${owed} events between ack and unsubscribe`);
  const told = new Set(watches.flatMap((w) => [...w.told]));
  const kept = await ids(t);
  for (const id of told) assert.ok(kept.includes(id), `event ${id} was told and is not kept`);
});

test('a discarded event answers its Idempotency-Key again', async () => {
  const t = await stream('ephemeral = true');
  const headers = { 'idempotency-key': 'once' };
  const first = await server.sql(`INSERT INTO ${t} (id, v) VALUES (1, 'a') RETURNING _seq`, { headers });
  const again = await server.sql(`INSERT INTO ${t} (id, v) VALUES (1, 'a') RETURNING _seq`, { headers });
  assert.equal(first.status, 200);
  assert.deepEqual(again.body.results[0].rows, first.body.results[0].rows);
  assert.deepEqual(await ids(t), []);
});

test('the newest max_buffer rows are kept, soon after there are many more', async () => {
  const t = await stream('max_buffer = 10');
  const many = (from, n) => `INSERT INTO ${t} (id, v) VALUES ${Array.from({ length: n }, (_, i) => `(${from + i}, 'e')`)}`;
  const newest = (last) => Array.from({ length: 10 }, (_, i) => last - 9 + i);
  await server.exec(many(1, 50));
  assert.equal((await ids(t)).length, 50, 'a few more are left to the sweep');
  await server.exec(many(51, 1500));
  await eventually(async () => (await ids(t)).length === 10, 'the bound');
  assert.deepEqual(await ids(t), newest(1550));
  assert.deepEqual(await server.rows("SELECT job_id FROM system.jobs WHERE job_type LIKE 'stream%'"), []);
  await insert(t, 1); // its key is free again
  await server.restart();
  server.token = (await server.login()).token;
  ws = (await connect(server)).stayAlive();
  assert.deepEqual(await ids(t), [1, ...newest(1550)]);
  await server.exec(many(2000, 200));
  await eventually(async () => (await ids(t)).length === 10, 'the bound after a restart');
  assert.deepEqual(await ids(t), newest(2199));
});

// FR-111 wants 5 ms per event. Ten times that, at the middle of 200, is what a loaded machine with sanitizers must reach.
test('an event is inserted in less than 50 ms', async () => {
  for (const options of ['ephemeral = false', 'ephemeral = true']) {
    const t = await stream(options);
    const took = [];
    for (let i = 0; i < 200; i++) {
      const start = process.hrtime.bigint();
      await insert(t, i);
      took.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    took.sort((a, b) => a - b);
    assert.ok(took[100] < 50, `${options}: ${took[100]} ms`);
  }
});
