// tests/fault/damage_test.mjs -- files that rot, vanish or are mixed up, and starts that are cut short.
// Goal: damaged bytes are told and never returned as rows; whatever does not touch them works; the server
// neither falls nor refuses to start; manifest.json is a copy, so its damage costs nothing; a recovery that
// is killed again and again ends as one that was not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from '../api/harness.mjs';
import { SETTINGS, Workload, filesBelow, temporaries } from './workload.mjs';

const settings = { ...SETTINGS, flush: { merge_segment_bytes: 0, check_interval_seconds: 3600 } };
const ROWS = 300; // of each segment

let server;
let folder; // of d.a
let files; // its segments, oldest first
let whole; // their bytes
const expected = new Map(); // of d.a: id -> v

async function job(sql) {
  const { message } = await server.exec(sql);
  const id = /Job ID: (\S+)/.exec(message)[1];
  let row;
  await eventually(async () => {
    [row] = await server.rows(`SELECT status, message FROM system.jobs WHERE job_id = '${id}'`);
    return ['completed', 'failed', 'skipped'].includes(row.status);
  }, `the end of ${sql}`);
  return row;
}

async function fill(table, from, count, remember) {
  const ids = Array.from({ length: count }, (_, i) => from + i);
  await server.exec(`INSERT INTO ${table} (id, v) VALUES ${ids.map((id) => `(${id}, 'value ${id}')`).join(', ')}`);
  if (remember) for (const id of ids) expected.set(id, `value ${id}`);
}

before(async () => {
  server = await startServer({ settings });
  await server.exec('CREATE NAMESPACE d');
  await server.user('eve');
  await server.exec("CREATE SHARED TABLE d.a (id BIGINT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'public')");
  await server.exec('CREATE SHARED TABLE d.b (id BIGINT PRIMARY KEY, v TEXT)');
  for (let i = 0; i < 3; i++) {
    await fill('d.a', i * ROWS, ROWS, true);
    assert.equal((await job('STORAGE FLUSH TABLE d.a')).status, 'completed');
  }
  await fill('d.b', 0, ROWS);
  assert.equal((await job('STORAGE FLUSH TABLE d.b')).status, 'completed');
  await fill('d.a', 10000, 5, true); // hot
  folder = path.join(server.dir, 'data/storage/d/a');
  files = fs.readdirSync(folder).filter((name) => name.endsWith('.parquet')).sort((a, b) => parseInt(a.slice(6), 10) - parseInt(b.slice(6), 10));
  assert.equal(files.length, 3);
  whole = files.map((name) => fs.readFileSync(path.join(folder, name)));
});

after(async () => {
  await server.stop();
  await server.destroy();
});

