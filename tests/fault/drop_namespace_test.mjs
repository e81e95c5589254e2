// tests/fault/drop_namespace_test.mjs -- DROP NAMESPACE is one commit: whenever the server dies in it, all of the namespace is there
// after the start, or nothing (FR-184). Method: a real server that dies at each point of a change of the catalog, at the first and at
// the second time that it is passed; before this was one commit, the second time left a part.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from '../api/harness.mjs';
import { SETTINGS, arm, faultsEnv, filesBelow } from './workload.mjs';

const TABLES = 4;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kalam-drop-'));
let server;
before(async () => {
  server = await startServer({ settings: SETTINGS, env: faultsEnv(folder) });
});
after(async () => {
  await server.destroy();
  fs.rmSync(folder, { recursive: true, force: true });
});

const segments = (ns) => filesBelow(path.join(server.dir, 'data', 'storage', ns)).filter((f) => f.endsWith('.parquet'));
const one = async (sql) => Object.values((await server.rows(sql))[0])[0];

async function make(ns) {
  await server.exec(`CREATE NAMESPACE ${ns}`);
  for (let i = 0; i < TABLES; i++) {
    await server.exec(`CREATE ${i % 2 ? 'USER' : 'SHARED'} TABLE ${ns}.t${i} (id BIGINT PRIMARY KEY, v TEXT)`);
    await server.exec(`INSERT INTO ${ns}.t${i} VALUES (1, 'cold')`);
  }
  await server.exec(`CREATE VIEW ${ns}.v AS SELECT id FROM ${ns}.t0; CREATE VIEW ${ns}.w AS SELECT 1 AS one`);
  await server.exec(`STORAGE FLUSH ALL IN ${ns}`);
  await eventually(() => segments(ns).length === TABLES, 'the tables are flushed'); // not jobsDone: jobs died with the server
  for (let i = 0; i < TABLES; i++) await server.exec(`INSERT INTO ${ns}.t${i} VALUES (2, 'hot')`);
}

async function isWhole(ns) {
  for (let i = 0; i < TABLES; i++) assert.equal(await one(`SELECT count(*) AS n FROM ${ns}.t${i} WHERE id > 0`), '2');
  assert.equal(await one(`SELECT count(*) AS n FROM ${ns}.v`), '2');
  assert.equal(await one(`SELECT one FROM ${ns}.w`), '1');
}

async function isGone(ns) {
  for (const table of ['tables', 'schemas']) {
    assert.equal(await one(`SELECT count(*) AS n FROM system.${table} WHERE namespace_id = '${ns}'`), '0', table);
  }
  assert.match((await server.sql(`SELECT * FROM ${ns}.v`)).text, /not found/);
  await eventually(() => segments(ns).length === 0, 'the files are gone');
}

const POINTS = ['ddl.before_commit', 'commit.before_write', 'commit.after_write', 'commit.before_publish', 'ddl.after_commit'];
let turn = 0;
for (const point of POINTS) for (const hit of [1, 2]) {
  test(`a server that dies at ${point} for time ${hit} has all of the namespace, or nothing`, async () => {
    const ns = `n${turn++}`;
    await make(ns);
    await arm(server, `${point}=crash@${hit}`);
    server.isEnding = true;
    const reply = await server.sql(`DROP NAMESPACE ${ns} CASCADE`).catch(() => null);
    if (reply === null) await server.ended;
    else await server.kill(); // it had passed the point once
    fs.writeFileSync(server.options.env.KALAMDB_FAULTS_FILE, '');
    await server.restart();
    const isThere = (await one(`SELECT count(*) AS n FROM system.namespaces WHERE namespace_id = '${ns}'`)) === '1';
    if (reply !== null) assert.ok(!isThere, 'it was acknowledged');
    await (isThere ? isWhole(ns) : isGone(ns));
    if (isThere) await server.exec(`DROP NAMESPACE ${ns}`);
    await isGone(ns);
  });
}
