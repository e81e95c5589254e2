// tests/api/sql_scripts_test.mjs -- Goal: statements answer what tests/sql/*.test says. Method: each file is run against a
// server of its own; the format is in tests/sql/README.md.
//   KALAM_SERVER    the server binary
//   KALAM_SCRIPTS   only the files whose name contains this
import fs from 'node:fs';
import { Server, Failure } from '../oracle/server.mjs';

const DIR = 'tests/sql';
const PASSWORD = 'Script-user-1!';

// -- reading ------------------------------------------------------------------------------------------------------

function readBlocks(file) {
  const lines = fs.readFileSync(`${DIR}/${file}`, 'utf8').split('\n');
  const blocks = [];
  let current = null;
  lines.forEach((line, i) => {
    if (line.startsWith('#')) return;
    if (line.trim() === '' && !current?.isOpen) { current = null; return; }
    if (current === null) { current = { line: i + 1, lines: [] }; blocks.push(current); }
    current.lines.push(line);
  });
  return blocks.map(parseBlock);
}

function parseBlock({ line, lines }) {
  const block = { line, as: 'root', sql: [], expected: [] };
  let isExpected = false;
  for (const text of lines) {
    const m = /^(as|params|namespace) (.*)$/.exec(text);
    if (isExpected) block.expected.push(text);
    else if (text === '----') isExpected = true;
    else if (!block.kind) {
      [block.kind] = text.split(' ');
      block.rest = text.slice(block.kind.length + 1);
    } else if (m && block.sql.length === 0) block[m[1]] = m[1] === 'params' ? JSON.parse(m[2]) : m[2];
    else block.sql.push(text);
  }
  block.sql = block.sql.join('\n');
  return block;
}

// -- running ------------------------------------------------------------------------------------------------------

const matches = (pattern, text) => (pattern.startsWith('~ ') ? new RegExp(pattern.slice(2)).test(text) : text === pattern);
const contains = (pattern, text) => (pattern.startsWith('~ ') ? new RegExp(pattern.slice(2)).test(text) : text.includes(pattern));

function sameCell(want, is) {
  if (want === '"*"') return is !== 'null';
  if (want.startsWith('"~')) return new RegExp(JSON.parse(want).slice(1)).test(is.startsWith('"') ? JSON.parse(is) : is);
  return want === is;
}
// Cells as texts, since 1 and 1.0 are not the same answer.
function cellsOf(rowText) {
  const cells = [];
  let depth = 0;
  let start = 1;
  for (const m of rowText.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (m[0] === '[' || m[0] === '{') depth++;
    else if (m[0] === ']' || m[0] === '}') {
      depth--;
      if (depth === 0 && m.index > start) cells.push(rowText.slice(start, m.index).trim());
    } else if (m[0] === ',' && depth === 1) { cells.push(rowText.slice(start, m.index).trim()); start = m.index + 1; }
  }
  return cells;
}
// The rows of the last result that has some, as they were sent, one text each.
function rowsOf(reply) {
  const all = [];
  const text = reply.text;
  const from = text.lastIndexOf('"rows":[');
  let depth = 0;
  let start = -1;
  for (const m of text.slice(from + 8).matchAll(/"(?:[^"\\]|\\.)*"|[[\]]/g)) {
    if (m[0] === '[') { if (depth++ === 0) start = m.index; }
    if (m[0] === ']') {
      if (--depth < 0) break;
      if (depth === 0) all.push(text.slice(from + 8 + start, from + 8 + m.index + 1));
    }
  }
  return all;
}

function checkRows(block, reply, isSorted) {
  const got = rowsOf(reply);
  const want = block.expected;
  if (isSorted) { got.sort(); want.sort(); }
  const isSame = got.length === want.length && want.every((w, i) => {
    const a = cellsOf(w);
    const b = cellsOf(got[i]);
    return a.length === b.length && a.every((cell, c) => sameCell(cell, b[c]));
  });
  if (!isSame) throw new Failure(`rows differ; wanted:\n${want.join('\n')}\ngot:\n${got.join('\n')}`);
}

function checkReply(block, reply) {
  const last = reply.body.results?.at(-1);
  const isError = block.kind === 'statement' && block.rest.startsWith('error ');
  if (isError) {
    const [, code, text] = /^error (\S+) ?(.*)$/.exec(block.rest);
    const is = reply.body.error;
    if (!is || is.code !== code || !contains(text, is.message)) throw new Failure(`wanted error ${code} ${text}, got ${reply.status} ${reply.text.slice(0, 600)}`);
    if (reply.status < 400) throw new Failure(`an error with status ${reply.status}`);
    return;
  }
  if (reply.status !== 200) throw new Failure(`${reply.status} ${reply.text.slice(0, 600)}`);
  if (block.kind === 'statement') {
    if (block.rest === 'ok') return;
    if (!block.rest.startsWith('message ')) throw new Error(`unknown statement ${block.rest}`);
    const wanted = block.rest.replace(/^message /, '');
    if (!matches(wanted, last?.message ?? '')) throw new Failure(`wanted message ${wanted}, got ${JSON.stringify(last)?.slice(0, 400)}`);
    return;
  }
  const rows = reply.body.results.findLast((r) => r.schema);
  if (!rows) throw new Failure(`no rows: ${reply.text.slice(0, 400)}`);
  if (block.rest === 'columns') {
    const got = rows.schema.map((c) => [c.name, typeof c.data_type === 'string' ? c.data_type : JSON.stringify(c.data_type), (c.flags ?? []).join()].filter(Boolean).join(' '));
    if (got.join('\n') !== block.expected.join('\n')) throw new Failure(`columns differ; wanted:\n${block.expected.join('\n')}\ngot:\n${got.join('\n')}`);
    return;
  }
  if (block.rest.startsWith('count ')) {
    const n = Number(block.rest.slice(6));
    if (rows.rows.length !== n || rows.row_count !== n) throw new Failure(`wanted ${n} rows, got ${rows.rows.length} (row_count ${rows.row_count})`);
    return;
  }
  if (!['', 'sorted'].includes(block.rest)) throw new Error(`unknown query ${block.rest}`);
  if (rows.row_count !== rows.rows.length) throw new Failure(`row_count ${rows.row_count} of ${rows.rows.length} rows`);
  checkRows(block, reply, block.rest === 'sorted');
}

