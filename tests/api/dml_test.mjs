// tests/api/dml_test.mjs -- what writes give back and refuse, over HTTP: RETURNING, ON CONFLICT, UNIQUE,
// Idempotency-Key, constraints. Goal: many clients at once break no rule, a retry writes once, and all of it
// holds after a kill. Method: a real server; races of 8 requests; SIGKILL and a start on the same data.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';

let server;
before(async () => {
  server = await startServer();
  await server.exec('CREATE NAMESPACE app');
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const post = (sql, headers = {}, params = undefined) =>
  server.post('/v1/api/sql', JSON.stringify(params ? { sql, params } : { sql }), {
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json', ...headers },
  });
const keyed = (key, sql, params) => post(sql, { 'idempotency-key': key }, params);
async function refused(sql, code, message) {
  const { body } = await server.sql(sql);
  assert.equal(body.status, 'error', `${sql}: ${JSON.stringify(body)}`);
  assert.equal(body.error.code, code);
  assert.match(body.error.message, message);
}
const count = async (table) => Number((await server.rows(`SELECT count(*) AS n FROM ${table}`))[0].n);
let tables = 0;
async function table(columns) {
  const name = `app.t${++tables}`;
  await server.exec(`CREATE SHARED TABLE ${name} (${columns})`);
  return name;
}

// --- deleted rows

test('compaction drops deleted rows after the time of their table, and not those of a table that keeps them', async () => {
  const names = { second: "'1s'", day: "'1d'", ever: "'off'" };
  for (const [name, kept] of Object.entries(names)) {
    await server.exec(`CREATE SHARED TABLE app.${name} (id BIGINT PRIMARY KEY) WITH (deleted_retention = ${kept})`);
    await server.exec(`INSERT INTO app.${name} VALUES (1), (2)`);
    await server.exec(`DELETE FROM app.${name} WHERE id = 1`);
    await server.exec(`STORAGE FLUSH TABLE app.${name}`);
  }
  const compacted = async (name) => {
    await server.exec(`STORAGE COMPACT TABLE app.${name}`);
    await server.jobsDone();
    return count(`app.${name} WHERE _deleted`);
  };
  await eventually(async () => (await compacted('second')) === 0, 'the deleted row of app.second is dropped');
  assert.equal(await compacted('day'), 1);
  assert.equal(await compacted('ever'), 1);
});

// --- RETURNING

test('RETURNING gives rows with a schema, and parameters work in it', async () => {
  const t = await table('id BIGINT PRIMARY KEY, v TEXT, n INT');
  const { body } = await post(`INSERT INTO ${t} VALUES ($1, $2, 3) RETURNING id, v || $2 AS twice, _seq`, {}, [7, 'x']);
  assert.equal(body.status, 'success', JSON.stringify(body));
  assert.deepEqual(body.results[0].schema.map((c) => c.name), ['id', 'twice', '_seq']);
  assert.equal(body.results[0].row_count, 1);
  const [row] = await server.rows(`SELECT id, _seq FROM ${t}`);
  assert.deepEqual(body.results[0].rows, [['7', 'xx', row._seq]]);
});

test('a large RETURNING comes whole', async () => {
  const t = await table('id BIGINT PRIMARY KEY, v TEXT');
  const values = Array.from({ length: 4000 }, (_, i) => `(${i}, '${'v'.repeat(200)}${i}')`).join(', ');
  const inserted = await server.sql(`INSERT INTO ${t} VALUES ${values} RETURNING *`);
  assert.equal(inserted.body.results[0].rows.length, 4000);
  const updated = await server.sql(`UPDATE ${t} SET v = v || v || v WHERE id >= 0 RETURNING id, v`);
  assert.equal(updated.body.results[0].row_count, 4000);
  assert.ok(updated.text.length > 2e6);
  const gone = await server.sql(`DELETE FROM ${t} WHERE id < 3000 RETURNING id`);
  assert.equal(gone.body.results[0].rows.length, 3000);
  assert.equal(await count(t), 1000);
});

test('RETURNING in a transaction answers at once and commits with it', async () => {
  const t = await table('id BIGINT PRIMARY KEY, n INT');
  const { body } = await server.sql(`BEGIN; INSERT INTO ${t} VALUES (1, 1) RETURNING id, n; UPDATE ${t} SET n = n + 1 WHERE id = 1 RETURNING n; COMMIT`);
  assert.deepEqual(body.results.filter((r) => r.rows).map((r) => r.rows), [[['1', 1]], [[2]]]);
  assert.deepEqual(await server.rows(`SELECT n FROM ${t}`), [{ n: 2 }]);
});

// --- ON CONFLICT and UNIQUE under races

test('8 clients that count with ON CONFLICT DO UPDATE lose no step', async () => {
  const t = await table('id BIGINT PRIMARY KEY, n INT');
  const sql = `INSERT INTO ${t} VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1`.replace('t.n', `${t.split('.')[1]}.n`);
  let done = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 5; i++) {
      const { body } = await post(sql);
      if (body.status === 'success') done++;
      else assert.match(body.error.message, /Conflict: /); // lost four races in a row
    }
  }));
  assert.ok(done >= 8);
  assert.deepEqual(await server.rows(`SELECT n FROM ${t}`), [{ n: done }]);
});

