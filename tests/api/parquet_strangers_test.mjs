// tests/api/parquet_strangers_test.mjs -- Goal: a reader that we did not write (npm's hyparquet) finds the filters of
// our segments, gets every row out of the files, and skips row groups by the filters without losing one. Method: a
// server flushes a table; the file is read from its data folder. tools/deps fetches the packages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { startServer } from './harness.mjs';

const cache = process.env.KALAM_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'kalamdb');
const packages = path.join(cache, 'node-tests', 'node_modules');
if (!fs.existsSync(path.join(packages, 'hyparquet'))) throw new Error('hyparquet is missing: run tools/deps');
const load = (file) => import(pathToFileURL(path.join(packages, file)).href);
const { parquetMetadata, parquetReadObjects } = await load('hyparquet/src/index.js');
const { readBloomFilter, sbbfContains, hashParquetValue } = await load('hyparquet/src/bloom.js');
const { decompress } = createRequire(path.join(packages, 'x.js'))('fzstd');

const ROWS = 3000;
const BIG = 'x'.repeat(1000); // keys end at 1,024 bytes; filter_write_test.c has longer texts
const keyOf = (i) => (i === 0 ? '' : i === 1 ? BIG : `key-${i}`);


async function must(server, sql) {
  const reply = await server.sql(sql);
  assert.equal(reply.body.status, 'success', reply.text.slice(0, 300));
}

async function fill(server, name, options) {
  await must(server, `CREATE SHARED TABLE app.${name} (id TEXT PRIMARY KEY, n INT, d DOUBLE) ${options}`);
  for (let from = 0; from < ROWS; from += 500) {
    const values = [];
    for (let i = from; i < from + 500; i++) values.push(`('${keyOf(i)}', ${i % 3 === 0 ? 'NULL' : i}, ${i % 2 ? '-0.0' : '1.5'})`);
    await must(server, `INSERT INTO app.${name} (id, n, d) VALUES ${values.join(',')}`);
  }
  await must(server, `STORAGE FLUSH TABLE app.${name}`);
}

async function untilFlushed(server, table) {
  const folder = path.join(server.dir, 'data', 'storage', 'app', table);
  const end = Date.now() + 60000;
  for (;;) {
    const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((f) => f.endsWith('.parquet')) : [];
    if (files.length > 0) return path.join(folder, files[0]);
    if (Date.now() > end) throw new Error(`${table} was not flushed`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const server = await startServer();
await must(server, 'CREATE NAMESPACE app');
await fill(server, 'strangers', '');
await fill(server, 'plain', "WITH (BLOOM_FILTER_FPP = 'off')");
const bytes = fs.readFileSync(await untilFlushed(server, 'strangers'));
const without = fs.readFileSync(await untilFlushed(server, 'plain'));
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
const metadata = parquetMetadata(buffer);

// which columns have filters
const columns = (m) => m.row_groups.flatMap((g) => g.columns.filter((c) => c.meta_data.bloom_filter_offset !== undefined)
  .map((c) => c.meta_data.path_in_schema.join('.')));
assert.deepEqual([...new Set(columns(metadata))].sort(), ['_seq', '_updated', 'id']);
assert.equal(columns(metadata).length, 3 * metadata.row_groups.length);
assert.deepEqual(columns(parquetMetadata(without.buffer.slice(without.byteOffset, without.byteOffset + without.length))), []);

// every row comes out
const compressors = { ZSTD: (input) => decompress(input) };
const rows = await parquetReadObjects({ file: buffer, metadata, compressors });
assert.equal(rows.length, ROWS);
const byKey = new Map(rows.map((r) => [r.id, r]));
for (let i = 0; i < ROWS; i++) assert.equal(byKey.get(keyOf(i)).n, i % 3 === 0 ? null : i);

// the stranger's own probe, with its own hash: none is forgotten, few are seen that are not there
const leaf = (name) => metadata.schema.find((e) => e.name === name);
let passed = 0;
let probes = 0;
for (const group of metadata.row_groups) {
  for (const name of ['id', '_seq']) {
    const { bloom_filter_offset: offset, bloom_filter_length: length } =
      group.columns.find((c) => c.meta_data.path_in_schema[0] === name).meta_data;
    const filter = readBloomFilter({ view: new DataView(buffer, Number(offset), length), offset: 0 });
    const has = (v) => sbbfContains(filter.blocks, hashParquetValue(v, leaf(name)));
    for (const row of rows) assert.ok(has(row[name]), `${name} ${row[name]} is forgotten`);
    for (let i = 0; i < 20000; i++, probes++) passed += has(name === 'id' ? `absent-${i}` : BigInt(i) + 1n) ? 1 : 0;
  }
}
assert.ok(passed <= probes * 0.012, `${passed} of ${probes} let through`);

// and its filtered read
const found = await parquetReadObjects({ file: buffer, metadata, compressors, filter: { id: { $eq: 'key-777' } }, useBloomFilters: true });
assert.deepEqual(found.map((r) => r.n), [null]);
assert.deepEqual(await parquetReadObjects({ file: buffer, metadata, compressors, filter: { id: { $eq: 'nobody' } }, useBloomFilters: true }), []);
await server.stop();
console.log(`hyparquet: ${rows.length} rows, ${probes} probes, ${passed} false positives`);