async function runFile(file) {
  const server = new Server({ name: 'script', defaultLimit: 50, maxLimit: 1000 });
  const sessions = new Map();
  let count = 0;
  const runBlock = async (block, turn) => {
    const arg = block.rest.trim();
    switch (block.kind) {
      case 'user': {
        const [name, role] = arg.split(' ');
        sessions.set(name, await server.user(name, role, PASSWORD));
        return;
      }
      case 'flush': await server.flush(arg); return;
      case 'compact': await server.compact(arg); return;
      case 'restart':
        await server.restart();
        for (const name of sessions.keys()) sessions.set(name, name === 'root' ? server.root : await server.login(name, PASSWORD));
        return;
      case 'statement': case 'query': {
        const session = sessions.get(block.as);
        if (!session) throw new Failure(`no user ${block.as}`);
        const reply = await session.sql(block.sql.replaceAll('$i', String(turn)), block.params, { namespace: block.namespace });
        checkReply(block, reply);
        count++;
        return;
      }
      default: throw new Failure(`unknown block: ${block.kind}`);
    }
  };
  const blocks = readBlocks(file);
  const failures = [];
  try {
    await server.start();
    sessions.set('root', server.root);
    for (let i = 0; i < blocks.length; i++) {
      let last = i;
      let turns = 1;
      if (blocks[i].kind === 'repeat') {
        turns = Number(blocks[i].rest);
        last = blocks.findIndex((b, j) => j > i && b.kind === 'end') - 1;
        i++;
      }
      for (let turn = 1; turn <= turns; turn++) {
        for (let j = i; j <= last; j++) {
          try {
            await runBlock(blocks[j], turn);
          } catch (e) {
            if (!(e instanceof Failure) || server.exit) throw e;
            failures.push(`${DIR}/${file}:${blocks[j].line}: ${e.message}\n    ${blocks[j].sql.split('\n').join('\n    ')}`);
          }
        }
      }
      i = turns > 1 || blocks[last + 1]?.kind === 'end' ? last + 1 : last;
    }
    await server.stop();
  } catch (e) {
    failures.push(`${DIR}/${file}: ${e instanceof Failure ? e.message : e.stack}\n${server.output.slice(-3000)}`);
  } finally {
    await server.discard();
  }
  return { count, failures };
}

// -- what the scripts hold together --------------------------------------------------------------------------------

const NOT_IMPLEMENTED = 'Not implemented: ';

// Every kind of statement of statements.def is said somewhere.
function missingKinds(texts) {
  const def = fs.readFileSync('src/sql/statements.def', 'utf8');
  const names = [...def.matchAll(/^STATEMENT\(.*"([^"]+)"\)$/gm)].map((m) => m[1]);
  if (names.length < 50) return ['(statements.def cannot be read)'];
  const all = texts.join('\n').toUpperCase().replaceAll(/ +/g, ' ').replaceAll(/CREATE (USER|SHARED|STREAM) TABLE/g, 'CREATE TABLE');
  return names.filter((name) => !new RegExp(`(^|[;(] ?)${name}\\b`, 'm').test(all));
}

// unavailable.test is the list: nothing else is not implemented, and everything in it is.
function strayUnavailable(file, blocks) {
  const isList = file === 'unavailable.test';
  return blocks.filter((b) => b.kind === 'statement' && b.rest.startsWith('error ') && b.rest.includes(NOT_IMPLEMENTED) !== isList)
    .map((b) => `${DIR}/${file}:${b.line}: ${isList ? 'this is the list of what is not implemented' : 'only unavailable.test may say so'}`);
}

const only = process.env.KALAM_SCRIPTS ?? '';
const files = fs.readdirSync(DIR).filter((f) => f.endsWith('.test') && f.includes(only)).sort();
let failed = 0;
let total = 0;
for (const file of files) {
  const { count, failures } = await runFile(file);
  total += count;
  failed += failures.length;
  console.log(`${failures.length ? 'FAILED' : 'ok    '} ${file}: ${count} statements answered as written`);
  for (const f of failures) console.error(f);
}
const texts = files.map((file) => readBlocks(file));
const stray = files.flatMap((file, i) => strayUnavailable(file, texts[i]));
const missing = only ? [] : missingKinds(texts.flat().map((b) => b.sql));
for (const line of stray) console.error(line);
if (missing.length) console.error(`no script has: ${missing.join(', ')}`);
failed += stray.length + missing.length;
if (files.length === 0) { console.error('no scripts are found'); failed++; }
console.log(`${total} statements in ${files.length} scripts, ${failed} not as written`);
process.exit(failed ? 1 : 0);
