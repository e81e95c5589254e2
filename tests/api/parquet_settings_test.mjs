// tests/api/parquet_settings_test.mjs -- Goal: `parquet.compression` and `parquet.row_group_rows` say how segments are
// written, and what is written so reads back. Method: a server per setting flushes a table; a reader that we did not write
// (npm's hyparquet) reads the footer. tools/deps fetches the packages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { startServer } from './harness.mjs';

const cache = process.env.KALAM_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'kalamdb');
const hyparquet = path.join(cache, 'node-tests', 'node_modules', 'hyparquet', 'src', 'index.js');
if (!fs.existsSync(hyparquet)) throw new Error('hyparquet is missing: run tools/deps');
const { parquetMetadata } = await import(pathToFileURL(hyparquet).href);

const ROWS = 6000;
const ROWS_PER_INSERT = 1000;

async function must(server, sql) {
  const reply = await server.sql(sql);
  assert.equal(reply.body.status, 'success', reply.text.slice(0, 300));
}

async function untilFile(server) {
  const folder = path.join(server.dir, 'data', 'storage', 'app', 't');
  const end = Date.now() + 60000;
  for (;;) {
    const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((f) => f.endsWith('.parquet')) : [];
    if (files.length > 0) return path.join(folder, files[0]);
    if (Date.now() > end) throw new Error('the table was not flushed');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function footerWith(parquet) {
  const server = await startServer({ settings: { parquet } });
  try {
    await must(server, 'CREATE NAMESPACE app');
    await must(server, 'CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, v TEXT)');
    for (let from = 0; from < ROWS; from += ROWS_PER_INSERT) {
      const values = Array.from({ length: ROWS_PER_INSERT }, (_, i) => `(${from + i}, 'text of row ${from + i}')`);
      await must(server, `INSERT INTO app.t (id, v) VALUES ${values.join(',')}`);
    }
    await must(server, 'STORAGE FLUSH TABLE app.t');
    const bytes = fs.readFileSync(await untilFile(server));
    const [sums] = await server.rows("SELECT count(*) AS n, sum(id) AS s, count(DISTINCT v) AS d FROM app.t");
    assert.deepEqual([Number(sums.n), Number(sums.s), Number(sums.d)], [ROWS, (ROWS * (ROWS - 1)) / 2, ROWS]);
    const metadata = parquetMetadata(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return {
      codecs: [...new Set(metadata.row_groups.flatMap((g) => g.columns.map((c) => c.meta_data.codec)))],
      rows: metadata.row_groups.map((g) => Number(g.num_rows)),
    };
  } finally {
    await server.stop();
    await server.destroy();
  }
}

test('without settings: zstd, one row group', async () => {
  assert.deepEqual(await footerWith({}), { codecs: ['ZSTD'], rows: [ROWS] });
});

test('snappy in small row groups', async () => {
  assert.deepEqual(await footerWith({ compression: 'snappy', row_group_rows: 2048 }), { codecs: ['SNAPPY'], rows: [2048, 2048, ROWS - 4096] });
});

test('uncompressed; rows are rounded up to 2,048', async () => {
  assert.deepEqual(await footerWith({ compression: 'uncompressed', row_group_rows: 2049 }), { codecs: ['UNCOMPRESSED'], rows: [4096, ROWS - 4096] });
});