const flip = (at) => (bytes) => {
  const copy = Buffer.from(bytes);
  copy[at < 0 ? copy.length + at : at] ^= 0x10;
  return copy;
};
const DAMAGES = [
  ['a bit of the first magic', flip(0)],
  ['a bit of the first page', flip(40)],
  ['a bit in the middle', (bytes) => flip(bytes.length >> 1)(bytes)],
  ['a bit of the footer', flip(-200)],
  ['a bit of the footer length', flip(-8)],
  ['a bit of the last magic', flip(-1)],
  ['a hole of zeros', (bytes) => Buffer.concat([bytes.subarray(0, 512), Buffer.alloc(512), bytes.subarray(1024)])],
  ['half of the file', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['no byte left', () => Buffer.alloc(0)],
  ['bytes after the end', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
  ['another segment under its name', () => whole[2]],
  ['no file', () => null],
];

// All rows, or a clean refusal. `code` of the refusal, or null.
async function readOrRefused(sql, isRight, token) {
  const reply = await server.sql(sql, token ? { token } : {});
  assert.ok(!reply.text.includes(server.dir), `a path in ${reply.text}`);
  if (reply.status === 200) {
    assert.ok(isRight(reply.body.results[0].rows), `wrong rows: ${sql}: ${reply.text.slice(0, 500)}`);
    return null;
  }
  assert.equal(reply.status, 500, reply.text);
  assert.equal(reply.body.error.code, 'INTERNAL_ERROR', reply.text);
  return reply.body.error.message;
}

const sameRows = (rows) => rows.length === expected.size && rows.every(([id, v]) => expected.get(Number(id)) === v);

async function verifyAll() {
  assert.equal(await readOrRefused('SELECT id, v FROM d.a', sameRows), null);
  for (const id of [3, ROWS + 3, 2 * ROWS + 3, 10001]) {
    const rows = await server.rows(`SELECT v FROM d.a WHERE id = ${id}`);
    assert.deepEqual(rows, expected.has(id) ? [{ v: expected.get(id) }] : []);
  }
}

let fresh = 20000;
for (const [what, damage] of DAMAGES) {
  test(`a segment with ${what}: told by whatever reads it, nothing else is touched`, async () => {
    await server.stop();
    const file = path.join(folder, files[1]);
    const bytes = damage(whole[1]);
    if (bytes === null) fs.rmSync(file);
    else fs.writeFileSync(file, bytes);
    await server.start();
    server.token = null;
    const told = await readOrRefused('SELECT id, v FROM d.a', sameRows);
    assert.match(told ?? 'nothing', /batch-\d+\.parquet/, 'a scan tells which file');
    assert.notEqual(await readOrRefused('SELECT count(v) FROM d.a', ([[n]]) => Number(n) === expected.size), null);
    const one = ROWS + 3; // lies in the damaged segment
    assert.notEqual(await readOrRefused(`SELECT v FROM d.a WHERE id = ${one}`, (rows) => rows[0]?.[0] === expected.get(one)), null);
    const { token } = await server.login('eve', 'user-password-1');
    const redacted = await readOrRefused('SELECT id, v FROM d.a', sameRows, token);
    assert.ok(redacted !== null && !/parquet/.test(redacted), `shown to a user: ${redacted}`);
    // Neighbours, hot rows and writes do not notice.
    assert.equal((await server.rows('SELECT count(v) AS n FROM d.b'))[0].n, String(ROWS));
    assert.deepEqual(await server.rows('SELECT v FROM d.a WHERE id = 10001'), [{ v: expected.get(10001) }]);
    assert.deepEqual(await server.rows('SELECT v FROM d.a WHERE id = 3'), [{ v: expected.get(3) }]);
    await fill('d.a', fresh++, 1, true);
    // A change of a damaged row: refused, or done as a whole.
    const change = await server.sql(`UPDATE d.a SET v = 'changed' WHERE id = ${one}`);
    if (change.status === 200) expected.set(one, 'changed');
    else assert.equal(change.body.error.code, 'INTERNAL_ERROR', change.text);
    const merged = await job('STORAGE COMPACT TABLE d.a');
    assert.equal(merged.status, 'failed', `compaction of a damaged segment: ${merged.message}`);
    assert.match(merged.message, /batch-\d+\.parquet/);
    assert.ok(!merged.message.includes(server.dir), merged.message);
    await server.stop();
    fs.writeFileSync(file, whole[1]);
    await server.start();
    server.token = null;
    await verifyAll();
    assert.deepEqual(temporaries(server), []);
  });
}

test('manifest.json damaged or missing: nobody reads it, the next flush writes it anew', async () => {
  const file = path.join(folder, 'manifest.json');
  for (const text of ['', '{"segments":[', '{"segments":[{"path":"batch-99.parquet"}]}', null]) {
    await server.stop();
    if (text === null) fs.rmSync(file, { force: true });
    else fs.writeFileSync(file, text);
    await server.start();
    server.token = null;
    await verifyAll();
    await fill('d.a', fresh++, 1, true);
    assert.equal((await job('STORAGE FLUSH TABLE d.a')).status, 'completed');
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
    const named = manifest.segments.map((segment) => segment.path).sort();
    assert.deepEqual(named, fs.readdirSync(folder).filter((name) => name.endsWith('.parquet')).sort());
    await verifyAll();
  }
});

test('files that no manifest names are swept at start, files of others are left alone', async () => {
  await server.stop();
  const strays = ['batch-900.parquet', 'batch-901.parquet.tmp', 'manifest.json.tmp'].map((name) => path.join(folder, name));
  const foreign = path.join(folder, 'notes.txt');
  for (const file of [...strays, foreign]) fs.writeFileSync(file, 'x');
  await server.start();
  server.token = null;
  await verifyAll();
  assert.deepEqual(strays.filter((file) => fs.existsSync(file)), []);
  assert.ok(fs.existsSync(foreign));
  fs.rmSync(foreign);
});

// A recovery with all it can have to do: a standing flush, its file, a dropped table with files.
async function dieWithWork(second) {
  await second.exec('CREATE SHARED TABLE f.gone (id BIGINT PRIMARY KEY, v TEXT)');
  await second.exec("INSERT INTO f.gone (id, v) VALUES (1, 'a')");
  await second.exec('STORAGE FLUSH TABLE f.gone');
  await eventually(() => filesBelow(path.join(second.dir, 'data/storage/f/gone')).some((name) => name.endsWith('.parquet')), 'the file of f.gone');
  await second.restart({ env: { KALAMDB_FAULTS: 'flush.after_rename=delay:60000;drop.after_state=delay:60000' } });
  await second.exec('STORAGE FLUSH TABLE f.s');
  await eventually(() => filesBelow(path.join(second.dir, 'data/storage/f/s')).some((name) => name.endsWith('.parquet')), 'the file of f.s');
  void second.sql('DROP TABLE f.gone').catch(() => {});
  await eventually(async () => !(await second.rows("SELECT table_name FROM system.tables WHERE table_name = 'gone'")).length, 'f.gone is gone');
  await second.kill();
}

test('a recovery that is killed five times in a row, at each of its points, ends whole', async () => {
  const second = await startServer({ settings });
  const work = new Workload(second);
  await work.create();
  await work.insert({ name: 'f.s', owner: null }, 50);
  await work.insert({ name: 'f.u', owner: 'ann' }, 50);
  await dieWithWork(second);
  const deaths = ['recover.before_undo', 'recover.after_undo', 'drop.after_state', 'drop.after_files', 'recover.after_sweep'];
  for (const point of deaths) {
    await assert.rejects(second.restart({ env: { KALAMDB_FAULTS: `${point}=crash@1` } }), /code 137/, point);
  }
  // ... and five times at any moment.
  for (let i = 0; i < 5; i++) {
    const started = second.restart({ env: {} }).catch(() => {});
    await new Promise((done) => setTimeout(done, 40 * i));
    await second.kill();
    await started;
  }
  await second.restart({ env: {} });
  await work.verify();
  assert.deepEqual(filesBelow(path.join(second.dir, 'data/storage/f')).filter((name) => !name.endsWith('manifest.json')), []);
  await work.round();
  assert.deepEqual(work.take(), []);
  await work.verify();
  await second.stop();
  await second.destroy();
});
