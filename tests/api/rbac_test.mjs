// tests/api/rbac_test.mjs -- every cell of tests/rbac/matrix.csv against a real server, in four dresses:
// alone, second in a batch, in a transaction that is rolled back, under EXECUTE AS USER.
// Goal:   what may be done is what the matrix says, whichever way it is asked; a refusal has the
//         contract's code and words, and tells nothing of others.
// Method: users of each role ask; a victim's rows carry a canary that no answer but his own may hold.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { startServer } from './harness.mjs';
import { AS_KINDS, cells, COLUMNS, csv, PLAIN_KINDS, TABLE_KINDS, USER_KINDS } from '../rbac/generate.mjs';
import { actorOf, asStatement, CANARY, PASSWORD, plainStatement, rowsOf, setup, tableStatement, TARGET, userStatement, VICTIM } from '../rbac/statements.mjs';

const AT_ONCE = 12;
const matrixPath = new URL('../rbac/matrix.csv', import.meta.url);
let server;
const tokens = {};

before(async () => {
  server = await startServer();
  for (const sql of setup()) await server.exec(sql);
  for (const name of [VICTIM, TARGET, ...['user', 'service', 'dba', 'system'].map(actorOf)]) {
    tokens[name] = (await server.login(name, PASSWORD)).token;
    for (const sql of rowsOf(name)) await server.exec(sql, { token: tokens[name] });
  }
});
after(() => server?.stop());

function parseCsv(text) {
  const rows = [];
  for (const line of text.trimEnd().split('\n').slice(1)) {
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) => m[1]?.replaceAll('""', '"') ?? m[2]);
    rows.push(Object.fromEntries(COLUMNS.map((name, i) => [name, fields[i]])));
  }
  return rows;
}
const matrix = parseCsv(fs.readFileSync(matrixPath, 'utf8'));

function statementOf(cell, will) {
  if (TABLE_KINDS[cell.kind]) return tableStatement(cell.kind, cell.object, will);
  if (PLAIN_KINDS[cell.kind]) return plainStatement(cell.kind, will);
  if (USER_KINDS[cell.kind]) return userStatement(cell.kind, cell.role, cell.object, will);
  if (AS_KINDS[cell.kind]) return asStatement(cell.kind, cell.role, cell.object);
  throw new Error(`no statement for ${cell.kind}`);
}

// What an answer is, in the words of the matrix.
function outcomeOf(reply) {
  if (reply.status === 200) return 'ok';
  const error = reply.body?.error ?? {};
  if (reply.status === 401) return 'unauthenticated';
  if (reply.status === 403 && error.code === 'PERMISSION_DENIED') return 'denied';
  if (/Not implemented: /.test(error.message)) return 'unavailable';
  if (reply.status === 400 && error.code === 'SQL_EXECUTION_ERROR') return 'refused';
  if (reply.status === 400 && error.code === 'INVALID_INPUT') return 'malformed';
  return `${reply.status} ${error.code}`;
}

// How many rows a result shows or touched.
function rowsSeen(reply) {
  const result = reply.body.results.at(-1);
  if (result.schema?.length === 1 && result.schema[0].name === 'c') return Number(result.rows[0][0]);
  return result.row_count;
}

// No refusal names what its reader did not: rows, hashes, folders, other users.
function leakOf(text, statement) {
  const secrets = [CANARY, '$2b$', '$2y$', server.dir, VICTIM, 'g_user', 'Rbac-password', 'src/', '.c:'];
  return secrets.find((s) => text.includes(s) && !statement.includes(s));
}

