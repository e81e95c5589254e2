// tests/api/gate_attack_test.mjs -- Goal: a statement can neither leave the tables nor take the server with it. Method:
// the attacks of the unit test of the gate (tests/unit/query/gate_attack_test.c: files, dynamic SQL, settings, catalog)
// and whole statements of the engine, in several dresses, over HTTP as dba and as user: refused with an error, no file
// read or written, nothing changed for others. Then shapes that blow up in planning, time or memory: answered within
// the deadline. A neighbour asks all the while and must get its right answers.
//   KALAM_SERVER   the server binary
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { Server, Failure, inParallel, quoteText } from '../oracle/server.mjs';

const TIMEOUT_S = 4; // of a statement
const SLACK_MS = 12000; // parsing, planning
const WALL_MS_MAX = 100000; // however busy the machine is
const RSS_MAX = 3e9; // with sanitizers; engine.memory_bytes is 256 MiB
const SECRET = 'kalam-attack-secret-7f3a91';

const box = fs.mkdtempSync(path.join(os.tmpdir(), 'kalam-attack-'));
fs.writeFileSync(path.join(box, 'secret.txt'), `${SECRET}\n`);
fs.writeFileSync(path.join(box, 'secret.csv'), `a,b\n${SECRET},1\n`);
fs.writeFileSync(path.join(box, 'secret.json'), `{"a":"${SECRET}"}\n`);

const server = new Server({
  name: 'attack', defaultLimit: 50, maxLimit: 1000,
  config: `[execution]\nhandler_timeout_seconds = ${TIMEOUT_S}\n[engine]\nmemory_bytes = 268435456\ntemp_bytes = 268435456\nresident_bytes_max = 2000000000`,
});
const counts = { refused: 0, answered: 0, shapes: 0, neighbour: 0 };
let slowest = { ms: 0, what: '' };
function fail(text) { throw new Failure(text); }

// -- what is attacked ---------------------------------------------------------------------------------------------

// The texts of one array of the unit test.
function listOf(name) {
  const file = fs.readFileSync('tests/unit/query/gate_attack_test.c', 'utf8');
  const from = file.indexOf(`static const char *const ${name}[] = {`);
  const body = file.slice(file.indexOf('{', from), file.indexOf('};', from));
  const found = [...body.matchAll(/^\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*),$/gm)].map((m) => [...m[1].matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((s) => JSON.parse(`"${s[1]}"`)).join(''));
  if (found.length < 50) throw new Error(`${name} of gate_attack_test.c is not understood: ${found.length}`);
  return found;
}

const files = ['secret.txt', 'secret.csv', 'secret.json'].map((f) => path.join(box, f));
const relations = [
  'atk.confidential AT (VERSION => 1)',
  // open to everybody by the contract, and parts of the unit test's own catalog
  ...listOf('relations').filter((r) => !/^information_schema\.|^recurring/.test(r)),
  ...files.flatMap((f) => [`'${f}'`, `"${f}"`, `read_text('${f}')`, `read_csv('${f}')`, `read_json('${f}')`, `read_blob('${f}')`, `sniff_csv('${f}')`, `glob('${box}/*')`,
    `query('FROM read_text(''${f}'')')`, `'file://${f}'`, `read_csv(['${f}'])`, `read_text('${box}/../${path.basename(box)}/secret.txt')`]),
];
const expressions = listOf('expressions').filter((e) => e !== '$51' && e !== '$name' && e !== 'DEFAULT');

const dresses = [
  (r) => `SELECT * FROM ${r}`, (r) => `WITH c AS (SELECT * FROM ${r}) SELECT * FROM c`, (r) => `SELECT (SELECT count(*) FROM ${r})`,
  (r) => `SELECT id FROM atk.t WHERE EXISTS (SELECT 1 FROM ${r})`, (r) => `SELECT 1 UNION ALL SELECT count(*) FROM ${r}`, (r) => `SELECT t.id FROM atk.t t, LATERAL (SELECT * FROM ${r}) l`,
  (r) => `SELECT * /* x */ FROM /* y */ ${r} -- z`, (r) => `select\n*\tfrom\n${r}`, (r) => `FROM ${r}`, (r) => `INSERT INTO atk.t (id) SELECT 900 FROM ${r}`,
  (r) => `DELETE FROM atk.t WHERE id IN (SELECT 900 FROM ${r})`, (r) => `CREATE VIEW atk.leak AS SELECT * FROM ${r}`,
];
const expressionDresses = [
  (e) => `SELECT ${e}`, (e) => `SELECT id FROM atk.t WHERE (${e}) IS NOT NULL`, (e) => `SELECT count(*) FROM atk.t GROUP BY ${e}`, (e) => `SELECT id FROM atk.t ORDER BY ${e}, id`,
  (e) => `WITH c AS (SELECT ${e} AS v) SELECT * FROM c`, (e) => `SELECT max(CASE WHEN id = 1 THEN ${e} END) FROM atk.t`, (e) => `INSERT INTO atk.t (id, v) SELECT 901, ${e}`,
  (e) => `UPDATE atk.t SET v = ${e} WHERE id + 0 = 1`, (e) => `INSERT INTO atk.t (id, v) VALUES (902, ${e})`,
];

