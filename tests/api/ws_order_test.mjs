// tests/api/ws_order_test.mjs -- live queries under load (findings R9, R27): commit order, nothing lost
// between loading and living, slow readers, flush and compaction at any moment. Goal: what a client
// has at the end is what SELECT gives, and every message came in the order of `_seq`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect, encodeFrame, LiveRows } from './ws_client.mjs';

let server;
before(async () => {
  server = await startServer({ settings: { limits: { max_query_limit: 100000, default_query_limit: 100000 } } });
  await server.login().then(({ token }) => (server.token = token));
  await server.exec('CREATE NAMESPACE app');
});
after(async () => {
  await server.stop();
  await server.destroy();
});

let tables = 0;
async function table(kind = 'SHARED', more = '') {
  const name = `app.o${++tables}`;
  await server.exec(`CREATE TABLE ${name} (id BIGINT PRIMARY KEY, v TEXT, n BIGINT) WITH (TYPE='${kind}'${more})`);
  return name;
}

// Follows a subscription on its own: rows as a client keeps them, and the order of what came.
class Follower {
  constructor(ws, id) {
    this.live = new LiveRows();
    this.seqs = [];
    this.isReady = false;
    this.errors = [];
    this.done = (async () => {
      for (;;) {
        const message = await ws.next(undefined, 120000).catch(() => null);
        if (message === null) return;
        if (message.subscription_id !== id) continue;
        if (message.type === 'error') this.errors.push(message);
        if (message.type === 'initial_data_batch') {
          this.isReady = message.batch_control.status === 'ready';
          if (message.batch_control.has_more && this.pages) {
            ws.send({ type: 'next_batch', subscription_id: id, last_seq_id: message.batch_control.last_seq_id });
          }
        }
        for (const row of message.rows ?? message.old_values ?? []) if (row._seq) this.seqs.push(BigInt(row._seq));
        this.live.take(message);
      }
    })();
  }

  checkOrder() {
    for (let i = 1; i < this.seqs.length; i++) assert.ok(this.seqs[i] > this.seqs[i - 1], `message ${i} is out of order`);
  }
}

const columns = ['id', 'v', 'n'];
const selected = async (t, token, where = '') =>
  (await server.rows(`SELECT id, v, n FROM ${t} ${where} ORDER BY id`, { token })).map((r) => columns.map((c) => r[c]));

async function converge(follower, t, { token, where } = {}) {
  let wanted;
  try {
    await eventually(async () => {
      wanted = JSON.stringify(await selected(t, token, where));
      return JSON.stringify(follower.live.show(columns)) === wanted;
    }, 'the rows of SELECT');
  } catch (error) {
    assert.deepEqual(follower.live.show(columns), JSON.parse(wanted));
    throw error;
  }
  assert.deepEqual(follower.errors, []);
}

// `writers` clients, each with its own keys or all with the same, one statement after the other.
async function write(t, { writers, statements, keys, token, durability, isStopped = () => false }) {
  let writes = 0;
  const state = (seed) => () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  await Promise.all(
    Array.from({ length: writers }, async (_, w) => {
      const random = state(w + 1);
      for (let i = 0; i < statements && !isStopped(); i++) {
        const id = Math.floor(random() * keys);
        const what = random();
        const sql =
          what < 0.5 ? `INSERT INTO ${t} (id, v, n) VALUES (${id}, 'w${w}', ${i})`
          : what < 0.8 ? `UPDATE ${t} SET n = ${i}, v = 'u${w}' WHERE id = ${id}`
          : `DELETE FROM ${t} WHERE id = ${id}`;
        const reply = await server.sql(sql, { token, durability });
        if (reply.status === 200) writes++;
        else assert.match(reply.text, /Primary key violation|Conflict/);
      }
    }),
  );
  return writes;
}

