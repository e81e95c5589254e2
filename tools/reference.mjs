// tools/reference.mjs [--write] -- the tables of docs/reference/{sql,http,errors}.md are made from the tables that the code uses. Each
// stands between `<!-- table NAME -->` and `<!-- end -->`. Without --write: says which differ, status 1; with it: writes them anew.
// What is prose is compared: websocket.md names every message and error code that there is and no other, every row of dialect.md
// names a test that there is, and a setting that any file names is one that is read, with the default that the file says.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const DIR = process.env.KALAM_REFERENCE_DIR ?? path.join(ROOT, 'docs/reference');
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');

// The rows WORD(a, "b", ...) of a table; arguments as texts, comments left out.
function rowsOf(file, word) {
  const text = read(file).replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return [...text.matchAll(new RegExp(`^${word}\\(((?:"(?:[^"\\\\]|\\\\.)*"|[^"()])*)\\)$`, 'gm'))]
    .map((m) => [...m[1].matchAll(/"((?:[^"\\]|\\.)*)"|[^,\s"][^,"]*/g)].map((a) => (a[1] ?? a[0]).trim()));
}
const table = (head, rows) => [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows.map((r) => `| ${r.join(' | ')} |`)].join('\n');
const code = (text) => (text === '' ? '' : `\`${text}\``);

function statements() {
  const families = new Map(rowsOf('src/sql/families.def', 'FAMILY').map(([name, role, text]) => [name, [role, text ?? '']]));
  const who = { USER: 'everybody', SERVICE: 'service, dba, system', ADMIN: 'dba, system' };
  return table(['statement', 'who, as far as its kind tells', 'others read'], rowsOf('src/sql/statements.def', 'STATEMENT').map((r) => {
    const [role, text] = families.get(r[1]);
    return [code(r[4]), who[role], text];
  }));
}

