// tests/api/logs_test.mjs -- the log of the running server.
// Goal: what operators need is in it, each line of a request with the request's id; no password, no
// token and no literal ever, at whatever level. Method: a server that logs all it can, statements
// with canaries, then every log file, stderr and stdout.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const logsOf = (server) => {
  const dir = path.join(server.dir, 'logs');
  return fs.readdirSync(dir).sort().map((name) => fs.readFileSync(path.join(dir, name), 'utf8')).join('');
};
const json = (server) => logsOf(server).split('\n').filter(Boolean).map((line) => JSON.parse(line));
const debug = (more = {}) => ({ settings: { logging: { level: 'trace', format: 'json', ...more } } });

test('no password, token, parameter or literal reaches a log, at any level', async () => {
  const server = await startServer(debug());
  let stdout = '';
  server.child.stdout.on('data', (text) => (stdout += text));
  const c = (n) => `canary${n}secret`;
  const { token } = await server.login();
  await server.exec('CREATE NAMESPACE app');
  await server.exec(`CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT DEFAULT '${c(1)}', n BIGINT)`);
  const { token: own, refresh } = await server.user('ann', 'user', c(2));
  await server.exec(`ALTER USER 'ann' SET PASSWORD '${c(3)}'`);
  await server.post('/v1/api/auth/login', { user: 'ann', password: c(4) });
  await server.post('/v1/api/auth/login', { user: 'root', password: c(5), [c(6)]: c(6) });
  await server.post('/v1/api/auth/login', `{"user":"root","password":"${c(7)}`);
  await server.post('/v1/api/auth/refresh', '', { headers: { authorization: `Bearer ${refresh}` } });
  await server.exec(`INSERT INTO app.t (id, v) VALUES (1, '${c(8)}'), (2, 'x''${c(9)}')`);
  await server.exec('INSERT INTO app.t (id, v, n) VALUES ($1, $2, 7)', { params: ['77001100771', c(10)] });
  await server.exec('INSERT INTO app.t (id, v, n) VALUES (77002200772, NULL, 77002200773)');
  await server.exec(`SELECT * FROM app.t WHERE v = '${c(11)}' OR v LIKE '%${c(12)}%' -- ${c(13)}\n/* ${c(14)} */`);
  await server.exec(`UPDATE app.t SET v = '${c(15)}' WHERE id = 1; DELETE FROM app.t WHERE v = '${c(16)}'`);
  for (const bad of [
    `SELEC '${c(17)}'`,
    `SELECT '${c(18)}`,
    `INSERT INTO app.t (id) VALUES ('${c(19)}')`,
    `INSERT INTO app.t (id, v) VALUES (1, '${c(20)}')`,
    `SELECT CAST('${c(21)}' AS INT)`,
    `SELECT v + 1 FROM app.t WHERE v::INT = '${c(22)}'`,
    `CREATE USER 'bob' WITH PASSWORD "${c(23)}" ROLE 'user'`,
    `CREATE USER 'bob' WITH PASSWORD ${c(24)}`,
    `CREATE USER 'bob' PASWORD ${c(25)}`,
    `SELECT * FROM read_csv('/${c(26)}')`,
    `INSERT INTO app.t VALUES (${c(27)})`,
    `SELECT 1 AS "${c(28)}"`,
    `SELECT json_extract('{"a": "${c(29)}"}', '$.a')`,
    `EXECUTE AS USER 'ann' (SELECT '${c(30)}')`,
    `CREATE STORAGE s TYPE filesystem PATH '/tmp/${c(31)}' CREDENTIALS '{"k":"${c(32)}"}'`,
  ]) {
    await server.sql(bad);
    await server.sql(bad, { token: own });
  }
  await server.sql('SELECT $1::INT', { params: [c(33)] });
  await server.sql('SELECT 1', { token: c(34) });
  await server.sql('SELECT 1', { token, headers: { cookie: `kalamdb_auth=${c(35)}`, 'idempotency-key': c(36), 'x-api-key': c(37) } });
  await server.get(`/v1/api/auth/me?token=${c(38)}`, { headers: { authorization: `Bearer ${c(39)}` } });
  const ws = await connect(server, { token });
  ws.send({ type: 'subscribe', subscription: { id: 's', sql: `SELECT * FROM app.t WHERE v = '${c(40)}'`, options: {} } });
  await ws.until((message) => message.type === 'subscription_ack');
  ws.send({ type: 'subscribe', subscription: { id: 's2', sql: `SELECT * FROM app.t WHERE '${c(41)}`, options: {} } });
  await ws.until((message) => message.type === 'error');
  ws.socket.destroy();
  const bare = await connect(server, {});
  bare.send({ type: 'authenticate', method: 'jwt', token: c(42) });
  await bare.closed;
  await server.exec('STORAGE FLUSH TABLE app.t');
  await server.stop();
  const all = logsOf(server) + server.output + stdout;
  const found = [...new Set(all.match(/canary\d+secret|7700[12]\d+/g) ?? [])];
  assert.deepEqual(found, [], all.split('\n').filter((line) => /canary\d+secret|7700[12]\d+/.test(line)).join('\n'));
  for (const secret of [token, own, refresh, 'root-password-1']) assert.ok(!all.includes(secret));
  assert.ok(all.split('\n').length > 200); // there was something to look at
  await server.destroy();
});

