// tests/api/errors_test.mjs -- what is wrong is told apart, and says what it is about.
// Goal: each kind of error (requirement T202) has its code, its HTTP status, and a text that names the
// thing; the log has its kind. Method: one statement for each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startServer } from './harness.mjs';

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
  const denied = await server.sql("INSERT INTO app.t (id, v) VALUES (2, 'y')", { token });
  assert.equal(denied.status, 403);
  assert.equal(denied.body.error.code, 'PERMISSION_DENIED');
  await server.stop();
  const log = fs.readFileSync(path.join(server.dir, 'logs', 'server.jsonl'), 'utf8');
  const results = log.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ event }) => event === 'statement').map(({ result }) => result);
  const wanted = [...cases.map(([kind]) => kind), 'PERMISSION_DENIED'];
  assert.deepEqual(results.filter((result) => result !== 'ok'), wanted);
  await server.destroy();
});