for (const durability of ['sync', 'async']) {
  test(`8 writers on the same keys (${durability}): every subscriber ends with the rows, in commit order`, async () => {
    const t = await table();
    const sockets = [];
    const followers = [];
    for (const [i, sql] of [`SELECT * FROM ${t}`, `SELECT id, v, n FROM ${t}`].entries()) {
      const ws = (await connect(server)).stayAlive();
      const follower = new Follower(ws, `s${i}`);
      ws.subscribe(`s${i}`, sql, {});
      sockets.push(ws);
      followers.push(follower);
    }
    await eventually(() => followers.every((f) => f.isReady), 'the loads');
    const late = (await connect(server)).stayAlive();
    const lateFollower = new Follower(late, 'late');
    const writing = write(t, { writers: 8, statements: 120, keys: 40, durability });
    await new Promise((resolve) => setTimeout(resolve, 100));
    late.subscribe('late', `SELECT * FROM ${t}`, {});
    const writes = await writing;
    for (const follower of [...followers, lateFollower]) {
      await converge(follower, t);
      follower.checkOrder();
    }
    assert.ok(followers[0].live.events <= writes);
    assert.ok(followers[0].live.events > writes * 0.5, 'events came one by one');
    for (const ws of [...sockets, late]) await ws.close();
  });
}

test('a write exactly between load and live is seen once, a hundred times', async () => {
  const t = await table();
  const ws = (await connect(server)).stayAlive();
  for (let i = 0; i < 100; i++) {
    const id = `s${i}`;
    const writing = [
      server.exec(`INSERT INTO ${t} (id, v, n) VALUES (${i}, 'x', 0)`, { durability: i % 2 ? 'async' : 'sync' }),
      (async () => {
        if (i % 3 > 0) await new Promise((resolve) => setTimeout(resolve, i % 3));
        ws.subscribe(id, `SELECT * FROM ${t} WHERE id >= ${Math.max(0, i - 3)}`, i % 5 === 4 ? { batch_size: 1 } : {});
      })(),
    ];
    const live = new LiveRows();
    const seen = new Map();
    await Promise.all(writing);
    await server.exec(`UPDATE ${t} SET n = 1 WHERE id = ${i}`);
    await eventually(async () => {
      for (const message of await ws.settle()) {
        if (message.subscription_id !== id) continue;
        if (message.batch_control?.has_more && message.type === 'initial_data_batch') {
          ws.send({ type: 'next_batch', subscription_id: id, last_seq_id: message.batch_control.last_seq_id });
        }
        for (const row of message.rows ?? []) seen.set(row._seq, (seen.get(row._seq) ?? 0) + 1);
        live.take(message);
      }
      return live.rows.size === Math.min(i + 1, 4) && live.rows.get(String(i)).n === '1';
    }, `round ${i}`);
    for (const [s, count] of seen) assert.equal(count, 1, `round ${i}: _seq ${s} came ${count} times`);
    ws.send({ type: 'unsubscribe', subscription_id: id });
  }
  await ws.close();
});