test('of 8 clients that insert one UNIQUE value exactly one gets in', async () => {
  const t = await table('id BIGINT PRIMARY KEY, mail TEXT UNIQUE');
  for (let round = 0; round < 5; round++) {
    const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => post(`INSERT INTO ${t} VALUES (${round * 8 + i}, 'm${round}')`)));
    const good = replies.filter((r) => r.body.status === 'success');
    assert.equal(good.length, 1);
    for (const r of replies.filter((x) => x.body.status !== 'success')) {
      assert.match(r.body.error.message, new RegExp(`Unique constraint violation: value 'm${round}' already exists in column 'mail'`));
    }
  }
  assert.equal(await count(t), 5);
});

test('of 8 clients that insert one pair of values that is UNIQUE together exactly one gets in, also by ON CONFLICT and COMMIT', async () => {
  const t = await table('id BIGINT PRIMARY KEY, a TEXT, b INT, n INT DEFAULT 0, UNIQUE (a, b)');
  for (let round = 0; round < 6; round++) {
    const dresses = [(sql) => sql, (sql) => `BEGIN; ${sql}; COMMIT`];
    const insert = (i) => dresses[round % 2](`INSERT INTO ${t} (id, a, b) VALUES (${round * 8 + i}, 'm', ${round})`);
    const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => post(insert(i))));
    assert.equal(replies.filter((r) => r.body.status === 'success').length, 1);
    for (const r of replies.filter((x) => x.body.status !== 'success')) {
      assert.match(r.body.error.message, new RegExp(`Unique constraint violation: value '\\(m, ${round}\\)' already exists in columns '\\(a, b\\)'`));
    }
    if (round === 3) await server.exec(`STORAGE FLUSH TABLE ${t}`);
  }
  assert.equal(await count(t), 6);
  const upserts = await Promise.all(Array.from({ length: 8 }, (_, i) => post(`INSERT INTO ${t} VALUES (${100 + i}, 'u', 1, 1) ON CONFLICT (a, b) DO UPDATE SET n = ${t.slice(4)}.n + 1`)));
  const done = upserts.filter((r) => r.body.status === 'success').length;
  for (const r of upserts.filter((x) => x.body.status !== 'success')) assert.match(r.body.error.message, /Conflict: /); // lost four races in a row
  assert.deepEqual(await server.rows(`SELECT n FROM ${t} WHERE a = 'u'`), [{ n: done }]);
});

test('UNIQUE and ON CONFLICT within one transaction see its own rows', async () => {
  const t = await table('id BIGINT PRIMARY KEY, mail TEXT UNIQUE, n INT');
  await server.exec(`BEGIN; INSERT INTO ${t} VALUES (1, 'a', 1); INSERT INTO ${t} VALUES (2, 'a', 5) ON CONFLICT (mail) DO UPDATE SET n = EXCLUDED.n; COMMIT`);
  assert.deepEqual(await server.rows(`SELECT id, mail, n FROM ${t}`), [{ id: '1', mail: 'a', n: 5 }]);
  await refused(`BEGIN; INSERT INTO ${t} VALUES (3, 'b', 1); INSERT INTO ${t} VALUES (4, 'b', 1); COMMIT`, 'SQL_EXECUTION_ERROR', /Unique constraint violation: value 'b'/);
  assert.equal(await count(t), 1);
  await server.exec(`BEGIN; UPDATE ${t} SET mail = 'c' WHERE id = 1; INSERT INTO ${t} VALUES (2, 'a', 1); COMMIT`);
  await refused(`INSERT INTO ${t} VALUES (5, 'c', 1)`, 'SQL_EXECUTION_ERROR', /Unique constraint violation: value 'c'/);
});

// --- constraints

