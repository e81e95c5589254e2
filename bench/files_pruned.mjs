// bench/files_pruned.mjs -- lookups over a table of many segments through the SQL engine, with bloom filters and
// without: which share of the files is never opened, what is read, how long it takes. Aggregates are asked for, so that
// the key index and its short way are not used. Run: KALAM_SERVER=build/bin/kalamdb-server node bench/files_pruned.mjs
// [files] [rows per file]; prints a table and one line of JSON.
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';

import { startServer } from '../tests/api/harness.mjs';

const FILES = Number(process.argv[2] ?? 100);
const ROWS = Number(process.argv[3] ?? 2000);
const LOOKUPS = 40;
const server = await startServer({ settings: {
  limits: { max_query_limit: 0, default_query_limit: 0 },
  flush: { merge_segment_bytes: 0, compact_small_segments: 1000000, check_interval_seconds: 86400, default_row_limit: 0 },
  logging: { level: 'warn' },
} });
const keys = { filters: [], none: [] };

async function must(sql, params) {
  const reply = await server.sql(sql, params === undefined ? undefined : { params });
  if (reply.body.status !== 'success') throw new Error(`${sql.slice(0, 200)}: ${reply.text.slice(0, 300)}`);
  return reply.body.results[0];
}
const segments = async (table) => Number(/segments=(\d+)/.exec(JSON.stringify(
  (await must(`EXPLAIN SELECT count(*) FROM b.${table}`)).rows))[1]);

async function fill(table) {
  for (let f = 0; f < FILES; f++) {
    const values = [];
    for (let i = 0; i < ROWS; i++) {
      const key = crypto.randomBytes(8).toString('hex'); // 16 bytes
      if (i === 0) keys[table].push(key);
      values.push(`('${key}',${i},'some text that a row carries with it ${i}')`);
    }
    for (let i = 0; i < ROWS; i += 1000) await must(`INSERT INTO b.${table} (id, n, v) VALUES ${values.slice(i, i + 1000).join(',')}`);
    for (let waits = 0; (await segments(table)) !== f + 1; waits++) { // a job that is just ending takes no new rows: ask again
      if (waits % 10 === 0) await must(`STORAGE FLUSH TABLE b.${table}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
}

const readBytes = () => Number(/rchar: (\d+)/.exec(fs.readFileSync(`/proc/${server.child.pid}/io`, 'utf8'))[1]);
const pick = (list, share) => list[Math.min(list.length - 1, Math.floor(list.length * share))];

// `make(i)` is the condition of the i-th lookup.
async function measure(name, table, make) {
  let opened = 0;
  const times = [];
  for (let i = 0; i < 10; i++) await must(`SELECT count(*), min(v) FROM b.${table} WHERE ${make(i + LOOKUPS)}`);
  const before = readBytes();
  for (let i = 0; i < LOOKUPS; i++) {
    const start = process.hrtime.bigint();
    await must(`SELECT count(*), min(v) FROM b.${table} WHERE ${make(i)}`);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const bytes = (readBytes() - before) / LOOKUPS;
  for (let i = 0; i < LOOKUPS; i++) {
    const line = JSON.stringify((await must(`EXPLAIN SELECT count(*), min(v) FROM b.${table} WHERE ${make(i)}`)).rows);
    const [, pruned, total] = /pruned=(\d+)\/(\d+)/.exec(line);
    opened += Number(total) - Number(pruned);
  }
  times.sort((a, b) => a - b);
  const row = { what: name, table, files_opened: opened / LOOKUPS, never_opened: 1 - opened / LOOKUPS / FILES,
    kib_read: Math.round(bytes / 102.4) / 10, ms_p50: Math.round(pick(times, 0.5) * 100) / 100,
    ms_p95: Math.round(pick(times, 0.95) * 100) / 100 };
  console.log(`${name.padEnd(34)} ${table.padEnd(8)} ${row.files_opened.toFixed(2).padStart(7)} files  ${
    (row.never_opened * 100).toFixed(2).padStart(6)} % never  ${String(row.kib_read).padStart(9)} KiB  p50 ${row.ms_p50} ms  p95 ${row.ms_p95} ms`);
  return row;
}

await must('CREATE NAMESPACE b');
await must('CREATE SHARED TABLE b.filters (id TEXT PRIMARY KEY, n INT, v TEXT)');
await must("CREATE SHARED TABLE b.none (id TEXT PRIMARY KEY, n INT, v TEXT) WITH (BLOOM_FILTER_FPP = 'off')");
await Promise.all([fill('filters'), fill('none')]);
const result = [];
for (const table of ['filters', 'none']) {
  const absent = () => `id = '${crypto.randomBytes(8).toString('hex')}'`;
  const times = (await must(`SELECT DISTINCT _updated FROM b.${table} ORDER BY _updated`)).rows.map((r) => Number(r[0]));
  const at = (us) => `_updated = TIMESTAMP '${new Date(us / 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(us % 1e6).padStart(6, '0')}'`;
  result.push(await measure('key, absent', table, absent));
  result.push(await measure('key, present', table, (i) => `id = '${keys[table][i % FILES]}'`));
  result.push(await measure('two keys in IN, absent', table, () => `id IN ('${crypto.randomBytes(8).toString('hex')}', '${
    crypto.randomBytes(8).toString('hex')}')`));
  result.push(await measure('_updated, absent, between commits', table, (i) => at(times[i % times.length] + 1)));
  result.push(await measure('_updated, present', table, (i) => at(times[i % times.length])));
}
console.log(JSON.stringify({ date: new Date().toISOString().slice(0, 10), cores: os.cpus().length, load: os.loadavg(), files: FILES,
  rows_per_file: ROWS, lookups: LOOKUPS, note: 'through the SQL engine, the key index is not asked', result }));
await server.stop();