const outFile = (n) => path.join(box, n);
const statements = [
  `COPY (SELECT 1) TO '${outFile('out1.csv')}'`, `COPY atk.t TO '${outFile('out2.parquet')}' (FORMAT parquet)`, `COPY atk.t FROM '${files[1]}'`, `COPY (SELECT 1) TO '/dev/stdout'`,
  `EXPORT DATABASE '${outFile('export')}'`, `IMPORT DATABASE '${box}'`, `ATTACH '${outFile('x.db')}' AS x`, "ATTACH ':memory:' AS x", 'DETACH memory', 'DETACH _k_all',
  'INSTALL httpfs', 'FORCE INSTALL httpfs', 'LOAD httpfs', `LOAD '${outFile('evil.so')}'`, 'UPDATE EXTENSIONS', "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
  "CREATE OR REPLACE MACRO current_user() AS 'root'", 'CREATE MACRO lower(x) AS x', 'CREATE TEMP MACRO now() AS 1', 'CREATE FUNCTION f(x) AS x', "CREATE OR REPLACE TEMP MACRO count(x) AS 42",
  'CREATE TEMP TABLE tt (id INT)', 'CREATE TEMPORARY TABLE tt AS SELECT 1', 'CREATE TABLE memory.main.x (id INT PRIMARY KEY)', 'CREATE SCHEMA evil', 'CREATE SEQUENCE s', "CREATE TYPE mood AS ENUM ('a')", 'CREATE INDEX i ON atk.t (v)',
  'DROP SCHEMA main CASCADE', 'DROP VIEW duckdb_views', 'DROP MACRO lower', 'TRUNCATE atk.t', 'TRUNCATE TABLE atk.t', 'MERGE INTO atk.t USING atk.t x ON true WHEN MATCHED THEN DELETE',
  'USE memory', 'USE _k_all', 'USE main', 'SET schema = \'main\'', "SET search_path = '_k_raw'", "SET memory_limit = '100GB'", 'SET threads = 64', "SET temp_directory = '/'", 'SET VARIABLE x = 1', 'RESET memory_limit', 'RESET ALL',
  "SET GLOBAL TimeZone = 'Europe/Berlin'", 'SET enable_external_access = true', 'SET lock_configuration = false', "SET custom_extension_repository = 'http://127.0.0.1:1'", "SET log_query_path = '/tmp/x'", "SET profiling_output = '/tmp/x'",
  'PRAGMA version', 'PRAGMA database_list', 'PRAGMA enable_profiling', `PRAGMA profiling_output = '${outFile('p')}'`, 'PRAGMA disable_optimizer', 'PRAGMA enable_verification', "PRAGMA table_info('t')", 'PRAGMA memory_limit = \'1TB\'', 'PRAGMA force_checkpoint',
  `PRAGMA import_database('${box}')`, "PRAGMA json_execute_serialized_sql('{}')",
  "CALL enable_logging('QueryLog')", `CALL enable_logging(storage = 'file', storage_path = '${outFile('log')}')`, 'CALL disable_logging()', 'CALL truncate_duckdb_logs()', 'CALL pragma_version()', 'CALL duckdb_settings()', 'CALL force_checkpoint()', 'CALL start_ui()',
  'PREPARE p AS SELECT 1', 'EXECUTE p', 'EXECUTE p(1)', 'DEALLOCATE p', 'DEALLOCATE ALL', 'CHECKPOINT', 'FORCE CHECKPOINT', 'VACUUM', 'ANALYZE', 'REINDEX', 'LISTEN x', 'NOTIFY x', 'LOCK TABLE atk.t', 'DISCARD ALL', 'DO $$ BEGIN END $$',
  'SHOW ALL TABLES', 'SHOW DATABASES', 'SHOW search_path', 'SUMMARIZE atk.t', 'SUMMARIZE SELECT * FROM atk.t', 'DESCRIBE SELECT 1', 'SHOW VARIABLES', `EXPLAIN ANALYZE SELECT * FROM read_text('${files[0]}')`, `EXPLAIN SELECT * FROM '${files[0]}'`, 'EXPLAIN ANALYZE DELETE FROM atk.t',
  'PIVOT atk.t ON v USING count(*)', 'UNPIVOT atk.t ON v INTO NAME n VALUE x', 'TABLE duckdb_settings', 'VALUES (current_setting(\'threads\'))', `WITH c AS MATERIALIZED (FROM '${files[1]}') FROM c`,
  "SELECT 1; CALL enable_logging('QueryLog')", `SELECT 1; COPY (SELECT 1) TO '${outFile('out3.csv')}'`, "SELECT 1;;; PRAGMA version", 'GRANT ALL ON atk.t TO alice', "ALTER DATABASE memory SET ALIAS TO x", 'COMMENT ON TABLE atk.t IS \'x\'', 'ALTER VIEW atk.v RENAME TO x',
  'SELECT * INTO atk.x FROM atk.t', 'SELECT 1 INTO OUTFILE \'/tmp/x\'', 'INSERT OR REPLACE INTO atk.t (id) VALUES (1)', 'REPLACE INTO atk.t (id) VALUES (1)', 'INSERT INTO atk.t BY NAME SELECT 1 AS id', 'INSERT INTO duckdb_settings VALUES (1)', 'DELETE FROM sqlite_master WHERE 1 = 1', 'UPDATE duckdb_settings SET value = 1 WHERE 1 = 1',
  'DELETE FROM atk.t USING atk.t x WHERE 1 = 1', 'UPDATE atk.t SET v = 1 FROM atk.t x WHERE 1 = 1', 'DELETE FROM atk.t WHERE 1 = 1 RETURNING (SELECT value FROM duckdb_settings)', 'DELETE FROM atk.t', 'UPDATE atk.t SET v = 1',
];

