// tests/api/end_to_end_test.mjs -- the quickstart end to end (requirement T229): twenty tests over HTTP and WebSocket against one
// server, in the order of a new user's first hour. Times are deadlines with tenfold room: the specification asks for 1 ms and 10 ms.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
let ann;
let bob;
before(async () => {
  server = await startServer();
  server.token = (await server.login()).token;
});
after(async () => {
  await server.stop();
  await server.destroy();
});
const message = async (sql, options) => (await server.exec(sql, options)).message;
const cells = async (sql, options) => (await server.exec(sql, options)).rows;
const refused = async (sql, pattern, options) => {
  const reply = await server.sql(sql, options);
  assert.notEqual(reply.status, 200, reply.text);
  assert.match(reply.body.error.message, pattern);
};
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

test('1: a namespace is created and listed', async () => {
  await server.exec('CREATE NAMESPACE first');
  assert.ok((await server.rows('SHOW NAMESPACES')).some((row) => Object.values(row).includes('first')));
});
test('2: a namespace that is there is refused, and IF NOT EXISTS is not', async () => {
  await refused('CREATE NAMESPACE first', /already exists/);
  await server.exec('CREATE NAMESPACE IF NOT EXISTS first');
});
test('3: an empty namespace is dropped, an unknown one refused', async () => {
  await server.exec('CREATE NAMESPACE brief');
  await server.exec('DROP NAMESPACE brief');
  await refused('DROP NAMESPACE brief', /brief/);
});
test('4: users are created and log in', async () => {
  ann = (await server.user('ann')).token;
  bob = (await server.user('bob')).token;
  assert.deepEqual(await cells('SELECT CURRENT_USER()', { token: ann }), [['ann']]);
});
test('5: a USER table keeps each user\'s rows apart', async () => {
  await server.exec('CREATE USER TABLE first.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), body TEXT NOT NULL, done BOOLEAN DEFAULT false)');
  await server.exec("INSERT INTO first.notes (id, body) VALUES (1, 'of ann')", { token: ann });
  await server.exec("INSERT INTO first.notes (id, body) VALUES (1, 'of bob')", { token: bob });
  assert.deepEqual(await cells('SELECT body FROM first.notes', { token: ann }), [['of ann']]);
  assert.deepEqual(await cells('SELECT body FROM first.notes', { token: bob }), [['of bob']]);
  assert.deepEqual(await cells('SELECT body FROM first.notes'), []);
});
test('6: a SHARED table is common, by its access level', async () => {
  await server.exec("CREATE SHARED TABLE first.rates (code TEXT PRIMARY KEY, rate DOUBLE) WITH (ACCESS_LEVEL = 'PUBLIC')");
  await server.exec("INSERT INTO first.rates (code, rate) VALUES ('eur', 1.0), ('usd', 1.16)");
  assert.deepEqual(await cells("SELECT rate FROM first.rates WHERE code = 'usd'", { token: ann }), [[1.16]]);
  await refused("INSERT INTO first.rates (code, rate) VALUES ('gbp', 0.86)", /write denied/i, { token: ann });
});
test('7: a STREAM table takes events and refuses UPDATE', async () => {
  await server.exec('CREATE STREAM TABLE first.events (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), kind TEXT) WITH (TTL_SECONDS = 3600)');
  await server.exec("INSERT INTO first.events (kind) VALUES ('click'), ('key')", { token: ann });
  assert.equal((await cells('SELECT kind FROM first.events', { token: ann })).length, 2);
  await refused("UPDATE first.events SET kind = 'x' WHERE kind = 'key'", /UPDATE not supported for STREAM tables/, { token: ann });
});
test('8: INSERT says how many, and fills defaults', async () => {
  assert.equal(await message("INSERT INTO first.notes (body) VALUES ('two'), ('three'), ('four')", { token: ann }), 'Inserted 3 row(s)');
  assert.deepEqual(await cells("SELECT done FROM first.notes WHERE body = 'two'", { token: ann }), [[false]]);
});
test('9: UPDATE changes what matches, and counts it', async () => {
  assert.equal(await message("UPDATE first.notes SET done = true WHERE body IN ('two', 'three')", { token: ann }), 'Updated 2 row(s)');
  assert.equal(await message("UPDATE first.notes SET done = true WHERE body = 'two'", { token: ann }), 'Updated 0 row(s)');
});
test('10: DELETE hides the row; its key may be used again', async () => {
  assert.equal(await message('DELETE FROM first.notes WHERE id = 1', { token: ann }), 'Deleted 1 row(s)');
  assert.deepEqual(await cells('SELECT * FROM first.notes WHERE id = 1', { token: ann }), []);
  assert.equal(await message("INSERT INTO first.notes (id, body) VALUES (1, 'again')", { token: ann }), 'Inserted 1 row(s)');
});
test('11: parameters are values, whatever they contain', async () => {
  const text = "'; DROP TABLE first.notes; --";
  await server.exec('INSERT INTO first.notes (id, body) VALUES ($1, $2)', { token: bob, params: [2, text] });
  assert.deepEqual(await cells('SELECT body FROM first.notes WHERE id = $1', { token: bob, params: [2] }), [[text]]);
});
test('12: queries filter, order, limit, group and join', async () => {
  assert.deepEqual(await cells('SELECT done, count(*) FROM first.notes GROUP BY done ORDER BY done', { token: ann }), [[false, '2'], [true, '2']]);
  assert.deepEqual(await cells('SELECT body FROM first.notes ORDER BY body DESC LIMIT 1', { token: ann }), [['two']]);
  assert.deepEqual(await cells("SELECT n.body, r.rate FROM first.notes n JOIN first.rates r ON r.code = 'eur' WHERE n.id = 1", { token: ann }), [['again', 1]]);
});
test('13: system tables know namespaces, tables and columns', async () => {
  assert.deepEqual((await cells("SELECT table_name FROM system.tables WHERE namespace_id = 'first' ORDER BY table_name")), [['events'], ['notes'], ['rates']]);
  assert.deepEqual(await cells("SELECT column_name FROM system.columns WHERE table_name = 'rates' AND column_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY ordinal"), [['code'], ['rate']]);
});
test('14: system tables are for admins', async () => {
  await refused('SELECT * FROM system.users', /System tables require|Unauthorized/, { token: ann });
});
test('15: a flush moves rows into segments, and nothing changes for readers', async () => {
  const before = await cells('SELECT * FROM first.rates ORDER BY code');
  await server.exec('STORAGE FLUSH TABLE first.rates');
  await eventually(async () => (await cells("SELECT status FROM system.jobs WHERE job_type = 'flush'")).some(([status]) => status === 'completed'), 'the flush job ends');
  assert.deepEqual(await cells('SELECT * FROM first.rates ORDER BY code'), before);
  assert.equal(await message("UPDATE first.rates SET rate = 1.17 WHERE code = 'usd'"), 'Updated 1 row(s)');
});
test('16: a live query shows what is there, then what changes', async () => {
  const socket = await connect(server, { token: ann });
  const { rows } = await socket.load('live', 'SELECT * FROM first.notes WHERE done = true');
  assert.equal(rows.length, 2);
  await server.exec("INSERT INTO first.notes (id, body, done) VALUES (77, 'seven', true)", { token: ann });
  const change = await socket.next('change');
  assert.equal(change.rows[0].body, 'seven');
  await socket.close();
});
test('17: writes and notifications keep their deadlines', async () => {
  const socket = await connect(server, { token: bob });
  await socket.load('late', 'SELECT * FROM first.notes');
  const writes = [];
  const notices = [];
  for (let i = 100; i < 140; i++) {
    const began = performance.now();
    const told = socket.next('change').then(() => notices.push(performance.now() - began));
    await server.exec(`INSERT INTO first.notes (id, body) VALUES (${i}, 'x')`, { token: bob, durability: 'async' });
    writes.push(performance.now() - began);
    await told;
  }
  await socket.close();
  assert.ok(median(writes) < 100, `median write ${median(writes)} ms`);
  assert.ok(median(notices) < 100, `median notification ${median(notices)} ms`);
});
test('18: several namespaces have tables of the same name', async () => {
  for (const ns of ['one', 'two']) {
    await server.exec(`CREATE NAMESPACE ${ns}`);
    await server.exec(`CREATE SHARED TABLE ${ns}.t (id BIGINT PRIMARY KEY, v TEXT)`);
    await server.exec(`INSERT INTO ${ns}.t (id, v) VALUES (1, '${ns}')`);
  }
  assert.deepEqual(await cells('SELECT a.v, b.v FROM one.t a JOIN two.t b ON a.id = b.id'), [['one', 'two']]);
  await server.exec('DROP NAMESPACE two CASCADE');
  assert.deepEqual(await cells('SELECT v FROM one.t'), [['one']]);
});
test('19: a dropped table is gone, and its name is free for another', async () => {
  await server.exec('DROP TABLE first.events');
  await refused('SELECT * FROM first.events', /events/);
  await server.exec('CREATE SHARED TABLE first.events (id BIGINT PRIMARY KEY, other TEXT)');
  assert.deepEqual(await cells('SELECT * FROM first.events'), []);
});
test('20: after a restart everything is as it was', async () => {
  const questions = ['SELECT * FROM first.notes ORDER BY id', 'SELECT * FROM first.rates ORDER BY code', 'SELECT * FROM one.t'];
  const before = await Promise.all(questions.map((sql) => cells(sql, sql.includes('notes') ? { token: bob } : {})));
  await server.restart();
  server.token = (await server.login()).token;
  bob = (await server.login('bob', 'user-password-1')).token;
  const again = await Promise.all(questions.map((sql) => cells(sql, sql.includes('notes') ? { token: bob } : {})));
  assert.deepEqual(again, before);
  assert.equal(before[0].length, 42);
});
