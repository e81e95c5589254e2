// tests/api/embedding_test.mjs -- Goal: EMBEDDING columns of every width, as models make them, go everywhere that other columns go,
// under the memory that the engine has by default; and rows as wide as that are flushed. Method: three vectors, asked one by one,
// then many copies of them, hot and cold; every answer is known beforehand.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
async function begin(settings) {
  const begun = await startServer({ settings });
  begun.token = (await begun.login()).token;
  await begun.exec('CREATE NAMESPACE app');
  return begun;
}
before(async () => {
  server = await begin();
});
after(async () => {
  await server.stop();
  await server.destroy();
});

// Numbers that are the same as FLOAT and as JSON.
const vector = (n, seed) => Array.from({ length: n }, (_, i) => ((seed * 31 + i * 7) % 64) / 64);
const COPIES_BYTES = 24 << 20;

async function flush(table, on = server) {
  await on.exec(`STORAGE FLUSH TABLE ${table}`);
  await eventually(async () => (await on.rows("SELECT job_id FROM system.jobs WHERE status IN ('new', 'queued', 'running', 'retrying')")).length === 0, 'the flush');
  const [job] = await on.rows("SELECT status FROM system.jobs WHERE job_type = 'flush' ORDER BY created_at DESC LIMIT 1");
  assert.equal(job.status, 'completed');
}

async function answer(sql, on = server) {
  const reply = await on.sql(sql);
  assert.equal(reply.status, 200, `${sql.slice(0, 120)}: ${reply.text.slice(0, 300)}`);
  return reply.body.results[0];
}

// What every state of the table answers, whatever the number of copies of the three rows.
async function expectAnswers(table, n, vectors, copies) {
  const wire = { Embedding: n };
  const first = 'id < 3';
  const same = [
    `SELECT v FROM ${table} WHERE ${first} ORDER BY id`,
    `SELECT x FROM (SELECT id, v AS x FROM ${table}) s WHERE ${first} ORDER BY id`,
    `WITH c AS (SELECT id, v FROM ${table}) SELECT v FROM c WHERE ${first} ORDER BY id`,
    `SELECT b.v FROM ${table} a JOIN ${table} b ON a.id = b.id WHERE a.${first} ORDER BY a.id`,
    `SELECT COALESCE(v, w) FROM ${table} WHERE ${first} ORDER BY id`,
    `SELECT CASE WHEN id >= 0 THEN v ELSE w END FROM ${table} WHERE ${first} ORDER BY id`,
    `SELECT any_value(v) FROM ${table} WHERE ${first} GROUP BY id ORDER BY id`,
    `SELECT first_value(v) OVER (PARTITION BY id) FROM ${table} WHERE ${first} ORDER BY id`,
  ];
  for (const sql of same) {
    const { schema, rows } = await answer(sql);
    assert.deepEqual(schema[0].data_type, wire, sql);
    assert.ok(JSON.stringify(rows.map((r) => r[0])) === JSON.stringify(vectors), sql);
  }
  const both = await answer(`SELECT v FROM ${table} WHERE id = 0 UNION ALL SELECT v FROM ${table} WHERE id = 0`);
  assert.deepEqual(both.schema[0].data_type, wire);
  assert.ok(JSON.stringify(both.rows) === JSON.stringify([[vectors[0]], [vectors[0]]]));
  const star = await answer(`SELECT * FROM ${table} WHERE id = 1`);
  assert.ok(JSON.stringify(star.rows[0].slice(0, 3)) === JSON.stringify([1, vectors[1], null]));

  // comparisons, distances, groups
  const query = JSON.stringify(vectors[1]);
  const near = await answer(`SELECT id, COSINE_DISTANCE(v, '${query}') AS d FROM ${table} ORDER BY d, id LIMIT 1`);
  assert.equal(near.rows[0][0], 1);
  assert.ok(Math.abs(near.rows[0][1]) < 1e-6);
  assert.deepEqual((await answer(`SELECT count(*) FROM ${table} WHERE v = '${query}'`)).rows, [[String(copies)]]);
  assert.deepEqual((await answer(`SELECT count(DISTINCT v) FROM ${table}`)).rows, [['3']]);
  assert.deepEqual((await answer(`SELECT DISTINCT array_length(v) FROM ${table}`)).rows, [[String(n)]]);
  const far = await answer(`SELECT array_distance(a.v, b.v) < 1e-6, array_cosine_similarity(a.v, b.v) > 0.999 FROM ${table} a, ${table} b WHERE a.id = 0 AND b.id = 0`);
  assert.deepEqual(far.rows, [[true, true]]);
  assert.equal((await answer(`SELECT id FROM ${table} ORDER BY v, id LIMIT 1`)).rows.length, 1);
}

