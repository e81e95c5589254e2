// tests/api/caches_test.mjs -- Goal: the three kinds of store share one RocksDB (T205); schemas (T206) and system
// tables (T207) are answered from caches that nobody can see but in system.stats: whoever has written, or was told
// of a write, never reads an older state. Method: a real server with eight workers, many clients at once, and reads
// directly after each write with all times to live at an hour, so that only invalidation can make them right.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const WORKERS = 8;
const HOUR = 3600;

let server;
let ann;
before(async () => {
  server = await startServer({
    settings: {
      server: { statement_workers: WORKERS },
      cache: {
        schema_ttl_seconds: HOUR,
        system_tables_ttl_seconds: HOUR,
        system_namespaces_ttl_seconds: HOUR,
        system_live_ttl_seconds: HOUR,
        system_storages_ttl_seconds: HOUR,
        system_jobs_ttl_seconds: HOUR,
      },
    },
  });
  server.token = (await server.login()).token;
  await server.exec('CREATE NAMESPACE app');
  await server.exec('CREATE USER TABLE app.u (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec("CREATE SHARED TABLE app.s (id BIGINT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
  await server.exec('CREATE STREAM TABLE app.e (id BIGINT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 3600)');
  ann = (await server.user('ann')).token;
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const stats = async () =>
  Object.fromEntries(
    (await server.rows("SELECT * FROM system.stats WHERE metric_name LIKE '%_cache_%' LIMIT 100")).map((row) => [
      row.metric_name,
      Number(row.metric_value),
    ]),
  );

// Directories below `dir` that hold a RocksDB.
function databases(dir) {
  const here = fs.existsSync(path.join(dir, 'CURRENT')) ? [dir] : [];
  const below = fs.readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return here.concat(...below.map((entry) => databases(path.join(dir, entry.name))));
}

test('USER, SHARED and STREAM tables used by eight threads live in one RocksDB instance', async (t) => {
  if (process.env.KALAMDB_TEST_BACKEND === 'mem') return t.skip('no RocksDB in this run');
  const agent = new http.Agent({ keepAlive: true, maxSockets: WORKERS });
  const client = async (number) => {
    for (let i = 0; i < 20; i++) {
      const id = number * 1000 + i;
      for (const table of ['u', 's', 'e']) {
        const token = table === 's' ? server.token : ann;
        await server.exec(`INSERT INTO app.${table} (id, v) VALUES (${id}, 'x${id}')`, { token, agent });
        const [row] = await server.rows(`SELECT v FROM app.${table} WHERE id = ${id}`, { token, agent });
        assert.equal(row.v, `x${id}`);
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, number) => client(number)));
  agent.destroy();
  for (const table of ['u', 's', 'e']) {
    const token = table === 's' ? server.token : ann;
    const [row] = await server.rows(`SELECT count(*) AS n FROM app.${table}`, { token });
    assert.equal(Number(row.n), WORKERS * 20);
  }
  const pid = server.child.pid;
  const threads = fs.readdirSync(`/proc/${pid}/task`).map((id) => fs.readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim());
  assert.equal(threads.filter((name) => name === 'worker').length, WORKERS);
  // RocksDB holds the file LOCK, and one MANIFEST, open for each instance.
  const open = fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [fs.readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
  const [only, ...others] = databases(path.join(server.dir, 'data'));
  assert.deepEqual(others, []);
  const real = fs.realpathSync(only);
  assert.deepEqual(open.filter((name) => path.basename(name) === 'LOCK' && path.dirname(name) === real).length, 1);
  assert.deepEqual(open.filter((name) => path.basename(name).startsWith('MANIFEST-')).length, 1);
});

test('a statement reads each schema version once and then finds it', async () => {
  await server.exec('CREATE TABLE app.schemas (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec("INSERT INTO app.schemas (id, v) VALUES (1, 'a')");
  const before = await stats();
  for (let i = 0; i < 20; i++) await server.rows('SELECT v FROM app.schemas WHERE id = 1');
  const middle = await stats();
  assert.equal(middle.schema_cache_loads, before.schema_cache_loads);
  assert.ok(middle.schema_cache_hits >= before.schema_cache_hits + 20);
  assert.equal(middle.schema_cache_size, middle.schema_cache_active + middle.schema_cache_expired);
  await server.exec('ALTER TABLE app.schemas ADD COLUMN n BIGINT');
  assert.deepEqual(await server.rows('SELECT v, n FROM app.schemas WHERE id = 1'), [{ v: 'a', n: null }]);
  assert.ok((await stats()).schema_cache_loads > middle.schema_cache_loads);
});

test('every DDL is seen by the next read of the system tables, from the one connection and another', async () => {
  const other = new http.Agent({ keepAlive: true });
  const names = async (sql, agent) => (await server.rows(sql, { agent })).map((row) => Object.values(row)[0]);
  for (let round = 0; round < 5; round++) {
    for (const agent of [undefined, other]) {
      const ns = `n${round}`;
      const list = "SELECT name FROM system.namespaces WHERE name LIKE 'n%' ORDER BY name";
      await server.exec(`CREATE NAMESPACE ${ns}`);
      assert.deepEqual(await names(list, agent), [ns]);
      await server.exec(`CREATE TABLE ${ns}.t (id BIGINT PRIMARY KEY)`);
      const versions = `SELECT version FROM system.tables WHERE namespace_id = '${ns}'`;
      assert.deepEqual((await names(versions, agent)).map(Number), [1]);
      await server.exec(`ALTER TABLE ${ns}.t ADD COLUMN x TEXT`);
      assert.deepEqual((await names(versions, agent)).map(Number), [2]);
      await server.exec(`DROP NAMESPACE ${ns} CASCADE`);
      assert.deepEqual(await names(list, agent), []);
      assert.deepEqual(await names(versions, agent), []);
    }
  }
  other.destroy();
  const now = await stats();
  assert.ok(now.system_cache_misses > 0);
  assert.ok(now.system_cache_bytes > 0);
});

test('a live query is listed when its acknowledgement arrives and not after its end', async () => {
  const list = async () =>
    (await server.rows('SELECT subscription_id FROM system.live ORDER BY subscription_id')).map((row) => row.subscription_id);
  const ws = await connect(server, { token: server.token, query: '?compress=false' });
  assert.deepEqual(await list(), []);
  for (const id of ['a', 'b']) {
    ws.send({ type: 'subscribe', subscription: { id, sql: 'SELECT * FROM app.s', options: {} } });
    await ws.until((m) => m.type === 'subscription_ack');
    assert.ok((await list()).includes(id));
    assert.ok((await list()).includes(id));
  }
  ws.send({ type: 'unsubscribe', subscription_id: 'a' });
  await eventually(async () => (await list()).join() === 'b', 'the end of a is told to nobody');
  ws.destroy();
  await eventually(async () => (await list()).length === 0, 'the connection has gone');
});

test('a job is listed when its statement is answered, and over when it is', async () => {
  await server.exec('CREATE TABLE app.jobs (id BIGINT PRIMARY KEY)');
  const list = () => server.rows("SELECT job_id, status FROM system.jobs WHERE job_type = 'flush' ORDER BY created_at");
  assert.deepEqual(await list(), []);
  for (let round = 1; round <= 3; round++) {
    await server.exec(`INSERT INTO app.jobs (id) VALUES (${round})`);
    const { message } = await server.exec('STORAGE FLUSH TABLE app.jobs');
    const [id] = /FL-[0-9a-f]+/.exec(message);
    assert.ok((await list()).some((row) => row.job_id === id));
    await eventually(async () => (await list()).find((row) => row.job_id === id).status === 'completed', 'the flush ends');
  }
});

test('a storage is masked for a user whoever asked before', async () => {
  await server.exec("CREATE STORAGE cold2 TYPE filesystem PATH 'cold2-folder'");
  for (let round = 0; round < 3; round++) {
    assert.match((await server.sql('SHOW STORAGES')).text, /cold2-folder/);
    const masked = await server.sql('SHOW STORAGES', { token: ann });
    assert.equal(masked.status, 200);
    assert.doesNotMatch(masked.text, /cold2-folder/);
  }
  await server.exec('DROP STORAGE cold2');
  assert.doesNotMatch((await server.sql('SHOW STORAGES')).text, /cold2-folder/);
});

test('repeated reads hit, and the plan cache shows itself', async () => {
  const before = await stats();
  for (let i = 0; i < 5; i++) await server.rows('SELECT * FROM system.storages');
  const now = await stats();
  assert.ok(now.system_cache_hits >= before.system_cache_hits + 4);
  assert.ok(now.plan_cache_hits >= before.plan_cache_hits + 4);
  assert.equal(now.plan_cache_entries, now.plan_cache_active + now.plan_cache_expired);
});

test('a row that is read by key again comes from memory, and never older than the last write', async () => {
  await server.exec('CREATE TABLE app.rows (id BIGINT PRIMARY KEY, n BIGINT)');
  await server.exec('INSERT INTO app.rows (id, n) VALUES (1, 0)');
  const read = async () => (await server.rows('SELECT n FROM app.rows WHERE id = $1', { params: [1] }))[0]?.n;
  const before = await stats();
  for (let i = 0; i < 10; i++) assert.equal(Number(await read()), 0);
  const after = await stats();
  assert.ok(after.row_cache_hits >= before.row_cache_hits + 18, 'the entry of the key and the version that it names');
  assert.ok(after.statement_cache_hits >= before.statement_cache_hits + 9);
  for (let i = 1; i <= 20; i++) {
    await server.exec(`UPDATE app.rows SET n = ${i} WHERE id = 1`);
    assert.equal(Number(await read()), i);
    assert.equal(Number(await read()), i);
    if (i === 10) { // cold, and back
      await server.exec('STORAGE FLUSH TABLE app.rows');
      assert.equal(Number(await read()), i);
    }
  }
  await server.exec('DELETE FROM app.rows WHERE id = 1');
  assert.equal(await read(), undefined);
  await server.exec('INSERT INTO app.rows (id, n) VALUES (1, 77)');
  assert.equal(Number(await read()), 77);
});