test('NOT NULL, key and multi-row rules have their texts', async () => {
  const t = await table('id BIGINT PRIMARY KEY, a TEXT NOT NULL, n INT DEFAULT 4');
  await refused(`INSERT INTO ${t} (id) VALUES (1)`, 'SQL_EXECUTION_ERROR', /NOT NULL constraint violation: column 'a' cannot be NULL \(row 1\)/);
  await refused(`INSERT INTO ${t} (id, a) VALUES (1, 'x'), (2, NULL)`, 'SQL_EXECUTION_ERROR', /column 'a' cannot be NULL \(row 2\)/);
  await refused(`INSERT INTO ${t} (id, a) VALUES (1, 'x'), (1, 'y')`, 'SQL_EXECUTION_ERROR', /Primary key violation: value '1' appears multiple times in the insert batch for column 'id'/);
  assert.equal(await count(t), 0);
  await server.exec(`INSERT INTO ${t} (id, a) VALUES (1, 'x'), (2, 'y'); UPDATE ${t} SET n = 9 WHERE id = 2`);
  const { body } = await server.sql(`UPDATE ${t} SET n = DEFAULT WHERE id > 0`);
  assert.equal(body.results[0].message, 'Updated 1 row(s)'); // row 1 has it already
  const sum = await server.sql(`UPDATE ${t} SET n = (SELECT count(*) FROM ${t}) + n WHERE id = 2`);
  assert.equal(sum.body.results[0].message, 'Updated 1 row(s)', sum.text);
  assert.deepEqual(await server.rows(`SELECT n FROM ${t} ORDER BY id`), [{ n: 4 }, { n: 6 }]);
  await refused(`UPDATE ${t} SET a = NULL WHERE id = 1`, 'SQL_EXECUTION_ERROR', /column 'a' cannot be NULL/);
  await refused(`UPDATE ${t} SET id = 5 WHERE id = 1`, 'SQL_EXECUTION_ERROR', /UPDATE cannot modify primary key column 'id'/);
});