test('flush and compaction under loads, resumes and writes', async () => {
  const t = await table();
  let isStopped = false;
  const maintenance = (async () => {
    while (!isStopped) {
      await server.sql(`STORAGE FLUSH TABLE ${t}`);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await server.sql(`STORAGE COMPACT TABLE ${t}`);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  })();
  const writing = write(t, { writers: 4, statements: 1000, keys: 60, durability: 'async', isStopped: () => isStopped });
  const until = Date.now() + 8000;
  let round = 0;
  while (Date.now() < until) {
    const ws = await connect(server);
    const follower = new Follower(ws, 's');
    follower.pages = round % 2 === 1;
    const options = [{}, { batch_size: 7 }, { leaves: true }, { last_rows: 100, batch_size: 100 }][round % 4];
    ws.subscribe('s', `SELECT * FROM ${t} WHERE n >= 0`, options);
    await eventually(() => follower.isReady, 'the load');
    await new Promise((resolve) => setTimeout(resolve, 120));
    const from = follower.live.lastSeq;
    ws.destroy(); // cut off wherever it is
    await follower.done;
    follower.checkOrder();
    const again = (await connect(server)).stayAlive();
    const resumed = new Follower(again, 's');
    resumed.live = follower.live;
    again.raw(encodeFrame(1, `{"type":"subscribe","subscription":{"id":"s","sql":"SELECT * FROM ${t} WHERE n >= 0","options":{"from":${from},"leaves":true}}}`));
    await eventually(() => resumed.isReady || resumed.errors.length > 0, 'the resume');
    if (round % 3 === 2) {
      isStopped = true;
      await writing;
      await converge(resumed, t, { where: 'WHERE n >= 0' });
      break;
    }
    await again.close();
    round++;
  }
  isStopped = true;
  await Promise.all([maintenance, writing]);
  const jobs = await server.rows("SELECT job_type, status FROM system.jobs WHERE status = 'failed'");
  assert.deepEqual(jobs, []);
});

test('a reader that stops reading is coalesced, read again and ends right; neighbours notice nothing', async () => {
  const t = await table();
  const slow = await connect(server, { query: '?compress=false' });
  const quick = (await connect(server)).stayAlive();
  const quickFollower = new Follower(quick, 's');
  const slowFollower = new Follower(slow, 's');
  for (const ws of [slow, quick]) ws.subscribe('s', `SELECT * FROM ${t}`, {});
  await eventually(() => slowFollower.isReady && quickFollower.isReady, 'the loads');
  const keepAlive = setInterval(() => slow.ping(), 2000);
  slow.socket.pause();
  const text = 'x'.repeat(1000);
  const rows = 3000; // 3 MB, far above what socket and queue take
  for (let i = 0; i < rows; i += 100) {
    const values = Array.from({ length: 100 }, (_, k) => `(${i + k}, '${text}', 0)`).join(', ');
    await server.exec(`INSERT INTO ${t} (id, v, n) VALUES ${values}`);
  }
  await server.exec(`UPDATE ${t} SET n = 1, v = 'short' WHERE id < 2500`);
  await server.exec(`DELETE FROM ${t} WHERE id < 1000`);
  await converge(quickFollower, t);
  assert.equal(quickFollower.live.events, rows + 2500 + 1000);
  await eventually(() => /live\s+resync/.test(server.output), 'what was too much for the buffer');
  slow.socket.resume();
  await converge(slowFollower, t);
  slowFollower.checkOrder();
  assert.ok(slowFollower.live.events < quickFollower.live.events, 'changes were coalesced');
  await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (99999, 'after', 2)`);
  await converge(slowFollower, t);
  clearInterval(keepAlive);
  await slow.close();
  await quick.close();
});

test('a burst of changes while a client pages slowly', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0)`);
  const ws = (await connect(server)).stayAlive();
  const follower = new Follower(ws, 's');
  ws.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 1 });
  await eventually(() => follower.seqs.length > 0, 'the first page');
  for (let i = 0; i < 6; i++) { // more keys than a buffer holds
    const values = Array.from({ length: 1000 }, (_, k) => `(${1000 * (i + 1) + k}, 'x', 1)`).join(', ');
    await server.exec(`INSERT INTO ${t} (id, v, n) VALUES ${values}`);
  }
  await server.exec(`DELETE FROM ${t} WHERE id < 3 OR id > 3000`);
  follower.pages = true;
  ws.send({ type: 'next_batch', subscription_id: 's', last_seq_id: String(follower.seqs.at(-1)) });
  await converge(follower, t);
  follower.checkOrder();
  await ws.close();
});