function types() {
  const spellings = new Map();
  for (const m of read('src/model/type.c').matchAll(/^ {4}\{"([^"]+)", TYPE_(\w+), TAKES_\w+\},$/gm)) spellings.set(m[2], [...(spellings.get(m[2]) ?? []), m[1]]);
  return table(['type', 'in `data_type`', 'spellings'], rowsOf('src/model/types.def', 'TYPE').map(([id, , wire, sql]) => [code(sql), code(wire), (spellings.get(id) ?? []).map(code).join(' ')]));
}

function coercions() {
  const to = new Map();
  for (const [from, target] of rowsOf('src/model/coerce.def', 'COERCE')) if (from !== target) to.set(from, [...(to.get(from) ?? []), target]);
  return table(['from', 'to'], [...to].map(([from, all]) => [code(from), all.map(code).join(' ')]));
}

function functions() {
  const what = { ALLOW: () => 'the engine\'s', OURS: (note) => (note.startsWith('kalam_') ? 'ours' : `the engine's ${code(note)}`), SESSION: (note) => `the session's ${note}` };
  return table(['function', 'answered by'], rowsOf('src/query/functions.def', 'CONTRACT_FUNCTION').map(([name, kind, note]) => [code(name), what[kind](note)]));
}

function engineFunctions() {
  const groups = new Map();
  for (const [name, kind, note] of rowsOf('src/query/functions.def', 'FUNCTION')) {
    if (kind === 'ALLOW' && /^[a-z]/.test(name)) groups.set(note, [...(groups.get(note) ?? []), name]);
  }
  return table(['kind', 'functions'], [...groups].map(([note, names]) => [note, names.map(code).join(' ')]));
}

const limits = () => table(['limit', 'of'], rowsOf('src/model/limits.def', 'LIMIT').map(([, value, what]) => [Number(value).toLocaleString('en-US'), what]));
const access = () => table(['access level', 'reads', 'writes'], rowsOf('src/auth/access.def', 'SHARED').map(([level, reads, writes]) => [level, reads === 'ANONYMOUS' ? 'everybody' : `from ${reads.toLowerCase()} up`, `from ${writes.toLowerCase()} up`]));
const actAs = () => table(['who', 'may act as'], [...rowsOf('src/auth/access.def', 'ACT_AS').reduce((all, [a, t]) => all.set(a, [...(all.get(a) ?? []), t.toLowerCase()]), new Map())].map(([a, t]) => [a.toLowerCase(), t.join(', ')]));

function routes() {
  const rows = [...read('src/server/routes.c').matchAll(/^ {4}\{"(\/[^"]*)", (GET|POST), (\d+), /gm)];
  return table(['path', 'method', 'another method answers'], rows.map((m) => [code(m[1] + (m[1].endsWith('/') ? '…' : '')), m[2], m[3]]));
}

function errors() {
  const rows = rowsOf('src/base/errors.def', 'ERROR').filter((r) => !['NONE', 'CONFIG'].includes(r[0]));
  return table(['code', 'HTTP', 'message begins', 'who reads the message', 'kind', 'hint: what to do'], rows.map(([symbol, , wire, http, prefix, shown, hint]) => {
    if (!hint) complain(`errors.def: ${symbol} has no hint`);
    return [code(wire), http, code(prefix.trim()), shown === '1' ? 'everybody' : 'dba, system', symbol.toLowerCase(), hint];
  }));
}

const liveCodes = () => table(['code', 'hint: what to do'], rowsOf('src/live/live_codes.def', 'LIVE_CODE').map(([name, hint]) => [code(name), hint]));

let bad = 0;
const complain = (text) => { console.error(text); bad = 1; };
const TABLES = { statements, types, coercions, functions, 'engine functions': engineFunctions, limits, access, 'act as': actAs, routes, errors, 'live codes': liveCodes };
const SMALLEST = { statements: 50, types: 17, coercions: 15, functions: 25, 'engine functions': 5, limits: 20, access: 4, 'act as': 3, routes: 15, errors: 40, 'live codes': 14 };

const seen = new Set();
for (const name of ['sql.md', 'http.md', 'errors.md']) {
  const file = path.join(DIR, name);
  const text = fs.readFileSync(file, 'utf8');
  const made = text.replaceAll(/<!-- table ([a-z ]+) -->\n[\s\S]*?<!-- end -->/g, (all, key) => {
    if (!TABLES[key]) { complain(`${name}: no table is called ${key}`); return all; }
    seen.add(key);
    const rows = TABLES[key]();
    if (rows.split('\n').length - 2 < SMALLEST[key]) complain(`${name}: the table ${key} cannot be read from the code`);
    return `<!-- table ${key} -->\n${rows}\n<!-- end -->`;
  });
  if (made === text) continue;
  if (process.argv.includes('--write')) fs.writeFileSync(file, made);
  else complain(`${name} differs from the code; run node tools/reference.mjs --write`);
}
for (const key of Object.keys(TABLES)) if (!seen.has(key)) complain(`no file has the table ${key}`);
// Every kind of statement is spoken of in the text, not only in its table.
const prose = (name) => fs.readFileSync(path.join(DIR, name), 'utf8').replaceAll(/<!-- table [\s\S]*?<!-- end -->/g, '');
for (const [, , , , sql] of rowsOf('src/sql/statements.def', 'STATEMENT')) if (!prose('sql.md').includes(sql)) complain(`sql.md does not explain ${sql}`);

// -- prose ---------------------------------------------------------------------------------------
const page = (name) => fs.readFileSync(path.join(DIR, name), 'utf8');
const section = (text, title) => text.split(/^## /m).find((s) => s.startsWith(`${title}\n`)) ?? '';
// Says which of `there` is not in `told`, and the other way round.
function compare(file, what, there, told) {
  if (there.length === 0) complain(`${file}: ${what} cannot be read from the code`);
  for (const name of there) if (!told.includes(name)) complain(`${file} does not name the ${what} ${name}`);
  for (const name of told) if (!there.includes(name)) complain(`${file} names the ${what} ${name}, which is not there`);
}

const names = (file, list) => [...(new RegExp(`${list}\\[\\] = \\{([^}]*)\\}`).exec(read(file))?.[1] ?? '').matchAll(/"(\w+)"/g)].map((m) => m[1]);
const socket = page('websocket.md');
const ticked = (text, form) => [...text.matchAll(new RegExp(`\`(${form})\``, 'g'))].map((m) => m[1]);
compare('websocket.md', 'error code', rowsOf('src/live/live_codes.def', 'LIVE_CODE').map(([name]) => name), [...new Set(ticked(section(socket, 'Errors'), '[A-Z]+(?:_[A-Z]+)*'))]);
const messages = [...names('src/server/ws_message.c', 'names'), ...names('src/live/payload.c', 'names')].filter((name) => name !== 'authenticate');
compare('websocket.md', 'message', messages, ticked(section(socket, 'Messages'), '[a-z]+(?:_[a-z]+)*').filter((name) => name !== 'auth_success'));

const units = { KiB: 1024, MiB: 1024 ** 2 };
const settings = new Map(rowsOf('src/server/settings.def', 'SETTING').map(([kind, , key, value]) => [key, { kind, value }]));
const groups = new Set([...settings.keys()].filter((key) => key.includes('.')).map((key) => key.split('.')[0]));
for (const name of fs.readdirSync(DIR).filter((f) => f.endsWith('.md'))) {
  for (const [, key, number, unit] of page(name).matchAll(/`([a-z_]+\.[a-z_.]+)`(?: \((\d+)(?: ([KM]iB))?\))?/g)) {
    if (!groups.has(key.split('.')[0])) continue;
    const setting = settings.get(key);
    if (setting === undefined || setting.kind === 'IGNORED') complain(`${name} names the setting ${key}, which nothing reads`);
    else if (number !== undefined && Number(setting.value) !== Number(number) * (units[unit] ?? 1)) complain(`${name} says that ${key} is ${number} ${unit ?? ''}; it is ${setting.value}`);
  }
}

const tests = fs.readdirSync(path.join(ROOT, 'tests/unit'), { recursive: true }).filter((f) => f.endsWith('_test.c'))
  .flatMap((f) => [...read(`tests/unit/${f}`).matchAll(/^TEST\((\w+)\)/gm)].map((m) => m[1]));
function isTest(name) {
  if (name === 'the same') return true;
  if (name.includes('/')) return fs.existsSync(path.join(ROOT, name));
  return tests.some((test) => (name.endsWith('*') ? test.startsWith(name.slice(0, -1)) : test === name));
}
const rows = [...page('dialect.md').matchAll(/^\| (?!topic)[^\n]* \| ([^|\n]+) \|$/gm)].map((m) => m[1]);
if (rows.length < 35) complain(`dialect.md: ${rows.length} rows`);
for (const row of rows) if (!isTest(row)) complain(`dialect.md names the test ${row}, which is not there`);
for (const [, name] of page('dialect.md').matchAll(/(?:Tests: |, )\n?((?:gate|duck)_\w+)/g)) if (!isTest(name)) complain(`dialect.md names the test ${name}, which is not there`);
process.exit(bad);