async function runCell(cell, dress, wrongs) {
  const will = cell[dress];
  if (will === '-') return 0;
  const { sql, before: needed = [] } = statementOf(cell, will === 'any' ? cell.alone : will);
  for (const one of needed) await server.exec(one);
  const whole = {
    alone: sql,
    batch: `USE rb; ${sql}`,
    transaction: `BEGIN; ${sql}; ROLLBACK`,
    execute_as: `EXECUTE AS USER '${TARGET}' (${sql})`,
  }[dress];
  const token = cell.role === 'anonymous' ? null : tokens[actorOf(cell.role)];
  const reply = token === null ? await server.post('/v1/api/sql', { sql: whole }) : await server.sql(whole, { token });
  const say = (what) => wrongs.push(`${cell.role} ${cell.kind} ${cell.object} ${dress}: ${what}\n    ${whole}\n    ${reply.status} ${reply.text.slice(0, 300)}`);
  const got = outcomeOf(reply);
  if (will === 'any' ? !['ok', 'refused', 'denied', 'unavailable'].includes(got) : got !== will) say(`is ${got}, must be ${will}`);
  const isRefusal = reply.status !== 200;
  const leak = leakOf(isRefusal ? reply.body?.error?.message ?? reply.text : '', whole);
  if (leak !== undefined) say(`tells ${leak}`);
  if (isRefusal && cell.role !== 'anonymous' && reply.body.results.length > 0) say('has results beside its error');
  if (dress === 'alone' || dress === 'batch') {
    if (isRefusal && got === will && !reply.text.includes(JSON.stringify(cell.text).slice(1, -1))) say(`does not say: ${cell.text}`);
    if (got === 'ok' && cell.rows !== '') {
      const seen = rowsSeen(reply);
      const isSum = dress === 'batch' && /^(INSERT|UPDATE|DELETE)/.test(sql); // one result for all, or none
      if (!isSum && !/^DELETE/.test(sql) && (seen > 0) !== (cell.rows === 'some')) say(`shows or touches ${seen} rows, must be ${cell.rows}`);
    }
  }
  if (got === 'ok' && !['dba', 'system'].includes(cell.role) && leakOf(reply.text, `${whole}${isOwn(cell)}`) === CANARY) say('shows the canary');
  return 1;
}

// A service reads shared tables whose rows carry the canary: that is what their level allows.
const isOwn = (cell) => (cell.role === 'service' && cell.alone === 'ok' && /private|restricted/.test(cell.object) ? CANARY : '');

async function runDress(dress, list = matrix) {
  const wrongs = [];
  let done = 0;
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < list.length) {
        const ran = await runCell(list[next++], dress, wrongs);
        done += ran;
      }
    }),
  );
  assert.equal(wrongs.length, 0, `${wrongs.length} of ${done} cells are wrong:\n${wrongs.slice(0, 40).join('\n')}`);
  return done;
}

test('matrix.csv has more than a thousand cells and is what the rules of generate.mjs say', () => {
  assert.ok(matrix.length >= 1000, `${matrix.length} cells`);
  assert.equal(fs.readFileSync(matrixPath, 'utf8'), csv());
  assert.equal(matrix.length, cells().length);
});

// What kinds of statement a text holds: of those that it begins with, the longest name.
function kindsOf(sql, names) {
  return sql.split('; ').map((one) => names.filter((name) => `${one.replace('OR REPLACE ', '')} `.startsWith(`${name} `)).sort((a, b) => b.length - a.length)[0]);
}

test('every kind of statement that the server knows is asked by every role', () => {
  const names = [...fs.readFileSync('src/sql/statements.def', 'utf8').matchAll(/^STATEMENT\(.*"(.*)"\)$/gm)].map((m) => m[1]);
  assert.ok(names.length > 50, `${names.length} kinds`);
  for (const role of ['user', 'service', 'dba', 'system']) {
    const asked = new Set(matrix.filter((c) => c.role === role).flatMap((c) => kindsOf(statementOf(c, c.alone).sql, names)));
    assert.deepEqual(names.filter((name) => !asked.has(name)), [], `${role} is never asked to`);
  }
});

test('every cell, alone', async () => assert.ok((await runDress('alone')) >= 1000));
test('every cell, second in a batch', async () => assert.ok((await runDress('batch')) >= 1000));
test('every cell, under EXECUTE AS USER', async () => assert.ok((await runDress('execute_as')) >= 1000));
test('every cell, in a transaction', async () => assert.ok((await runDress('transaction')) >= 1000));

test('the rows of the victim are as they were', async () => {
  assert.deepEqual(await server.rows('SELECT id, v FROM rb.notes', { token: tokens[VICTIM] }), [{ id: '666', v: CANARY }]);
  assert.deepEqual(await server.rows('SELECT id, v FROM rb.events', { token: tokens[VICTIM] }), [{ id: '666', v: CANARY }]);
  assert.deepEqual(await server.rows("SELECT user_id FROM system.users WHERE user_id = 'mallory'"), []);
});

test('a role above the highest known one does not exist: a forged role in a token is refused', async () => {
  const [head, payload, signature] = tokens[actorOf('user')].split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, role: 'system' })).toString('base64url');
  const reply = await server.sql('SHOW JOBS', { token: `${head}.${forged}.${signature}` });
  assert.equal(reply.status, 401);
});