test('USER tables: 6 users write and watch at once, nobody sees another', async () => {
  const t = await table('USER');
  const users = await Promise.all(Array.from({ length: 6 }, (_, i) => server.user(`ou${i}`)));
  const followers = [];
  for (const { token } of users) {
    const ws = (await connect(server, { token })).stayAlive();
    const follower = new Follower(ws, 's');
    follower.ws = ws;
    ws.subscribe('s', `SELECT * FROM ${t}`, {});
    followers.push(follower);
  }
  await eventually(() => followers.every((f) => f.isReady), 'the loads');
  await Promise.all(users.map(async ({ token }, u) => {
    for (let i = 0; i < 60; i++) {
      await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (${i}, 'canary of ${u}', ${u})`, { token, durability: 'async' });
    }
  }));
  for (const [u, follower] of followers.entries()) {
    await converge(follower, t, { token: users[u].token });
    assert.equal(follower.live.rows.size, 60);
    for (const row of follower.live.rows.values()) assert.equal(row.v, `canary of ${u}`);
    follower.checkOrder();
    await follower.ws.close();
  }
});

test('subscribing and unsubscribing in a storm leaves nothing behind', async () => {
  const t = await table();
  const ws = (await connect(server)).stayAlive();
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 50; i++) {
      ws.subscribe(`s${i % 10}`, `SELECT * FROM ${t} WHERE id = ${i}`, i % 2 ? {} : null);
      if (i % 3 === 0) ws.send({ type: 'unsubscribe', subscription_id: `s${i % 10}` });
    }
    if (round % 10 === 0) await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (${round}, 'x', 0)`);
  }
  await ws.settle();
  for (let i = 0; i < 10; i++) ws.send({ type: 'unsubscribe', subscription_id: `s${i}` });
  await ws.settle();
  assert.deepEqual(await server.rows(`SELECT live_id FROM system.live WHERE table_name = '${t.slice(4)}'`), []);
  await ws.close();
});

// The store in memory forgets all when it is killed.
const isKept = process.env.KALAMDB_TEST_BACKEND !== 'mem';
test('a server that is killed: clients resume where they were', { skip: !isKept }, async () => {
  const t = await table();
  const own = await startServer({ settings: { limits: { max_query_limit: 100000, default_query_limit: 100000 } } });
  await own.login().then(({ token }) => (own.token = token));
  await own.exec('CREATE NAMESPACE app');
  await own.exec(`CREATE TABLE ${t} (id BIGINT PRIMARY KEY, v TEXT, n BIGINT) WITH (TYPE='SHARED')`);
  const live = new LiveRows();
  for (let round = 0; round < 3; round++) {
    const ws = await connect(own);
    const follower = new Follower(ws, 's');
    follower.live = live;
    const from = live.lastSeq;
    const options = from > 0n ? `{"from":${from},"leaves":true}` : '{"leaves":true}';
    ws.raw(encodeFrame(1, `{"type":"subscribe","subscription":{"id":"s","sql":"SELECT * FROM ${t}","options":${options}}}`));
    await eventually(() => follower.isReady, 'the load');
    const writing = Promise.all(Array.from({ length: 4 }, async (_, w) => {
      for (let i = 0; i < 400; i++) {
        const id = w * 100 + (i % 50);
        const sql = i % 3 === 2 ? `DELETE FROM ${t} WHERE id = ${id}`
          : i % 3 === 1 ? `UPDATE ${t} SET n = ${i} WHERE id = ${id}`
          : `INSERT INTO ${t} (id, v, n) VALUES (${id}, 'r${round}', ${i})`;
        const reply = await own.sql(sql, { durability: w % 2 ? 'async' : 'sync' }).catch(() => null);
        if (reply === null) return;
      }
    }));
    await new Promise((resolve) => setTimeout(resolve, 400));
    await own.kill();
    await writing;
    await follower.done;
    follower.checkOrder();
    await own.start();
    own.token = (await own.login()).token;
  }
  const ws = await connect(own);
  const follower = new Follower(ws, 's');
  follower.live = live;
  ws.raw(encodeFrame(1, `{"type":"subscribe","subscription":{"id":"s","sql":"SELECT * FROM ${t}","options":{"from":${live.lastSeq},"leaves":true}}}`));
  await eventually(() => follower.isReady, 'the last resume');
  const wanted = (await own.rows(`SELECT id, v, n FROM ${t} ORDER BY id`)).map((r) => columns.map((c) => r[c]));
  assert.deepEqual(follower.live.show(columns), wanted);
  await ws.close();
  await own.stop();
  await own.destroy();
});
