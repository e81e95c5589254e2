// tests/api/errors_test.mjs -- what is wrong is told apart, and says what it is about.
// Goal: each kind of error (requirement T202) has its code, its HTTP status, and a text that names the
// thing; the log has its kind. Method: one statement for each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const SERVER_HINTS = new Map([...fs.readFileSync(new URL('../../src/base/errors.def', import.meta.url), 'utf8').matchAll(/^ERROR\((\w+), .*"([^"]*)"\)$/gm)].map((m) => [m[1], m[2]]));

test('each kind of error has its code, names the thing, and is told to the log by its kind', async () => {
  const server = await startServer({ settings: { logging: { level: 'debug', format: 'json' } } });
  await server.exec('CREATE NAMESPACE app');
  await server.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT NOT NULL) WITH (TYPE='SHARED')");
  await server.exec("CREATE TABLE app.e (id BIGINT PRIMARY KEY) WITH (TYPE='STREAM', TTL_SECONDS=60)");
  await server.exec("INSERT INTO app.t (id, v) VALUES (1, 'x')");
  const { token } = await server.user('ann');
  const cases = [
    ['TABLE_NOT_FOUND', 'INSERT INTO app.missing (id) VALUES (1)', /Table not found: .*app\.missing/],
    ['NAMESPACE_NOT_FOUND', 'CREATE TABLE missing.t (id BIGINT PRIMARY KEY)', /Namespace not found: .*missing.*CREATE NAMESPACE/],
    ['SCHEMA_VERSION_NOT_FOUND', 'DESCRIBE TABLE app.t VERSION 7', /Not found: schema version 7 of table app\.t does not exist \(versions 1 to 1\)/],
    ['COLUMN_NOT_FOUND', 'UPDATE app.t SET nothing = 1 WHERE id = 1', /nothing/],
    ['EXISTS', 'CREATE TABLE app.t (id BIGINT PRIMARY KEY)', /Already exists: .*t/],
    ['CONSTRAINT', "INSERT INTO app.t (id, v) VALUES (1, 'y')", /Constraint violation: /],
    ['COERCION', "INSERT INTO app.t (id, v) VALUES ('abc', 'y')", /Schema coercion failed: .*id/],
    ['INVALID_OPERATION', 'ALTER TABLE app.t DROP COLUMN id', /id/],
    ['INVALID_OPERATION', 'ALTER TABLE app.t ADD COLUMN n INT NOT NULL', /n/],
    ['INVALID_OPERATION', 'ALTER TABLE app.e ADD COLUMN n INT', /STREAM|stream/],
    ['INVALID_OPERATION', 'DELETE FROM system.users WHERE user_id = 1', /system\.users/],
  ];
  for (const [, sql, text] of cases) {
    const reply = await server.sql(sql);
    assert.equal(reply.status, 400, `${sql}: ${reply.text}`);
    assert.equal(reply.body.error.code, 'SQL_EXECUTION_ERROR', sql);
    assert.match(reply.body.error.message, text, sql);
  }
  for (const [kind, sql] of cases) assert.equal((await server.sql(sql)).body.error.hint, SERVER_HINTS.get(kind), sql);
  const denied = await server.sql("INSERT INTO app.t (id, v) VALUES (2, 'y')", { token });
  assert.equal(denied.status, 403);
  assert.equal(denied.body.error.code, 'PERMISSION_DENIED');
  assert.equal(denied.body.error.hint, SERVER_HINTS.get('PERMISSION_DENIED'));
  await server.stop();
  const log = fs.readFileSync(path.join(server.dir, 'logs', 'server.jsonl'), 'utf8');
  const results = log.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ event }) => event === 'statement').map(({ result }) => result);
  const kinds = cases.map(([kind]) => kind);
  const wanted = [...kinds, ...kinds, 'PERMISSION_DENIED'];
  assert.deepEqual(results.filter((result) => result !== 'ok'), wanted);
  await server.destroy();
});

test('whoever may not read a message reads a hint that is the same for all such messages', async () => {
  const server = await startServer();
  await server.exec('CREATE NAMESPACE app');
  await server.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY, n BIGINT) WITH (TYPE='USER')");
  const { token } = await server.user('ann');
  const missing = (await server.sql('SELECT * FROM app.missing', { token })).body.error;
  const overflow = (await server.sql('INSERT INTO app.t (id, n) VALUES (9223372036854775807 + 1, 1)', { token })).body.error;
  assert.equal(missing.message, 'SQL statement failed');
  assert.deepEqual(Object.keys(missing), ['code', 'message', 'hint']);
  assert.deepEqual(missing, overflow);
  assert.ok(![...SERVER_HINTS.values()].includes(missing.hint));
  await server.stop();
  await server.destroy();
});

test('a WebSocket error has a hint when its client asked for hints, and is as in 0.4.3 otherwise', async () => {
  const server = await startServer();
  const { token } = await server.user('ann');
  const refusal = async (query) => {
    const ws = await connect(server, { token, query });
    ws.send({ type: 'subscribe', subscription: { id: 's', sql: 'SELECT * FROM app.missing', options: {} } });
    ws.send({ type: 'subscribe', subscription: { id: '', sql: 'SELECT * FROM app.missing', options: {} } });
    const errors = [await ws.next('error'), await ws.next('error')];
    await ws.close();
    return errors.sort((a, b) => (a.code < b.code ? -1 : 1));
  };
  for (const error of await refusal('')) assert.deepEqual(Object.keys(error), ['type', 'subscription_id', 'code', 'message']);
  const [empty, missing] = await refusal('?hints=true');
  assert.deepEqual([missing.code, missing.hint], ['NOT_FOUND', SERVER_HINTS.get('TABLE_NOT_FOUND')]);
  assert.equal(empty.code, 'INVALID_SUBSCRIPTION_ID');
  assert.match(empty.hint, /not empty/);
  await server.stop();
  await server.destroy();
});