test('namespaces, tables, schemas, families and flushes leave a line each, statements their sanitized text', async () => {
  const server = await startServer(debug());
  await server.exec('CREATE NAMESPACE app');
  await server.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = 'USER')");
  await server.exec('ALTER TABLE app.t ADD COLUMN n INT');
  await server.exec("INSERT INTO app.t (id, v) VALUES (1, 'x')");
  await server.rows("SELECT v FROM app.t WHERE v = 'x' AND id < 10");
  await server.exec(
    "INSERT INTO app.t (id) VALUES (2), (3), (4); SELECT id FROM app.t; UPDATE app.t SET v = 'y' WHERE id < 3; SELECT id FROM app.t WHERE id > 9; DELETE FROM app.t WHERE id = 4",
    { headers: { 'x-request-id': 'batch-1' } },
  );
  assert.equal((await server.sql('CREATE NAMESPACE app')).status, 400);
  await server.exec('STORAGE FLUSH TABLE app.t');
  await eventually(() => json(server).some((line) => line.module === 'flush'), 'the flush');
  await server.exec('DROP TABLE app.t');
  await eventually(() => json(server).some((line) => line.module === 'family' && line.event === 'drop'), 'the clean-up');
  await server.exec('DROP NAMESPACE app');
  await server.stop();
  const lines = json(server);
  const find = (module, event, more = {}) =>
    lines.filter((line) => line.module === module && line.event === event && Object.entries(more).every(([k, v]) => line[k] === v));
  assert.equal(find('namespace', 'create', { id: 'app', result: 'ok' }).length, 1);
  assert.equal(find('namespace', 'create', { id: 'app', result: 'EXISTS' }).length, 1);
  assert.equal(find('namespace', 'drop', { id: 'app', result: 'ok' }).length, 1);
  assert.equal(find('table', 'create', { name: 'app.t', type: 'user_table', result: 'ok' }).length, 1);
  assert.equal(find('family', 'create', { name: 'user_table:app.t' }).length, 1);
  assert.equal(find('table', 'alter', { name: 'app.t', change: 'add_column', result: 'ok' }).length, 1);
  assert.equal(find('schema', 'changed', { table: 'app.t', old_version: '1', new_version: '2', change: 'add_column' }).length, 1);
  assert.equal(find('table', 'drop', { name: 'app.t', result: 'ok' }).length, 1);
  assert.equal(find('family', 'drop', { name: 'app.t', result: 'ok' }).length, 1);
  const [flush] = find('flush', 'done', { table: 'app.t' });
  assert.match(flush.file, /batch-\d+\.parquet$/);
  assert.match(flush.ms, /^\d+$/);
  const [insert] = find('sql', 'statement', { kind: 'INSERT', table: 'app.t', result: 'ok' });
  assert.equal(insert.sql, 'INSERT INTO app . t ( id , v ) VALUES ( ? , ? )');
  assert.equal(insert.rows, '1');
  const batch = find('sql', 'statement', { request: 'batch-1' }).map(({ kind, rows }) => `${kind} ${rows}`);
  assert.deepEqual(batch, ['INSERT 3', 'SELECT 4', 'UPDATE 2', 'SELECT 0', 'DELETE 1']);
  const [select] = find('sql', 'statement', { kind: 'SELECT', table: 'app.t' });
  assert.equal(select.sql, 'SELECT v FROM app . t WHERE v = ? AND id < ?');
  assert.equal(select.rows, '1');
  assert.match(select.us, /^\d+$/);
  await server.destroy();
});

