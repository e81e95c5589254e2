// tests/api/transaction_test.mjs -- BEGIN ... COMMIT over HTTP. Goal: a transaction sees its snapshot and its own writes, over
// both tiers and by every way of reading; nothing of it is seen before COMMIT, all of it after, nothing after ROLLBACK; races
// have one winner; the contract's errors (sql.md section 4.5).
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
before(async () => {
  server = await startServer({ settings: { max_transaction_buffer_bytes: 65536 } });
  server.token = (await server.login()).token;
  await server.exec('CREATE NAMESPACE tx');
  await server.user('ann');
});
after(async () => {
  await server.stop();
  await server.destroy();
});
beforeEach(async () => {
  await server.exec('DROP TABLE IF EXISTS tx.s');
  await server.exec('DROP TABLE IF EXISTS tx.u');
  await server.exec('CREATE SHARED TABLE tx.s (id BIGINT PRIMARY KEY, v TEXT, n BIGINT)');
  await server.exec('CREATE USER TABLE tx.u (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec("INSERT INTO tx.s (id, v, n) VALUES (1, 'one', 10), (2, 'two', 20), (3, 'three', 30), (4, 'four', 40)");
  await server.exec('DELETE FROM tx.s WHERE id = 4');
});

const flush = async (table) => {
  await server.exec(`STORAGE FLUSH TABLE ${table}`);
  for (let i = 0; i < 600; i++) {
    const [[hot]] = (await server.exec(`SELECT count(*) FROM system.jobs WHERE status IN ('new', 'queued', 'running', 'retrying')`)).rows;
    if (Number(hot) === 0) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.fail(`${table} is not flushed`);
};
const run = (...statements) => server.sql(statements.join('; '));
const must = async (...statements) => {
  const reply = await run(...statements);
  assert.equal(reply.status, 200, reply.text);
  return reply.body.results;
};
const refuse = async (pattern, ...statements) => {
  const reply = await run(...statements);
  assert.notEqual(reply.status, 200, reply.text);
  assert.match(reply.body.error.message, pattern);
  assert.deepEqual(reply.body.results, []);
};
const table = async () => (await server.exec('SELECT id, v, n FROM tx.s ORDER BY id')).rows;
const START = [['1', 'one', '10'], ['2', 'two', '20'], ['3', 'three', '30']];

for (const tier of ['hot', 'cold']) {
  test(`own writes are read by key, by scan, by aggregate and by join (${tier})`, async () => {
    if (tier === 'cold') await flush('tx.s');
    const results = await must('BEGIN',
      "INSERT INTO tx.s (id, v, n) VALUES (4, 'four again', 41), (5, 'five', 50)",
      "UPDATE tx.s SET v = 'TWO', n = n + 1 WHERE id = 2",
      'UPDATE tx.s SET n = n + 100 WHERE n >= 41',
      'DELETE FROM tx.s WHERE id = 1',
      'SELECT v, n FROM tx.s WHERE id = 2',
      'SELECT v FROM tx.s WHERE id = 1',
      'SELECT id, v, n FROM tx.s ORDER BY id',
      'SELECT count(*), sum(n) FROM tx.s',
      'SELECT a.id, b.v FROM tx.s a JOIN tx.s b ON a.id = b.id WHERE b.n > 100 ORDER BY a.id',
      'SELECT count(*) FROM tx.s WHERE _deleted = true',
      'COMMIT');
    const rows = results.filter((r) => r.schema).map((r) => r.rows);
    assert.deepEqual(rows[0], [['TWO', '21']]);
    assert.deepEqual(rows[1], []);
    const expected = [['2', 'TWO', '21'], ['3', 'three', '30'], ['4', 'four again', '141'], ['5', 'five', '150']];
    assert.deepEqual(rows[2], expected);
    assert.deepEqual(rows[3], [['4', '342']]);
    assert.deepEqual(rows[4], [['4', 'four again'], ['5', 'five']]);
    assert.deepEqual(rows[5], [['1']]);
    assert.deepEqual(await table(), expected);
    await flush('tx.s');
    assert.deepEqual(await table(), expected);
    await server.restart();
    server.token = (await server.login()).token;
    assert.deepEqual(await table(), expected);
  });

  test(`rolled back: nothing of it is left (${tier})`, async () => {
    if (tier === 'cold') await flush('tx.s');
    const results = await must('BEGIN', "UPDATE tx.s SET v = 'x' WHERE n > 0", "INSERT INTO tx.u (id, v) VALUES (1, 'u')", 'SELECT count(*) FROM tx.s WHERE v = \'x\'', 'ROLLBACK', 'SELECT count(*) FROM tx.s WHERE v = \'x\'');
    assert.deepEqual(results.filter((r) => r.schema).map((r) => r.rows), [[['3']], [['0']]]);
    assert.deepEqual(await table(), START);
    assert.equal((await server.exec('SELECT * FROM tx.u')).rows.length, 0);
  });
}

test('messages name the transaction', async () => {
  const id = '([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})';
  const messages = (await must('BEGIN TRANSACTION', 'COMMIT WORK', 'START TRANSACTION', 'ROLLBACK')).map((r) => r.message);
  const ids = ['Transaction started', 'Transaction committed', 'Transaction started', 'Transaction rolled back'].map((text, i) => {
    const found = new RegExp(`^${text} \\(${id}\\)$`).exec(messages[i]);
    assert.ok(found, messages[i]);
    return found[1];
  });
  assert.equal(ids[0], ids[1]);
  assert.equal(ids[2], ids[3]);
  assert.notEqual(ids[0], ids[2]);
});

test('a failing statement rolls everything back', async () => {
  await refuse(/Primary key violation: value '2' already exists/, 'BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine')", "INSERT INTO tx.s (id, v) VALUES (2, 'dup')", 'COMMIT');
  await refuse(/Primary key violation: value '9' already exists/, 'BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine')", "INSERT INTO tx.s (id, v) VALUES (9, 'dup')", 'COMMIT');
  await refuse(/appears multiple times/, 'BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine'), (9, 'dup')", 'COMMIT');
  await refuse(/not_there/, 'BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine')", 'SELECT not_there FROM tx.s', 'COMMIT');
  assert.deepEqual(await table(), START);
});

test('the contract\'s errors', async () => {
  await refuse(/request owner 'sql-req-[^']+' already has an active transaction '[0-9a-f-]{36}'/, 'BEGIN', 'BEGIN');
  await refuse(/COMMIT requires an active explicit SQL transaction/, 'COMMIT');
  await refuse(/ROLLBACK requires an active explicit SQL transaction/, 'ROLLBACK');
  await refuse(/SAVEPOINT requires an active/, 'SAVEPOINT a');
  await refuse(/DDL is not allowed inside explicit transaction '[0-9a-f-]{36}'/, 'BEGIN', 'CREATE TABLE tx.no (id BIGINT PRIMARY KEY)', 'COMMIT');
  await refuse(/system tables are not supported inside explicit transactions/, 'BEGIN', 'SELECT * FROM system.users', 'COMMIT');
  await server.exec("CREATE STREAM TABLE IF NOT EXISTS tx.e (id BIGINT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 60)");
  await refuse(/stream tables are not supported inside explicit transactions/, 'BEGIN', "INSERT INTO tx.e (id, v) VALUES (1, 'x')", 'COMMIT');
  await refuse(/stream tables are not supported inside explicit transactions/, 'BEGIN', 'SELECT * FROM tx.e', 'COMMIT');
  await refuse(/stream tables are not supported inside explicit transactions/, 'BEGIN', 'SELECT * FROM tx.e WHERE id = 1', 'COMMIT');
  await refuse(/^Request completed with an open explicit transaction; rolled back automatically$/, 'BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine')");
  await refuse(/^Request completed with an open explicit transaction; rolled back automatically$/, 'BEGIN');
  await refuse(/transactional INSERT requires primary key column 'id'/, 'BEGIN', "INSERT INTO tx.s (v) VALUES ('no key')", 'COMMIT');
  await refuse(/transaction '[0-9a-f-]{36}' exceeded buffer limit of 65536 bytes and was aborted/, 'BEGIN',
    ...Array.from({ length: 12 }, (_, i) => `INSERT INTO tx.s (id, v) VALUES (${100 + i}, '${'x'.repeat(10000)}')`), 'COMMIT');
  assert.deepEqual(await table(), START);
});

test('savepoints: back to one, again, released, shadowed', async () => {
  const results = await must('BEGIN', "UPDATE tx.s SET v = 'a' WHERE id = 1", 'SAVEPOINT one', "UPDATE tx.s SET v = 'b' WHERE id = 1", "INSERT INTO tx.s (id, v) VALUES (7, 'seven')",
    'ROLLBACK TO SAVEPOINT one', 'SELECT v FROM tx.s WHERE id = 1', 'SELECT count(*) FROM tx.s', "UPDATE tx.s SET v = 'c' WHERE id = 1", 'ROLLBACK TO one', "INSERT INTO tx.s (id, v) VALUES (8, 'eight')", 'SAVEPOINT one',
    'DELETE FROM tx.s WHERE id = 8', 'ROLLBACK TO one', 'RELEASE SAVEPOINT one', 'ROLLBACK TO one', 'SELECT count(*) FROM tx.s', 'COMMIT');
  assert.deepEqual(results.filter((r) => r.schema).map((r) => r.rows), [[['a']], [['3']], [['3']]]);
  assert.deepEqual((await table()).map((r) => r[1]), ['a', 'two', 'three']);
  await refuse(/savepoint 'two' does not exist/, 'BEGIN', 'SAVEPOINT one', 'SAVEPOINT two', 'RELEASE SAVEPOINT one', 'ROLLBACK TO two', 'COMMIT');
});

test('USER and SHARED tables in one transaction, as another user too', async () => {
  await must('BEGIN', "INSERT INTO tx.u (id, v) VALUES (1, 'mine')", "EXECUTE AS USER 'ann' (INSERT INTO tx.u (id, v) VALUES (1, 'hers'))", "UPDATE tx.s SET v = 'both' WHERE id = 1", 'COMMIT');
  assert.deepEqual((await server.exec('SELECT v FROM tx.u')).rows, [['mine']]);
  assert.deepEqual((await server.exec("EXECUTE AS USER 'ann' (SELECT v FROM tx.u)")).rows, [['hers']]);
  assert.equal((await table())[0][1], 'both');
});

test('insert and delete of the same key cancel out; delete and insert is one update', async () => {
  await must('BEGIN', "INSERT INTO tx.s (id, v) VALUES (9, 'nine')", 'DELETE FROM tx.s WHERE id = 9', 'DELETE FROM tx.s WHERE id = 1', "INSERT INTO tx.s (id, v, n) VALUES (1, 'new', 1)", 'COMMIT');
  assert.deepEqual(await table(), [['1', 'new', '1'], ...START.slice(1)]);
});

test('UNIQUE values move between rows, and ON CONFLICT sees what was staged', async () => {
  await server.exec('DROP TABLE IF EXISTS tx.q');
  await server.exec('CREATE SHARED TABLE tx.q (id BIGINT PRIMARY KEY, u TEXT UNIQUE)');
  await server.exec("INSERT INTO tx.q (id, u) VALUES (1, 'a'), (2, 'b')");
  const rows = async () => (await server.exec('SELECT id, u FROM tx.q ORDER BY id')).rows;
  await must('BEGIN', "UPDATE tx.q SET u = 'c' WHERE id = 1", "UPDATE tx.q SET u = 'a' WHERE id = 2", "UPDATE tx.q SET u = 'b' WHERE id = 1", 'COMMIT');
  assert.deepEqual(await rows(), [['1', 'b'], ['2', 'a']]);
  await must('BEGIN', "INSERT INTO tx.q (id, u) VALUES (3, 'new')", "INSERT INTO tx.q (id, u) VALUES (4, 'new') ON CONFLICT (u) DO NOTHING", 'DELETE FROM tx.q WHERE id = 1', "INSERT INTO tx.q (id, u) VALUES (5, 'b') ON CONFLICT (u) DO NOTHING", 'COMMIT');
  assert.deepEqual(await rows(), [['2', 'a'], ['3', 'new'], ['5', 'b']]);
  // told by the statement, not by COMMIT: what the view has, what was staged, what a savepoint brought back
  await refuse(/^Statement 2 failed: .*Unique constraint violation: value 'a' already exists in column 'u'/, 'BEGIN', "INSERT INTO tx.q (id, u) VALUES (6, 'a')", 'COMMIT');
  await refuse(/^Statement 3 failed: .*Unique constraint violation: value 's' already exists in column 'u'/, 'BEGIN', "INSERT INTO tx.q (id, u) VALUES (6, 's')", "UPDATE tx.q SET u = 's' WHERE id = 2", 'COMMIT');
  await refuse(/^Statement 2 failed: .*Unique constraint violation: value 'z' appears multiple times in the insert batch/, 'BEGIN', "INSERT INTO tx.q (id, u) VALUES (6, 'z'), (7, 'z')", 'COMMIT');
  await refuse(/^Statement 6 failed: .*Unique constraint violation: value 'a'/, 'BEGIN', 'SAVEPOINT one', 'DELETE FROM tx.q WHERE id = 2', "INSERT INTO tx.q (id, u) VALUES (6, 'a')", 'ROLLBACK TO one', "INSERT INTO tx.q (id, u) VALUES (6, 'a')", 'COMMIT');
  await server.exec('STORAGE FLUSH TABLE tx.q');
  await refuse(/^Statement 2 failed: .*Unique constraint violation: value 'new'/, 'BEGIN', "UPDATE tx.q SET u = 'new' WHERE u = 'a'", 'COMMIT');
  const [returned] = (await must('BEGIN', "INSERT INTO tx.q (id, u) VALUES (7, 'r') RETURNING id, u", 'COMMIT')).filter((r) => r.schema);
  assert.deepEqual(returned.rows, [['7', 'r']]);
  assert.equal((await rows()).length, 4);
});

test('other statements see nothing before COMMIT, and the transaction nothing of theirs', async () => {
  // slow: a statement of the transaction keeps it open while others write and read
  const slow = 'SELECT count(*) FROM range(30000) a, range(2000) b WHERE (a.range * b.range) % 7 = 3';
  const open = run('BEGIN', 'SELECT n FROM tx.s WHERE id = 1', "UPDATE tx.s SET v = 'inside' WHERE id = 2", slow, 'SELECT n FROM tx.s WHERE id = 1', 'SELECT sum(n) FROM tx.s', 'COMMIT');
  let seen = [];
  for (let i = 0; i < 200 && seen.length === 0; i++) seen = (await server.exec('SELECT owner_id, origin, state, write_count FROM system.transactions')).rows.filter((r) => r[3] === '1');
  assert.match(seen[0]?.[0] ?? 'not seen', /^sql-req-/);
  assert.deepEqual(seen[0].slice(1), ['SqlBatch', 'open_write', '1']);
  assert.deepEqual((await server.exec('SELECT v FROM tx.s WHERE id = 2')).rows, [['two']]);
  await server.exec('UPDATE tx.s SET n = 11 WHERE id = 1');
  const reply = await open;
  assert.equal(reply.status, 200, reply.text);
  const rows = reply.body.results.filter((r) => r.schema).map((r) => r.rows);
  assert.deepEqual([rows[0], rows[2], rows[3]], [[['10']], [['10']], [['60']]]);
  assert.deepEqual((await server.exec('SELECT n FROM tx.s WHERE id = 1')).rows, [['11']]);
  assert.deepEqual((await server.exec('SELECT v FROM tx.s WHERE id = 2')).rows, [['inside']]);
  assert.equal((await server.exec('SELECT * FROM system.transactions')).rows.length, 0);
});

test('of two transactions that write the same row one wins; no increment is lost', async () => {
  let conflicts = 0;
  let wins = 0;
  const client = async () => {
    for (let i = 0; i < 10; i++) {
      const reply = await run('BEGIN', 'SELECT n FROM tx.s WHERE id = 3', 'UPDATE tx.s SET n = n + 1 WHERE id = 3', 'UPDATE tx.s SET n = n + 1 WHERE n > 30', 'COMMIT');
      if (reply.status === 200) wins++;
      else {
        assert.match(reply.body.error.message, /Conflict: /);
        conflicts++;
      }
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  assert.equal(wins + conflicts, 40);
  assert.ok(wins >= 10, `${wins} wins`);
  assert.deepEqual((await server.exec('SELECT n FROM tx.s WHERE id = 3')).rows, [[String(30 + 2 * wins)]]);
});

test('events leave after COMMIT only, one per row', async () => {
  const watcher = await connect(server, { token: server.token });
  await watcher.load('w', 'SELECT * FROM tx.s');
  await must('BEGIN', "INSERT INTO tx.s (id, v) VALUES (50, 'a')", "UPDATE tx.s SET v = 'b' WHERE id = 50", 'ROLLBACK');
  await must('BEGIN', "INSERT INTO tx.s (id, v) VALUES (51, 'a')", "UPDATE tx.s SET v = 'b' WHERE id = 51", 'DELETE FROM tx.s WHERE id = 1', 'COMMIT');
  await server.exec("INSERT INTO tx.s (id, v) VALUES (52, 'last')");
  const told = [];
  while (!told.includes('insert 52 last')) {
    const change = await watcher.next('change');
    const row = (change.rows ?? change.old_values)[0];
    told.push(`${change.change_type} ${row.id} ${row.v}`);
  }
  assert.deepEqual(told, ['insert 51 b', 'delete 1 one', 'insert 52 last']);
  await watcher.close();
});
