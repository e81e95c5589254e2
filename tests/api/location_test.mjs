// tests/api/location_test.mjs -- LOCATION 'path' of a table (spec 002). Goal: its files lie in the folders that it names and nobody
// else's lie there; each user reads their own rows from them, also after a kill, and DROP takes them. Method: a real server and its
// folder on disk.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';

let server;
const tokens = {};
before(async () => {
  server = await startServer();
  await server.exec('CREATE NAMESPACE app');
  for (const user of ['ann', 'ben']) await server.exec(`CREATE USER ${user} WITH PASSWORD 'Place-password-1' ROLE user`);
});
after(async () => {
  await server.stop();
  await server.destroy();
});

// Folders below the storage's with segments in them, and how many.
function folders() {
  const root = path.join(server.dir, 'data', 'storage');
  const found = {};
  for (const entry of fs.existsSync(root) ? fs.readdirSync(root, { recursive: true }) : []) {
    if (/\/batch-\d+\.parquet$/.test(entry)) found[path.dirname(entry)] = (found[path.dirname(entry)] ?? 0) + 1;
  }
  return found;
}
async function logIn() {
  for (const user of ['ann', 'ben']) tokens[user] = (await server.login(user, 'Place-password-1')).token;
  server.token = (await server.login()).token;
}
const as = async (user, sql) => {
  const { body, text } = await server.sql(sql, { token: tokens[user] });
  assert.equal(body.status, 'success', text);
  return body.results[0].rows;
};

test('tables with a LOCATION have their files there, each user and each table their own, through a kill and DROP', async () => {
  await server.exec("CREATE USER TABLE app.mine (id BIGINT PRIMARY KEY, v TEXT) LOCATION 'people/${user_id}/files/'");
  await server.exec("CREATE USER TABLE app.also (id BIGINT PRIMARY KEY, v TEXT) LOCATION 'people/${user_id}/files'");
  await server.exec("CREATE SHARED TABLE app.ours (id BIGINT PRIMARY KEY, v TEXT) LOCATION 'people/ann/files'");
  await server.exec('CREATE SHARED TABLE app.plain (id BIGINT PRIMARY KEY, v TEXT)');
  await logIn();
  for (const user of ['ann', 'ben']) for (const table of ['mine', 'also']) await as(user, `INSERT INTO app.${table} VALUES (1, '${user} ${table}')`);
  for (const table of ['ours', 'plain']) await server.exec(`INSERT INTO app.${table} VALUES (1, '${table}')`);
  await server.exec('STORAGE FLUSH ALL IN app');
  await server.jobsDone();
  const files = {
    'people/ann/files/app+mine': 1, 'people/ben/files/app+mine': 1, 'people/ann/files/app+also': 1, 'people/ben/files/app+also': 1,
    'people/ann/files/app+ours': 1, 'app/plain': 1,
  };
  assert.deepEqual(folders(), files);

  await server.kill();
  await server.start();
  await logIn();
  assert.deepEqual(folders(), files);
  for (const user of ['ann', 'ben']) for (const table of ['mine', 'also']) {
    assert.deepEqual(await as(user, `SELECT v FROM app.${table} WHERE id > 0`), [[`${user} ${table}`]]); // by the SQL engine
    assert.deepEqual(await as(user, `SELECT v FROM app.${table} WHERE id = 1`), [[`${user} ${table}`]]); // by key
  }
  assert.deepEqual(await server.rows('SELECT v FROM app.ours'), [{ v: 'ours' }]);

  await server.exec('DROP TABLE app.mine; DROP TABLE app.ours');
  await eventually(() => Object.keys(folders()).length === 3, 'the files of dropped tables are gone');
  assert.deepEqual(folders(), { 'people/ann/files/app+also': 1, 'people/ben/files/app+also': 1, 'app/plain': 1 });
  assert.deepEqual(await as('ben', 'SELECT v FROM app.also WHERE id > 0'), [['ben also']]);
});

test('a LOCATION below that of another storage is below its folder', async () => {
  await server.exec("CREATE STORAGE fast TYPE filesystem PATH 'fast'");
  await server.exec("CREATE SHARED TABLE app.quick (id BIGINT PRIMARY KEY) LOCATION '{tableName}' WITH (STORAGE_ID = 'fast')");
  await server.exec('INSERT INTO app.quick VALUES (1)');
  await server.exec('STORAGE FLUSH TABLE app.quick');
  await server.jobsDone();
  assert.equal(folders()['fast/quick/app+quick'], 1);
  assert.deepEqual(await server.rows('SELECT id FROM app.quick'), [{ id: '1' }]);
});

test('a copy of the data folder is a server of its own: it writes below itself, and leaves the first one alone', async () => {
  await server.exec("CREATE SHARED TABLE app.far (id BIGINT PRIMARY KEY) WITH (STORAGE_ID = 'fast')");
  await server.exec('INSERT INTO app.far VALUES (1); INSERT INTO app.plain VALUES (2, \'x\')');
  await server.exec('STORAGE FLUSH ALL IN app');
  await server.jobsDone();
  await server.stop();
  const before = folders();
  fs.cpSync(path.join(server.dir, 'data'), path.join(server.dir, 'copy'), { recursive: true });
  await server.restart({ settings: { storage: { data_path: path.join(server.dir, 'copy') } } });
  await server.exec("INSERT INTO app.far VALUES (2); INSERT INTO app.plain VALUES (3, 'y')");
  await server.exec('STORAGE FLUSH ALL IN app');
  await server.jobsDone();
  assert.deepEqual(await server.rows('SELECT id FROM app.far WHERE id > 0'), [{ id: '1' }, { id: '2' }]);
  assert.deepEqual(await server.rows('SELECT count(*) AS n FROM app.plain'), [{ n: '3' }]);
  assert.deepEqual(folders(), before);
  await server.restart({ settings: {} });
  assert.deepEqual(await server.rows('SELECT id FROM app.far WHERE id > 0'), [{ id: '1' }]);
});