// -- asking -------------------------------------------------------------------------------------------------------

function rss() {
  const m = /VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, 'utf8'));
  return Number(m[1]) * 1024;
}
let rssMax = 0;

// Seconds that pass while the machine does other work are not the server's: it is late when it had the time itself.
function cpuMs() {
  const fields = fs.readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
function begin() { return { at: Date.now(), cpuMs: cpuMs() }; }
function noticeTime(began, what) {
  const ms = Date.now() - began.at;
  if (ms > slowest.ms) slowest = { ms, what };
  if (ms > TIMEOUT_S * 1000 + SLACK_MS && (ms > WALL_MS_MAX || cpuMs() - began.cpuMs > TIMEOUT_S * 1000 + SLACK_MS)) fail(`takes ${ms} ms: ${what}`);
}

function check(r, what) {
  if (r.text.includes(SECRET)) fail(`reads a file of the machine: ${what}\n${r.text.slice(0, 300)}`);
  if (r.text.includes(box) && !what.includes(box)) fail(`tells a path: ${what}\n${r.text.slice(0, 300)}`);
  if (r.status === 500 || r.status < 200) fail(`an internal error (${r.status}) ${r.text.slice(0, 300)}: ${what}`);
  if (r.status !== 200 && (r.body?.status !== 'error' || !r.body.error?.code || !r.body.error?.message)) fail(`not an error of the contract: ${r.text.slice(0, 300)}: ${what}`);
}

async function refuse(session, sql) {
  const began = begin();
  const r = await session.sql(sql);
  noticeTime(began, sql.slice(0, 200));
  check(r, sql);
  if (r.status === 200) fail(`${session.user} is not refused: ${sql}\n${r.text.slice(0, 400)}`);
  const text = r.body.error.message;
  if (/duckdb|libduckdb|\.parquet|\/storage\/|_k_(hot|all|raw)/i.test(text) && !sql.toLowerCase().includes(/duckdb|\.parquet|storage|_k_/i.exec(text)?.[0].toLowerCase() ?? '')) fail(`the error tells of the inside: ${text}\n${sql}`);
  counts.refused++;
}

// Somebody who must not notice anything.
let isOver = false;
async function neighbour(session) {
  let worst = 0;
  while (!isOver) {
    const began = Date.now();
    const a = await session.must('SELECT id, v FROM atk.t WHERE id = 1');
    if (JSON.stringify(a[0].rows) !== '[["1","one"]]') fail(`the neighbour reads ${JSON.stringify(a[0].rows)}`);
    worst = Math.max(worst, Date.now() - began);
    const r = await session.sql("SELECT lower('ABC'), CURRENT_USER(), count(*) FROM atk.t");
    if (r.body.status === 'success') {
      if (JSON.stringify(r.body.results[0].rows) !== '[["abc","neighbour","3"]]') fail(`the neighbour reads ${r.text}`);
    } else if (r.status !== 503) fail(`the neighbour is refused: ${r.text}`);
    counts.neighbour++;
    rssMax = Math.max(rssMax, rss());
    if (rssMax > RSS_MAX) fail(`the server takes ${(rssMax / 1e6).toFixed(0)} MB`);
    await new Promise((done) => setTimeout(done, 20));
  }
  return worst;
}

// -- shapes that blow up ------------------------------------------------------------------------------------------

const times = (n, text) => text.repeat(n);
const list = (n, make, separator = ', ') => Array.from({ length: n }, (_, i) => make(i)).join(separator);
const nest = (n, open, inner, close) => times(n, open) + inner + times(n, close);

function shapes() {
  const s = {
    'parentheses, 10,000 deep': `SELECT ${nest(10000, '(', '1', ')')}`,
    'parentheses in WHERE': `SELECT id FROM atk.t WHERE ${nest(10000, '(', 'id = 1', ')')}`,
    'parentheses in INSERT': `INSERT INTO atk.t (id) VALUES ${nest(10000, '(', '1', ')')}`,
    'parentheses in UPDATE': `UPDATE atk.t SET v = ${nest(10000, '(', "'x'", ')')} WHERE id = 1`,
    'parentheses in DELETE': `DELETE FROM atk.t WHERE ${nest(10000, '(', 'id = 99', ')')}`,
    'brackets': `SELECT ${nest(10000, '[', '1', ']')}`,
    'unclosed parentheses': `SELECT ${times(100000, '(')}`,
    'scalar subqueries, 30 deep': `SELECT ${nest(30, '(SELECT ', '1', ')')}`,
    'scalar subqueries, 400 deep': `SELECT ${nest(400, '(SELECT ', '1', ')')}`,
    'derived tables, 60 deep': `SELECT * FROM ${nest(60, '(SELECT * FROM ', 'atk.t', ') x')}`,
    'derived tables, 2,000 deep': `SELECT * FROM ${nest(2000, '(SELECT * FROM ', 'atk.t', ') x')}`,
    'plus chain of 1,000': `SELECT ${list(1000, () => '1', ' + ')}`,
    'plus chain of 50,000': `SELECT ${list(50000, () => '1', '+')}`,
    'plus chain in UPDATE': `UPDATE atk.t SET v = CAST(${list(50000, () => '1', '+')} AS TEXT) WHERE id = 1`,
    'concat chain of 20,000': `SELECT ${list(20000, () => "'x'", ' || ')}`,
    'minus signs': `SELECT ${times(20000, '- ')}1`, 'NOT chain': `SELECT ${times(20000, 'NOT ')}true`, 'NOT chain in DELETE': `DELETE FROM atk.t WHERE ${times(20000, 'NOT ')}false AND id = 99`,
    'OR chain of 20,000': `SELECT id FROM atk.t WHERE ${list(20000, (i) => `id = ${i + 10}`, ' OR ')}`,
    'AND chain of 20,000 in DELETE': `DELETE FROM atk.t WHERE id = 99 AND ${list(20000, (i) => `id <> ${i + 100}`, ' AND ')}`,
    'IN list of 60,000': `SELECT id FROM atk.t WHERE id IN (${list(60000, (i) => i + 10)})`,
    'CASE, 3,000 deep': `SELECT ${nest(3000, 'CASE WHEN true THEN ', '1', ' END')}`, 'CASE with 20,000 arms': `SELECT CASE ${list(20000, (i) => `WHEN id = ${i} THEN ${i}`, ' ')} END FROM atk.t`,
    'functions, 5,000 deep': `SELECT ${nest(5000, 'abs(', '1', ')')}`, 'casts, 5,000 deep': `SELECT 1${times(5000, '::INT')}`, 'JSON path, 5,000 long': `SELECT '{}'${times(5000, "->'a'")}`,
    'UNION of 1,000': list(1000, () => 'SELECT 1', ' UNION ALL '), 'UNION of 1,000 over a table': list(1000, () => 'SELECT id FROM atk.t', ' UNION '),
    'CTEs, 31 doubled': `WITH c0 AS (SELECT 1 AS x), ${list(30, (i) => `c${i + 1} AS (SELECT a.x FROM c${i} a, c${i} b)`)} SELECT count(*) FROM c30`,
    'CTEs, 900': `WITH c0 AS (SELECT 1 AS x), ${list(900, (i) => `c${i + 1} AS (SELECT x + 1 AS x FROM c${i})`)} SELECT * FROM c900`,
    'CTEs, 30,000 side by side': `WITH ${list(30000, (i) => `c${i} AS (SELECT 1)`)} SELECT 1`, 'CTEs with comments': `WITH ${list(10000, (i) => `c${i} AS/**/NOT MATERIALIZED/**/(SELECT 1)`)} SELECT 1`,
    'GROUP BY of 60,000 columns': `SELECT 1 FROM atk.t GROUP BY ${list(60000, (i) => `id+${i}`)}`, 'a list of 64,000': `SELECT [${list(64000, (i) => i)}]`,
    'OR chain of 100,000': `SELECT id FROM atk.t WHERE ${list(100000, (i) => `id=${i}`, ' OR ')}`, 'OR chain of 4,000': `SELECT id FROM atk.t WHERE ${list(4000, (i) => `id=${i}`, ' OR ')}`,
    'MATERIALIZED, 20 nested': nest(20, 'WITH a AS MATERIALIZED (', 'SELECT 1', ') SELECT * FROM a'),
    'joins of 200': `SELECT count(*) FROM ${list(200, (i) => `atk.t t${i}`)}`, 'joins of 30': `SELECT count(*) FROM ${list(30, (i) => `atk.t t${i}`)}`,
    'columns, 20,000': `SELECT ${list(20000, (i) => `id AS c${i}`)} FROM atk.t`, 'stars': `SELECT ${list(3000, () => '*')} FROM atk.t`, 'values of 50,000 rows': `VALUES ${list(50000, (i) => `(${i})`)}`,
    'names of 100,000 letters': `SELECT ${times(100000, 'a')} FROM atk.t`, 'table name of 100,000 letters': `SELECT * FROM atk.${times(100000, 'a')}`, 'alias of 100,000 letters': `SELECT 1 AS ${times(100000, 'a')}`,
    'a number of 100,000 digits': `SELECT ${times(100000, '9')}`, 'a fraction of 100,000 digits': `SELECT 0.${times(100000, '1')}`, 'a big exponent': 'SELECT 1e400', 'a small exponent': 'SELECT 1e-400000', 'int64 and one more': 'SELECT 9223372036854775808 + id FROM atk.t',
    'a long text': `SELECT length('${times(900000, 'x')}')`, 'a long comment': `SELECT 1 /* ${times(900000, '*')} */`, 'nested comments': `SELECT 1 ${times(100000, '/*')}`, 'an open text': `SELECT '${times(900000, 'x')}`, 'an open name': `SELECT "${times(900000, 'x')}`, 'dollar quotes': `SELECT $a$${times(100000, '$a')}`,
    'semicolons': times(900000, ';'), '1,001 statements': times(1001, 'SELECT 1;'), 'spaces': times(1000000, ' '), 'one over 1 MiB': `SELECT '${times(1048576, 'x')}'`,
    'EXECUTE AS nested': nest(2000, "EXECUTE AS USER 'mallory' (", 'SELECT 1', ')'), 'columns of a table, 5,000': `CREATE TABLE atk.wide (id BIGINT PRIMARY KEY, ${list(5000, (i) => `c${i} INT`)})`,
    'a type nested': `SELECT NULL::${times(5000, 'INT[]')}`, 'types nested': `SELECT NULL::INT${times(5000, '[]')}`, 'a default nested': `CREATE TABLE atk.deep (id BIGINT PRIMARY KEY DEFAULT ${nest(10000, '(', '1', ')')})`,
    'grouping sets': `SELECT count(*) FROM atk.t GROUP BY CUBE (${list(20, (i) => `id + ${i}`)})`, 'windows': `SELECT ${list(500, (i) => `sum(id) OVER (ORDER BY id ROWS ${i} PRECEDING)`)} FROM atk.t`,
    'regexp, nested': `SELECT regexp_matches('${times(1000, 'a')}', '${nest(200, '(', 'a*', ')*')}')`, 'regexp, counted': "SELECT regexp_matches('x', '((((a{1000}){1000}){1000}){1000})')", 'regexp, backtracking': `SELECT regexp_matches('${times(5000, 'a')}b', '(a+)+$')`,
    'LIKE, backtracking': `SELECT '${times(5000, 'a')}b' LIKE '${times(500, '%a')}c'`, 'LIKE on the fast path': `SELECT id FROM atk.t WHERE id = 1 AND '${times(20000, 'a')}b' LIKE '${times(2000, '%a')}c'`,
  };
  // These must end by the deadline or the memory limit, not by an answer.
  const endless = {
    'a count of 10^12': 'SELECT count(*) FROM range(1000000000000)', 'a sum over 10^11': 'SELECT sum(a.range * 2) FROM range(100000000000) a', 'a product of ranges': 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3',
    'endless recursion': 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r', 'doubling recursion': 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r, range(2)) SELECT count(*) FROM r',
    'a sort of 10^9': 'SELECT range FROM range(1000000000) ORDER BY hash(range) LIMIT 5 OFFSET 900000000', 'distinct of 10^9': 'SELECT count(DISTINCT hash(range)) FROM range(1000000000)', 'a list of 10^9': 'SELECT length(array_agg(range)) FROM range(1000000000)',
    'a text of all': "SELECT length(string_agg(CAST(range AS TEXT), ',')) FROM range(1000000000)", 'a group by of 10^9': 'SELECT count(*) FROM (SELECT range % 900000007 AS g, count(*) FROM range(1000000000) GROUP BY g) x',
    'a join without end': 'SELECT count(*) FROM range(100000000) a JOIN range(100000000) b ON a.range + b.range = 5', 'a window over 10^9': 'SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(range)) AS n FROM range(1000000000)) x',
    'correlated subqueries': 'SELECT count(*) FROM range(10000000) a WHERE (SELECT count(*) FROM range(10000000) b WHERE b.range > a.range) > 5',
    'an UPDATE without end': 'UPDATE atk.t SET v = \'x\' WHERE id = 99 AND (SELECT count(*) FROM range(1000000000000)) > 5', 'an INSERT without end': 'INSERT INTO atk.t (id) SELECT range + 100 FROM range(1000000000000)',
  };
  // Texts that would take gigabytes: refused, or cut, but never built.
  const fat = {
    'repeat': "SELECT length(repeat('x', 4000000000))", 'repeat of repeat': "SELECT length(repeat(repeat('x', 100000), 100000))", 'lpad': "SELECT length(lpad('x', 2000000000, 'y'))", 'rpad': "SELECT length(rpad('x', 2000000000, 'y'))", 'repeat over rows': "SELECT sum(length(repeat('x', 1000000))) FROM range(1000000)",
    'doubling texts': `SELECT length(x) FROM (SELECT ${nest(40, "replace(", "'aaaaaaaa'", ", 'a', 'aaaaaaaa')")} AS x) y`, 'doubling by aliases': `WITH ${list(30, (i) => (i === 0 ? "c0 AS (SELECT 'xxxxxxxxxxxxxxxx' AS x)" : `c${i} AS (SELECT x || x AS x FROM c${i - 1})`))} SELECT length(x) FROM c29`,
    'doubling lists': `SELECT len(${nest(30, 'list_concat(', '[1]', ', [1])')})`, 'a chain of || by WITH': `WITH a AS (SELECT repeat('x', 1000000) AS x), b AS (SELECT ${list(20, () => 'x', '||')} AS x FROM a) SELECT length(x) FROM b`, 'a bomb of concat, 5,000': `SELECT length(concat(${list(5000, () => "repeat('x', 1000000)")}))`,
    'a bomb of concat': `SELECT length(concat(${list(90, () => "repeat('x', 1000000)")}))`, 'array_to_string': "SELECT length(array_to_string(array_agg(repeat('x', 100000)), ',')) FROM range(100000)",
    'translate': "SELECT length(replace(repeat('a', 1000000), 'a', repeat('b', 1000000)))", 'format widths': "SELECT printf('%1000000000d', 1)", 'strftime widths': `SELECT length(strftime(NOW(), '${times(100000, '%c')}'))`, 'to_hex of texts': "SELECT length(hex(hex(hex(hex(repeat('x', 10000000))))))",
    'regexp_replace': "SELECT length(regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000), 'g'))", 'split': "SELECT len(string_split(repeat('a,', 10000000), ','))", 'url_encode': "SELECT length(url_encode(url_encode(url_encode(repeat('%', 10000000)))))", 'power': 'SELECT 10 ** 10 ** 10', 'factorial': 'SELECT factorial(100000)',
    'a base64 tower': `SELECT length(${nest(20, 'base64(CAST(', "repeat('x', 1000000)", ' AS BLOB))')})`, 'chr': 'SELECT chr(1114112 + 1)', 'UPDATE with repeat': "UPDATE atk.t SET v = repeat('x', 4000000000) WHERE id = 99", 'UPDATE of a row with repeat': "UPDATE atk.t SET v = repeat('x', 4000000000) WHERE id = 2", 'INSERT with lpad': "INSERT INTO atk.t (id, v) VALUES (903, lpad('x', 2000000000, 'y'))",
  };
  return { s, endless, fat };
}

async function blowUp(session, name, sql, mustFail) {
  const began = begin();
  let r;
  try {
    r = await session.sql(sql, undefined, { timeout: WALL_MS_MAX + 20000 });
  } catch (e) {
    fail(`${name}: ${e.message}`);
  }
  noticeTime(began, name);
  check(r, `${name}: ${sql.slice(0, 200)}`);
  if (mustFail && r.status === 200) fail(`${name} is answered: ${r.text.slice(0, 300)}`);
  if (r.status === 200) counts.answered++;
  counts.shapes++;
  rssMax = Math.max(rssMax, rss());
  if (rssMax > RSS_MAX) fail(`${name}: the server takes ${(rssMax / 1e6).toFixed(0)} MB`);
}

// Bodies that are no statement.
async function badBodies(session) {
  const send = (body, headers = {}) => server.request('/v1/api/sql', { body: Buffer.from(body), token: session.token, headers });
  const bodies = ['', '{', '[]', 'null', '"SELECT 1"', '{"sql":1}', '{"sql":null}', '{}', '{"sql":"SELECT 1","params":{}}', '{"sql":"SELECT 1","params":[[1]]}', '{"sql":"SELECT 1","params":[{"a":1}]}', '{"sql":"SELECT 1" "x":1}',
    '{"sql":"SELECT 1","sql":"SELECT 2"}', `{"sql":"SELECT 1","params":[${list(51, () => '1')}]}`, `{"sql":"SELECT $1","params":["${times(524289, 'x')}"]}`, `${times(100000, '[')}`, `{"sql":${times(50000, '[')}`, '{"sql":"SELECT \\ud800"}', '{"sql":"SELECT \\u0000"}',
    Buffer.concat([Buffer.from('{"sql":"SELECT \''), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('\'"}')]), '{"sql":"SELECT 1","params":[1e999]}', '{"sql":"SELECT $1","params":[99999999999999999999999999]}', '{"sql":"SELECT 1","namespace_id":7}', `{"sql":"SELECT 1","namespace_id":"${times(100000, 'x')}"}`, '\ufeff{"sql":"SELECT 1"}'];
  for (const body of bodies) {
    const r = await send(body);
    check(r, `body ${String(body).slice(0, 80)}`);
    if (r.status === 200 && !/namespace_id|99999999|1e999/.test(String(body))) fail(`accepted: ${String(body).slice(0, 200)}\n${r.text.slice(0, 200)}`);
    counts.shapes++;
  }
  const long = await send(`{"sql":"SELECT 1${times(3000000, ' ')}"}`).catch((e) => ({ status: 413, text: e.message, body: { status: 'error', error: { code: 'x', message: 'x' } } }));
  check(long, 'a body of 3 MB');
  if (long.status === 200) fail('a body of 3 MB is accepted');
}

// A client that goes away while its statement runs must not leave it running.
async function goneClient(session) {
  await Promise.all(Array.from({ length: 6 }, () => new Promise((resolve) => {
    const body = JSON.stringify({ sql: 'SELECT count(*) FROM range(1000000000000)' });
    const req = http.request({ host: '127.0.0.1', port: server.port, path: '/v1/api/sql', method: 'POST', headers: { 'content-type': 'application/json', 'content-length': body.length, authorization: `Bearer ${session.token}` } });
    req.on('error', () => resolve());
    req.end(body);
    setTimeout(() => { req.destroy(); resolve(); }, 100);
  })));
}

// -- nothing has changed ------------------------------------------------------------------------------------------

function everyFile(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? everyFile(path.join(dir, e.name)) : [path.join(dir, e.name)]));
}