test('SET NOT NULL racing inserts of NULL never leaves one in a NOT NULL column', async () => {
  for (let round = 0; round < 8; round++) {
    const t = await table('id BIGINT PRIMARY KEY, a TEXT');
    const replies = await Promise.all([
      post(`INSERT INTO ${t} VALUES (1, NULL)`),
      post(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`),
      post(`INSERT INTO ${t} VALUES (2, NULL)`),
    ]);
    const [first, alter, second] = replies.map((r) => r.body.status === 'success');
    assert.ok(!(alter && (first || second)), JSON.stringify(replies.map((r) => r.body)));
  }
});

// --- Idempotency-Key

test('the same request with the same key is executed once and answered alike', async () => {
  const t = await table('id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v TEXT');
  const first = await keyed('k1', `INSERT INTO ${t} (v) VALUES ('a') RETURNING id, v, _seq`);
  const again = await keyed('k1', `INSERT INTO ${t} (v) VALUES ('a') RETURNING id, v, _seq`);
  assert.equal(first.body.status, 'success', first.text);
  assert.deepEqual(again.body.results, first.body.results);
  assert.equal('error' in again.body, 'error' in first.body);
  assert.equal(await count(t), 1);
  const other = await keyed('k1', `INSERT INTO ${t} (v) VALUES ('b')`);
  assert.deepEqual([other.status, other.body.error.code], [409, 'IDEMPOTENCY_MISMATCH']);
  assert.match(other.body.error.message, /Idempotent conflict/);
  const params = [await keyed('k2', `INSERT INTO ${t} (v) VALUES ($1)`, ['x']), await keyed('k2', `INSERT INTO ${t} (v) VALUES ($1)`, ['y'])];
  assert.deepEqual(params.map((r) => r.status), [200, 409]);
  assert.equal(await count(t), 2);
});

test('8 equal requests with one key: one executes, all get its answer', async () => {
  const t = await table('id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v TEXT');
  for (let round = 0; round < 5; round++) {
    const replies = await Promise.all(Array.from({ length: 8 }, () => keyed(`race${round}`, `INSERT INTO ${t} (v) VALUES ('r${round}') RETURNING id, v`)));
    for (const r of replies) {
      assert.equal(r.status, 200, r.text);
      assert.deepEqual(r.body.results, replies[0].body.results);
    }
    assert.equal(await count(t), round + 1);
  }
});

test('a write that changed nothing is not tried again either; one that failed is', async () => {
  const t = await table('id BIGINT PRIMARY KEY, n INT');
  const none = await keyed('z1', `UPDATE ${t} SET n = 1 WHERE id = 1`);
  assert.equal(none.body.results[0].message, 'Updated 0 row(s)');
  const failed = await keyed('z2', `INSERT INTO ${t} VALUES (NULL, 1)`);
  assert.equal(failed.body.status, 'error');
  await server.exec(`INSERT INTO ${t} VALUES (1, 0)`);
  const again = await keyed('z1', `UPDATE ${t} SET n = 1 WHERE id = 1`);
  assert.equal(again.body.results[0].message, 'Updated 0 row(s)');
  assert.deepEqual(await server.rows(`SELECT n FROM ${t}`), [{ n: 0 }]);
  const retry = await keyed('z2', `INSERT INTO ${t} VALUES (2, 1)`); // nothing was kept for z2
  assert.equal(retry.body.status, 'success');
});

test('a transaction is covered as a whole, also in a race', async () => {
  const t = await table('id BIGINT PRIMARY KEY, n INT');
  const sql = `BEGIN; INSERT INTO ${t} VALUES (1, 1); SELECT n FROM ${t} WHERE id = 1; UPDATE ${t} SET n = 2 WHERE id = 1; COMMIT`;
  const replies = await Promise.all(Array.from({ length: 8 }, () => keyed('tx', sql)));
  for (const r of replies) {
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(r.body.results, replies[0].body.results);
  }
  assert.deepEqual(await server.rows(`SELECT n FROM ${t}`), [{ n: 2 }]);
});

test('requests that the key cannot cover are refused, reads ignore it', async () => {
  const t = await table('id BIGINT PRIMARY KEY, n INT');
  for (const sql of [`INSERT INTO ${t} VALUES (1, 1); INSERT INTO ${t} VALUES (2, 1)`, 'CREATE NAMESPACE other',
    `BEGIN; INSERT INTO ${t} VALUES (1, 1); COMMIT; BEGIN; INSERT INTO ${t} VALUES (2, 1); COMMIT`]) {
    const { status, body } = await keyed('s1', sql);
    assert.deepEqual([status, body.error.code], [400, 'INVALID_INPUT'], sql);
    assert.match(body.error.message, /Idempotency-Key covers/);
  }
  assert.equal(await count(t), 0);
  const long = await keyed('s2', `INSERT INTO ${t} SELECT i, i FROM generate_series(1, 9000) AS g(i) RETURNING id, n`);
  assert.match(long.body.error.message, /with an Idempotency-Key it may have 65536/);
  assert.equal(await count(t), 0);
  for (let i = 0; i < 2; i++) {
    const { body } = await keyed('s1', `SELECT count(*) AS n FROM ${t}`);
    assert.deepEqual(body.results[0].rows, [['0']]);
  }
});

test('keys of one user mean nothing to another', async () => {
  const t = await table('id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v TEXT');
  await server.exec("CREATE USER idem WITH PASSWORD 'Idem-password-1' ROLE service");
  const other = await server.login('idem', 'Idem-password-1');
  const sql = `INSERT INTO ${t} (v) VALUES ('a') RETURNING id`;
  const mine = await keyed('shared-key', sql);
  const theirs = await post(sql, { 'idempotency-key': 'shared-key', authorization: `Bearer ${other.token}` });
  assert.equal(theirs.status, 200, theirs.text);
  assert.notDeepEqual(theirs.body.results[0].rows, mine.body.results[0].rows);
  assert.equal(await count(t), 2);
});

// --- after a kill

test('UNIQUE values and kept answers are there after a kill', async () => {
  const t = await table('id BIGINT PRIMARY KEY, mail TEXT UNIQUE');
  const first = await keyed('kill', `INSERT INTO ${t} VALUES (1, 'a') RETURNING *`);
  await server.exec(`STORAGE FLUSH TABLE ${t}`);
  await server.exec(`INSERT INTO ${t} VALUES (2, 'b')`);
  await server.kill();
  await server.start();
  await server.login();
  await refused(`INSERT INTO ${t} VALUES (3, 'a')`, 'SQL_EXECUTION_ERROR', /Unique constraint violation: value 'a'/);
  await refused(`INSERT INTO ${t} VALUES (3, 'b')`, 'SQL_EXECUTION_ERROR', /Unique constraint violation: value 'b'/);
  const again = await keyed('kill', `INSERT INTO ${t} VALUES (1, 'a') RETURNING *`);
  assert.deepEqual(again.body.results, first.body.results);
  await server.exec(`DELETE FROM ${t} WHERE id = 1; INSERT INTO ${t} VALUES (3, 'a')`);
});