for (const n of [3, 1536, 3072, 8192]) {
  test(`EMBEDDING(${n}): three rows and many, hot and cold`, async () => {
    const table = `app.e${n}`;
    const vectors = [0, 1, 2].map((seed) => vector(n, seed));
    await server.exec(`CREATE TABLE ${table} (id INT PRIMARY KEY, v EMBEDDING(${n}), w EMBEDDING(${n})) WITH (TYPE = 'SHARED')`);
    const ws = (await connect(server)).stayAlive();
    ws.subscribe('s', `SELECT id, v FROM ${table}`);
    await ws.next('subscription_ack');
    for (const [id, v] of vectors.entries()) {
      await server.exec(`INSERT INTO ${table} (id, v) VALUES (${id}, '${JSON.stringify(v)}')`);
      assert.ok(JSON.stringify((await ws.next('change')).rows[0].v) === JSON.stringify(v), 'the live event');
    }
    await ws.close();
    await expectAnswers(table, n, vectors, 1);
    await flush(table);
    await expectAnswers(table, n, vectors, 1);

    let copies = 1;
    while (copies * 3 < 4096 && copies * 3 * n * 4 < COPIES_BYTES) {
      await server.exec(`INSERT INTO ${table} SELECT id + ${copies * 3}, v, w FROM ${table}`);
      copies *= 2;
    }
    await expectAnswers(table, n, vectors, copies);
    await flush(table);
    await expectAnswers(table, n, vectors, copies);

    // written through the engine, and by key
    await server.exec(`UPDATE ${table} SET w = v WHERE id < 3`);
    await server.exec(`UPDATE ${table} SET v = '${JSON.stringify(vectors[2])}' WHERE id = 0`);
    const { rows } = await answer(`SELECT v, w FROM ${table} WHERE id = 0`);
    assert.ok(JSON.stringify(rows) === JSON.stringify([[vectors[2], vectors[0]]]));
    const refused = await server.sql(`UPDATE ${table} SET w = '[1, 2]' WHERE id < 3`);
    assert.match(refused.body.error.message, new RegExp(`Embedding dimension mismatch for column 'w': expected ${n}, got 2`));
  });
}

test('a default of an EMBEDDING column that was added later is seen in older rows, hot and cold', async () => {
  await server.exec("CREATE TABLE app.later (id INT PRIMARY KEY) WITH (TYPE = 'SHARED')");
  await server.exec('INSERT INTO app.later VALUES (1)');
  await flush('app.later');
  await server.exec('INSERT INTO app.later VALUES (2)');
  await server.exec("ALTER TABLE app.later ADD COLUMN e EMBEDDING(2) NOT NULL DEFAULT '[1, 2]'");
  const { schema, rows } = await answer('SELECT e, id FROM app.later ORDER BY id');
  assert.deepEqual([schema[0].data_type, rows], [{ Embedding: 2 }, [[[1, 2], 1], [[1, 2], 2]]]);
});

test('rows of 50 KB, together more than the engine may take, are flushed and read', async () => {
  const memory = 64 << 20;
  const count = 2048;
  const small = await begin({ engine: { memory_bytes: memory } });
  const text = 'x'.repeat(50000);
  assert.ok(count * text.length > memory);
  await small.exec("CREATE TABLE app.fat (id INT PRIMARY KEY, s TEXT) WITH (TYPE = 'SHARED')");
  await small.exec(`INSERT INTO app.fat VALUES (0, '${text}')`);
  for (let have = 1; have < count; have *= 2) await small.exec(`INSERT INTO app.fat SELECT id + ${have}, s FROM app.fat`);
  const check = async () => {
    assert.deepEqual((await answer('SELECT count(*), sum(length(s)) FROM app.fat', small)).rows, [[String(count), String(count * text.length)]]);
    assert.deepEqual((await answer('SELECT id FROM app.fat ORDER BY s, id DESC LIMIT 1', small)).rows, [[count - 1]]);
  };
  await check();
  await flush('app.fat', small);
  await check();
  await small.stop();
  await small.destroy();
});