test('each line of a request has its id, on the loop and on a worker', async () => {
  const server = await startServer(debug());
  await server.exec('CREATE NAMESPACE app');
  await server.exec('CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec('SELECT 1'); // opens the engine, which has a line of its own
  for (const [id, sql] of [
    ['point-1', 'SELECT v FROM app.t WHERE id = 1'],
    ['scan-1', 'SELECT count(*) FROM app.t'],
    ['write-1', "INSERT INTO app.t (id, v) VALUES (1, 'x')"],
    ['bad-1', 'SELECT nothing FROM app.t'],
  ]) {
    await server.sql(sql, { headers: { 'x-request-id': id } });
  }
  await server.stop();
  const lines = json(server);
  for (const id of ['point-1', 'scan-1', 'write-1', 'bad-1']) {
    const own = lines.filter((line) => line.request === id).map((line) => `${line.module} ${line.event}`);
    assert.deepEqual(own, ['sql statement', 'http answered'], id);
  }
  for (const line of lines.filter(({ module }) => module === 'sql' || module === 'http')) assert.ok(line.request, JSON.stringify(line));
  await server.destroy();
});

test('a slow statement is told with its sanitized text; a quick one is not', async () => {
  const server = await startServer({ settings: { logging: { slow_query_threshold_ms: 1 } } });
  await server.rows("SELECT sum(a.i * b.i) AS s, 'hidden' AS h FROM range(3000) a(i), range(1000) b(i)").catch(() => {});
  await server.rows("SELECT count(*) FROM generate_series(1, 3000000) AS g(i) WHERE i % 7 = 3 AND 'hidden' <> ''").catch(() => {});
  await server.exec('CREATE NAMESPACE slow');
  await server.stop();
  const line = logsOf(server).split('\n').find((text) => text.includes(' sql slow_query ') && text.includes('kind="SELECT"') && text.includes('result=ok'));
  assert.ok(line, logsOf(server));
  assert.match(line, /request=\S+ .* us=\d+ rows=1 sql="SELECT /);
  assert.ok(!line.includes('hidden'));
  await server.destroy();
});

test('subscriptions leave connection, id and table', async () => {
  const server = await startServer(debug({ level: 'info', levels: ['ws=debug'] }));
  await server.exec('CREATE NAMESPACE app');
  await server.exec('CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT)');
  const ws = await connect(server, { token: server.token });
  ws.send({ type: 'subscribe', subscription: { id: 'sub-1', sql: 'SELECT * FROM app.t', options: {} } });
  await ws.until((message) => message.type === 'subscription_ack');
  ws.socket.destroy();
  await server.stop();
  const lines = json(server);
  const [line] = lines.filter(({ module, event }) => module === 'ws' && event === 'subscribe');
  assert.match(line.connection, /^\d+$/);
  assert.equal(line.id, 'sub-1');
  assert.equal(line.table, 'app.t');
  assert.ok(!lines.some(({ module, level }) => module !== 'ws' && level === 'DEBUG')); // levels per module
  await server.destroy();
});

test('the log file is put aside when it is long enough, and the oldest go', async () => {
  const server = await startServer(debug({ format: 'compact', log_to_console: false, rotate_bytes: 4096, rotate_files: 2 }));
  for (let i = 0; i < 100; i++) await server.get('/health');
  await server.stop();
  const dir = path.join(server.dir, 'logs');
  assert.deepEqual(fs.readdirSync(dir).sort(), ['server.log', 'server.log.1', 'server.log.2']);
  for (const name of fs.readdirSync(dir)) {
    assert.ok(fs.statSync(path.join(dir, name)).size <= 4096, name);
    assert.equal(fs.statSync(path.join(dir, name)).mode & 0o777, 0o600);
  }
  await server.destroy();
});