async function unchanged() {
  const found = everyFile(box).map((f) => path.relative(box, f)).sort().join();
  if (found !== 'secret.csv,secret.json,secret.txt') fail(`files were written: ${found}`);
  for (const f of everyFile(server.dir)) {
    const name = path.relative(server.dir, f);
    if (!/^(server\.toml|logs\/|data\/)/.test(name) || /\.(csv|db|json\.out)$/.test(name)) fail(`a file was written: ${name}`);
  }
  let answer; // memory of the last bombs is on its way back: refused for a while, as 503 says
  for (const until = Date.now() + 20000; (answer = await server.root.sql('SELECT id, v FROM atk.t ORDER BY id')).status === 503 && Date.now() < until;) {
    await new Promise((done) => setTimeout(done, 200));
  }
  if (answer.status !== 200) fail(`the rows cannot be read: ${answer.text}`);
  const rows = answer.body.results[0].rows;
  if (JSON.stringify(rows) !== '[["1","one"],["2","two"],["3",null]]') fail(`the rows were changed: ${JSON.stringify(rows)}`);
  const views = await server.root.sql('SELECT * FROM atk.leak');
  if (views.status === 200) fail('a view was left');
}

async function main() {
  const began = Date.now();
  await server.start();
  const root = server.root;
  await root.must('CREATE NAMESPACE atk');
  await root.must("CREATE SHARED TABLE atk.t (id BIGINT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
  await root.must("CREATE SHARED TABLE atk.confidential (id BIGINT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = 'DBA')");
  await root.must("INSERT INTO atk.t (id, v) VALUES (1, 'one'), (2, 'two'), (3, NULL)");
  await root.must(`INSERT INTO atk.confidential (id, v) VALUES (1, ${quoteText(SECRET)})`);
  await server.flush('atk.t');
  await root.must("INSERT INTO atk.t (id, v) VALUES (4, 'x')");
  await root.must('DELETE FROM atk.t WHERE id = 4');
  const mallory = await server.user('mallory', 'user');
  const dba = await server.user('eve', 'dba');
  const watching = neighbour(await server.user('neighbour', 'user'));
  let failure = null;
  watching.catch((e) => { failure = e; });

  // everything in every dress by one of the two, and in the plain one by both
  const asked = [];
  for (const r of relations) {
    dresses.forEach((dress, i) => asked.push([(i + r.length) % 2 && i !== 11 ? mallory : dba, dress(r)]));
    asked.push([mallory, dresses[0](r)], [dba, dresses[0](r)]);
  }
  for (const e of expressions) expressionDresses.forEach((dress, i) => asked.push([i < 6 && (i + e.length) % 2 ? mallory : dba, dress(e)]));
  for (const s of statements) asked.push([mallory, s], [dba, s], [root, s]);
  await inParallel(3, asked.length, async (i) => {
    if (failure) throw failure;
    await refuse(asked[i][0], asked[i][1]);
  });
  await unchanged();
  const attacked = Date.now();

  await badBodies(dba);
  const { s, endless, fat } = shapes();
  for (const [name, sql] of [...Object.entries(s), ...Object.entries(fat)]) {
    if (failure) throw failure;
    await blowUp(dba, name, sql, false);
  }
  await inParallel(2, Object.keys(endless).length, async (i) => {
    const [name, sql] = Object.entries(endless)[i];
    if (failure) throw failure;
    await blowUp(i % 2 ? dba : mallory, name, sql.includes(' atk.t') && !/^SELECT/.test(sql) ? sql : sql, true).catch((e) => { throw e; });
  });
  await goneClient(mallory);
  isOver = true;
  const worst = await watching;
  await root.sql("UPDATE atk.t SET v = 'two' WHERE id = 2"); // a bomb that fits may have written it
  await unchanged();
  await server.stop();
  console.log(`${counts.refused} attacks refused in ${((attacked - began) / 1000).toFixed(1)} s; ${counts.shapes} shapes (${counts.answered} answered) in ${((Date.now() - attacked) / 1000).toFixed(1)} s, `
    + `slowest ${slowest.ms} ms (${slowest.what}); most memory ${(rssMax / 1e6).toFixed(0)} MB; the neighbour asked ${counts.neighbour} times, at worst ${worst} ms by key`);
}

let code = 0;
try {
  await main();
} catch (e) {
  code = 1;
  console.error(`FAILED: ${e instanceof Failure ? e.message : e.stack}\n${server.output.slice(-4000)}`);
} finally {
  isOver = true;
  await server.discard();
  fs.rmSync(box, { recursive: true, force: true });
}
process.exit(code);
