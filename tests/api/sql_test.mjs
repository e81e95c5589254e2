// tests/api/sql_test.mjs -- POST /v1/api/sql as HTTP sees it (contract http-ws.md section 2; checklist
// 3 to 6). Goal: bodies, parameters, the order of errors, envelopes to the byte, large answers.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { eventually, parseAnswers, startServer } from './harness.mjs';

let server;
before(async () => {
  server = await startServer();
  await server.exec('CREATE NAMESPACE app');
  await server.exec('CREATE TABLE app.items (id BIGINT PRIMARY KEY, name TEXT, price DOUBLE, big BOOLEAN)');
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const TOOK = /"took":\d+\.\d{3}/;
const shape = (text) => text.replace(TOOK, '"took":T');
async function failure(reply, status, code, message) {
  const { body } = await reply;
  assert.equal((await reply).status, status, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['status', 'results', 'took', 'error']);
  assert.deepEqual([body.status, body.results], ['error', []]);
  assert.equal(body.error.code, code);
  if (message instanceof RegExp) assert.match(body.error.message, message);
  else assert.equal(body.error.message, message);
  return body.error;
}
const post = (body, headers = {}) =>
  server.post('/v1/api/sql', body, {
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json', ...headers },
  });

// --- envelopes

test('a single SELECT has error null, schema and rows; to the byte', async () => {
  const { status, text, headers } = await server.sql('SELECT 1 AS one');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(
    shape(text),
    '{"status":"success","results":[{"schema":[{"name":"one","data_type":"BigInt","index":0}],"rows":[["1"]],' +
      '"row_count":1,"as_user":"root"}],"took":T,"error":null}',
  );
});

test('a SELECT without rows has schema and rows all the same', async () => {
  const { body } = await server.sql('SELECT * FROM app.items WHERE id = -1');
  assert.deepEqual(Object.keys(body), ['status', 'results', 'took', 'error']);
  assert.deepEqual(Object.keys(body.results[0]), ['schema', 'rows', 'row_count', 'as_user']);
  assert.deepEqual(body.results[0].rows, []);
  assert.equal(body.results[0].row_count, 0);
});

test('INSERT, UPDATE and DELETE have neither error nor schema nor rows', async () => {
  const insert = await server.sql("INSERT INTO app.items (id, name) VALUES (1, 'a'), (2, 'b')");
  assert.equal(
    shape(insert.text),
    '{"status":"success","results":[{"row_count":2,"message":"Inserted 2 row(s)","as_user":"root"}],"took":T}',
  );
  const update = await server.sql("UPDATE app.items SET name = 'c' WHERE id = 1");
  assert.deepEqual(update.body.results, [{ row_count: 1, message: 'Updated 1 row(s)', as_user: 'root' }]);
  const same = await server.sql("UPDATE app.items SET name = 'c' WHERE id = 1");
  assert.equal(same.body.results[0].row_count, 0);
  const gone = await server.sql('DELETE FROM app.items WHERE id = 1');
  assert.deepEqual(gone.body.results, [{ row_count: 1, message: 'Deleted 1 row(s)', as_user: 'root' }]);
});

test('a batch sums DML up at its end', async () => {
  const { body } = await server.sql(
    "INSERT INTO app.items (id) VALUES (10); INSERT INTO app.items (id) VALUES (11), (12); SELECT id FROM app.items WHERE id = 11; DELETE FROM app.items WHERE id = 12",
  );
  assert.deepEqual(Object.keys(body), ['status', 'results', 'took']);
  assert.deepEqual(
    body.results.map((result) => result.message ?? result.rows),
    [[['11']], 'Inserted 3 row(s)', 'Deleted 1 row(s)'],
  );
});

test('the first failure stops a batch; what came before stays', async () => {
  const error = await failure(
    server.sql('INSERT INTO app.items (id) VALUES (20); SELECT nope FROM app.items; INSERT INTO app.items (id) VALUES (21)'),
    400, 'SQL_EXECUTION_ERROR', /^Statement 2 failed: /,
  );
  assert.equal(error.details, 'SELECT nope FROM app.items');
  assert.deepEqual(await server.rows('SELECT id FROM app.items WHERE id >= 20'), [{ id: '20' }]);
});

test('an error of a stranger has no details', async () => {
  const { token } = await server.user('plain');
  const error = await failure(
    server.sql('SELECT * FROM nowhere.nothing', { token }), 400, 'SQL_EXECUTION_ERROR', 'SQL statement failed',
  );
  assert.equal(error.details, undefined);
});

test('BIGINT and COUNT(*) are texts, TIMESTAMP a number of µs, BYTES numbers', async () => {
  const [row] = await server.rows(
    "SELECT count(*) AS n, CAST(7 AS BIGINT) AS b, TIMESTAMP '2026-01-02 03:04:05.678' AS t, DATE '1970-01-11' AS d FROM app.items WHERE id = 2",
  );
  assert.deepEqual(row, { n: '1', b: '7', t: 1767323045678000, d: 10 });
});

test('numbers of more digits than a DOUBLE has are kept as parameters, to 38 digits', async () => {
  await server.exec('CREATE TABLE app.exact (id BIGINT PRIMARY KEY, d DECIMAL(38, 10), t TEXT)');
  const kept = {
    '12345678901234567890.1234567891': ['12345678901234567890.1234567891', '12345678901234567890.1234567891'],
    '-0.1234567891': ['-0.1234567891', '-0.1234567891'],
    '0.30000000000000004e-1': null, // what an exponent says is a DOUBLE, which the column has no place for
    '9223372036854775808.5': ['9223372036854775808.5000000000', '9223372036854775808.5'],
    1.5: ['1.5000000000', '1.5'],
    1e3: ['1000.0000000000', '1000'],
  };
  for (const [i, [number, wanted]] of Object.entries(kept).entries()) {
    const body = `{"sql":"INSERT INTO app.exact VALUES (${i}, $1, $1)","params":[${number}]}`;
    const reply = await server.post('/v1/api/sql', body, { headers: { 'content-type': 'application/json', authorization: `Bearer ${server.token}` } });
    assert.equal(reply.status, wanted === null ? 400 : 200, reply.text);
    if (wanted !== null) assert.deepEqual(await server.rows(`SELECT d, t FROM app.exact WHERE id = ${i}`), [{ d: wanted[0], t: wanted[1] }]);
  }
});

test('without LIMIT 50 rows come, with one at most 1000; LIMIT takes a parameter', async () => {
  await server.exec('CREATE TABLE app.many (id BIGINT PRIMARY KEY)');
  const values = Array.from({ length: 1200 }, (_, i) => `(${i})`).join(',');
  await server.exec(`INSERT INTO app.many (id) VALUES ${values}`);
  assert.equal((await server.exec('SELECT id FROM app.many')).row_count, 50);
  assert.equal((await server.exec('SELECT id FROM app.many LIMIT 1100')).row_count, 1000);
  assert.equal((await server.exec('SELECT id FROM app.many LIMIT $1', { params: [7] })).row_count, 7);
  const rows = await server.rows('SELECT app.many.id FROM app.many WHERE app.many.id = $1', { params: [1199] });
  assert.deepEqual(rows, [{ id: '1199' }]);
});

// --- bodies

for (const [name, body, message] of [
  ['is empty', '', /^Invalid JSON payload: Json deserialize error: /],
  ['is cut', '{"sql":"SELECT 1"', /^Invalid JSON payload: Json deserialize error: /],
  ['has two values', '{"sql":"SELECT 1"} {}', /^Invalid JSON payload: Json deserialize error: /],
  ['is an array', '[]', /^Invalid JSON payload: Json deserialize error: /],
  ['has no sql', '{}', 'Invalid JSON payload: Json deserialize error: missing field `sql`'],
  ['has sql null', '{"sql":null}', /expected a string/],
  ['has a number as sql', '{"sql":5}', /integer, expected a string/],
  ['has params that are no array', '{"sql":"SELECT 1","params":{}}', /expected a sequence/],
  ['has a namespace that is no text', '{"sql":"SELECT 1","namespace_id":[]}', /expected a string/],
  ['has a key twice', '{"sql":"SELECT 1","sql":"SELECT 2"}', /^Invalid JSON payload: /],
  ['is not UTF-8', Buffer.from('{"sql":"SELECT \xff"}', 'latin1'), /^Invalid JSON payload: /],
  ['has half a surrogate', '{"sql":"SELECT \'\\ud800\'"}', /^Invalid JSON payload: /],
  ['has a control character', '{"sql":"SELECT \n1"}', /^Invalid JSON payload: /],
  ['is nested 10,000 deep', `{"sql":"SELECT 1","x":${'['.repeat(10000)}${']'.repeat(10000)}}`, /^Invalid JSON payload: /],
  ['has a number no double holds', '{"sql":"SELECT $1","params":[1e999]}', /^Invalid JSON payload: /],
  ['has NaN', '{"sql":"SELECT $1","params":[NaN]}', /^Invalid JSON payload: /],
  ['asks for odd durability', '{"sql":"SELECT 1","durability":"maybe"}', /durability must be "sync" or "async"/],
  ['asks for durability 1', '{"sql":"SELECT 1","durability":1}', /durability must be "sync" or "async"/],
]) {
  test(`a body that ${name} is INVALID_INPUT`, () => failure(post(body), 400, 'INVALID_INPUT', message));
}

test('a body without JSON content type, or above 2 MiB, is INVALID_INPUT', async () => {
  await failure(post('{"sql":"SELECT 1"}', { 'content-type': 'text/plain' }), 400, 'INVALID_INPUT', 'Invalid JSON payload: Content type error');
  await failure(post(JSON.stringify({ sql: 'SELECT 1', x: 'x'.repeat(2097152) })), 400, 'INVALID_INPUT', /is larger than allowed \(limit: 2097152 bytes\)/);
  const other = await post('{"sql":"SELECT 1"}', { 'content-type': 'application/vnd.api+json; charset=utf-8' });
  assert.equal(other.status, 200);
});

test('unknown members are ignored; null stands for absent', async () => {
  const reply = await post('{"sql":"SELECT 1","params":null,"namespace_id":null,"durability":null,"named":{"a":[1]}}');
  assert.equal(reply.status, 200);
});

test('the namespace of unqualified names', async () => {
  assert.equal((await server.sql('SELECT id FROM items WHERE id = 2', { namespace: 'App' })).body.results[0].row_count, 1);
  await failure(server.sql('SELECT id FROM items'), 400, 'SQL_EXECUTION_ERROR', /not found/i);
});

test('durability comes back in a header', async () => {
  for (const durability of ['sync', 'async']) {
    const reply = await server.sql(`INSERT INTO app.items (id) VALUES (${durability === 'sync' ? 30 : 31})`, { durability });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['x-kalamdb-durability'], durability);
  }
  assert.deepEqual(await server.rows('SELECT id FROM app.items WHERE id = 31'), [{ id: '31' }]);
});

// --- the order of errors

test('SQL of more than 1 MiB is INVALID_SQL, whatever else is wrong', async () => {
  const sql = `SELECT '${'x'.repeat(1048576)}'`;
  await failure(server.sql(sql, { params: [[]] }), 400, 'INVALID_SQL', /^SQL query too long: /);
});
test('an expression that nests too deep is told the limit, whichever part finds out', async () => {
  for (const sql of [60, 64, 1200].map((n) => `SELECT ${Array(n).fill('1').join(' + ')}`).concat(`SELECT ${'abs('.repeat(60)}1${')'.repeat(60)}`)) {
    await failure(server.sql(sql), 400, 'SQL_EXECUTION_ERROR', /nested too deep: an expression has at most about \d+ operators/);
  }
  await failure(server.sql(`SELECT ${'('.repeat(10000)}1${')'.repeat(10000)}`), 400, 'SQL_EXECUTION_ERROR', /parentheses nest deeper than \d+ levels/);
});

test('nothing to run is EMPTY_SQL', async () => {
  for (const sql of ['', '  \n', ';;', '-- a comment']) {
    await failure(server.sql(sql), 400, 'EMPTY_SQL', 'No SQL statements provided');
  }
});
test('a text that does not end is BATCH_PARSE_ERROR', () =>
  failure(server.sql("SELECT 'a"), 400, 'BATCH_PARSE_ERROR', /./));
test('a statement that is none is INVALID_SQL, and nothing of the batch runs', async () => {
  await failure(server.sql('INSERT INTO app.items (id) VALUES (40); FROBNICATE'), 400, 'INVALID_SQL', /./);
  assert.deepEqual(await server.rows('SELECT id FROM app.items WHERE id = 40'), []);
});
test('the text is judged before the parameters', () =>
  failure(server.sql('FROBNICATE $1', { params: [[]] }), 400, 'INVALID_SQL', /./));
test('a role that may not comes first, and nothing runs', async () => {
  const { token } = await server.user('limited');
  await failure(server.sql('SELECT 1; DROP NAMESPACE app', { token }), 403, 'PERMISSION_DENIED', /./);
});
test('parameters with a batch are PARAMS_WITH_BATCH', () =>
  failure(server.sql('SELECT $1; SELECT 2', { params: [1] }), 400, 'PARAMS_WITH_BATCH', 'Parameters not supported with multi-statement batches'));

// --- parameters

test('scalars are bound as what they are', async () => {
  await server.exec('INSERT INTO app.items (id, name, price, big) VALUES ($1, $2, $3, $4)', {
    params: [50, "it's $1; -- é 😀", 1.5, true],
  });
  const [row] = await server.rows('SELECT name, price, big FROM app.items WHERE id = $1', { params: [50] });
  assert.deepEqual(row, { name: "it's $1; -- é 😀", price: 1.5, big: true });
  await server.exec('UPDATE app.items SET name = $1, price = $2 WHERE id = $3', { params: [null, 2, '50'] });
  const [changed] = await server.rows('SELECT name, price FROM app.items WHERE id = 50');
  assert.deepEqual(changed, { name: null, price: 2 });
});

test('the largest and the smallest BIGINT survive', async () => {
  for (const text of ['9223372036854775807', '-9223372036854775808']) {
    const reply = await post(`{"sql":"SELECT id FROM app.items WHERE id = $1","params":[${text}]}`);
    assert.equal(reply.status, 200);
    await post(`{"sql":"INSERT INTO app.items (id) VALUES ($1)","params":[${text}]}`);
    const again = await post(`{"sql":"SELECT id FROM app.items WHERE id = $1","params":[${text}]}`);
    assert.deepEqual(again.body.results[0].rows, [[text]]);
  }
});

test('what is wrong with parameters is told after the text and the rights, in the order of the contract', async () => {
  const { token } = await server.user('orderly');
  const bad = { params: [[1]] };
  const many = { params: Array(51).fill(1) };
  await failure(server.sql('FROBNICATE $1', bad), 400, 'INVALID_SQL', /./);
  await failure(server.sql(' ; ', bad), 400, 'EMPTY_SQL', 'No SQL statements provided');
  await failure(server.sql('CREATE NAMESPACE $1', { ...many, token }), 400, 'INVALID_SQL', /./);
  await failure(server.sql("SELECT 1; DROP USER 'root'", { ...bad, token }), 403, 'PERMISSION_DENIED', /./);
  await failure(server.sql("SELECT 1; DROP USER 'root'", { ...many, token }), 403, 'PERMISSION_DENIED', /./);
  await failure(server.sql('SELECT $1; SELECT 2', bad), 400, 'INVALID_PARAMETER', /^Parameter \$1 invalid: /);
  await failure(server.sql('SELECT $1; SELECT 2', many), 400, 'PARAMS_WITH_BATCH', 'Parameters not supported with multi-statement batches');
  await failure(server.sql('SELECT $1', many), 400, 'SQL_EXECUTION_ERROR', /^Statement 1 failed: Parameter count exceeded: /);
});

test('arrays and objects are INVALID_PARAMETER with their number', async () => {
  await failure(server.sql('SELECT $1', { params: [[1]] }), 400, 'INVALID_PARAMETER', 'Parameter $1 invalid: Array parameters not yet supported');
  await failure(server.sql('SELECT $1, $2', { params: [1, {}] }), 400, 'INVALID_PARAMETER', 'Parameter $2 invalid: Object parameters not yet supported');
});

test('too many, too few and too large parameters', async () => {
  await failure(server.sql('SELECT $1', { params: Array(51).fill(1) }), 400, 'SQL_EXECUTION_ERROR', /Parameter count exceeded: maximum 50 parameters allowed, got 51$/);
  await failure(server.sql('SELECT $1, $2', { params: [1] }), 400, 'SQL_EXECUTION_ERROR', /Parameter count mismatch: expected 2 parameters, got 1/);
  await failure(server.sql('SELECT $1', { params: ['x'.repeat(524289)] }), 400, 'SQL_EXECUTION_ERROR', /size exceeded/);
  assert.equal((await server.sql('SELECT $1', { params: ['x'.repeat(524288)] })).status, 200);
});

// --- multipart

function form(parts, boundary = 'xYzZY') {
  const chunks = parts.map(([disposition, content]) =>
    Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')]),
  );
  return Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
}
const upload = (parts, type = 'multipart/form-data; boundary=xYzZY') => post(form(parts), { 'content-type': type });

test('a form with sql, params and namespace_id is a statement', async () => {
  const reply = await upload([
    ['name="sql"', 'SELECT id FROM items WHERE id = $1'],
    ['name="params"', '[2]'],
    ['name="namespace_id"', 'app'],
    ['name="other"; filename="x"', 'ignored'],
  ]);
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.body.results[0].rows, [['2']]);
});
test('a form without sql is EMPTY_SQL', async () => {
  await failure(upload([['name="params"', '[]']]), 400, 'EMPTY_SQL', 'SQL statement is required');
  await failure(upload([['name="sql"', '  ']]), 400, 'EMPTY_SQL', 'SQL statement is required');
});
test('bad params of a form are INVALID_PARAMETER', async () => {
  await failure(upload([['name="sql"', 'SELECT 1'], ['name="params"', '[1']]), 400, 'INVALID_PARAMETER', /^Invalid params JSON: /);
  await failure(upload([['name="sql"', 'SELECT 1'], ['name="params"', '{}']]), 400, 'INVALID_PARAMETER', 'Params must be a JSON array');
});
test('files of a form are said not to be available', () =>
  failure(upload([['name="sql"', "SELECT FILE('a')"], ['name="file:a"; filename="a.png"', 'png']]), 400, 'INVALID_INPUT', /not available yet/));
test('a broken form is INVALID_INPUT', async () => {
  await failure(upload([['name="sql"', 'SELECT 1']], 'multipart/form-data'), 400, 'INVALID_INPUT', /boundary/);
  await failure(upload([['name="sql"', 'SELECT 1']], 'multipart/form-data; boundary=other'), 400, 'INVALID_INPUT', /boundary/);
  await failure(upload([['filename="sql"', 'SELECT 1']]), 400, 'INVALID_INPUT', /no name/);
  await failure(post('--xYzZY\r\nContent-Disposition: form-data; name="sql"\r\n\r\nSELECT 1', { 'content-type': 'multipart/form-data; boundary=xYzZY' }), 400, 'INVALID_INPUT', /boundary is missing/);
  await failure(upload([['name="sql"', Buffer.from([0x53, 0xff])]]), 400, 'INVALID_INPUT', /UTF-8/);
});

// --- large answers

test('an answer above 1 MiB comes in chunks and is whole; HTTP/1.0 gets it until the close', async () => {
  const big = await startServer({ settings: { limits: { max_query_limit: 0, default_query_limit: 0 } } });
  await big.exec('CREATE NAMESPACE app');
  await big.exec('CREATE TABLE app.big (id BIGINT PRIMARY KEY, body TEXT)');
  const body = 'x'.repeat(5000);
  for (let from = 0; from < 2000; from += 100) {
    const values = Array.from({ length: 100 }, (_, i) => `(${from + i},'${body}')`).join(',');
    await big.exec(`INSERT INTO app.big (id, body) VALUES ${values}`);
  }
  const small = await big.sql('SELECT id FROM app.big');
  assert.ok(small.headers['content-length'] !== undefined);
  const reply = await big.sql('SELECT id, body FROM app.big ORDER BY id');
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['transfer-encoding'], 'chunked');
  assert.equal(reply.body.results[0].row_count, 2000);
  assert.equal(reply.body.results[0].rows.length, 2000);
  assert.ok(reply.body.results[0].rows.every((row, i) => row[0] === String(i) && row[1] === body));
  assert.equal(reply.body.error, null);

  const text = JSON.stringify({ sql: 'SELECT id, body FROM app.big ORDER BY id' });
  const head = (version) =>
    `POST /v1/api/sql HTTP/${version}\r\nHost: a\r\nAuthorization: Bearer ${big.token}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const old = await big.raw(head('1.0'), { timeoutMs: 60000 });
  assert.equal(old.how, 'closed');
  const oldBody = JSON.parse(old.text.slice(old.text.indexOf('\r\n\r\n') + 4));
  assert.equal(oldBody.results[0].rows.length, 2000);

  // The connection is in step after a chunked answer.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 3; i++) {
    assert.equal((await big.sql('SELECT id, body FROM app.big', { agent })).body.results[0].row_count, 2000);
    assert.equal((await big.sql('SELECT 1', { agent })).body.results[0].rows[0][0], '1');
  }
  agent.destroy();

  // A client that stops reading, and one that goes: the worker is free again, the server lives.
  await Promise.all(Array.from({ length: 6 }, () => big.raw(head('1.1'), { done: () => true })));
  const [{ metric_value: busy }] = await eventually(
    () => big.rows("SELECT metric_value FROM system.stats WHERE metric_name = 'statements_waiting'"),
    'an answer while clients go away',
  );
  assert.equal(busy, '0');
  await big.stop();
  await big.destroy();
});

// --- EXECUTE AS USER, seen from outside

test('as_user is the target inside EXECUTE AS USER', async () => {
  const { body } = await server.sql("EXECUTE AS USER 'plain' (SELECT 1 AS one)");
  assert.equal(body.results[0].as_user, 'plain');
  const { token } = await server.login('plain', 'user-password-1');
  await failure(server.sql("EXECUTE AS USER 'root' (SELECT 1)", { token }), 403, 'PERMISSION_DENIED', /EXECUTE AS USER is not authorized/);
});

test('200 clients at once get their own answers', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });
  const ask = async (i) => {
    const id = 1000 + i;
    assert.equal((await server.exec('INSERT INTO app.items (id, name) VALUES ($1, $2)', { params: [id, `n${i}`], agent })).row_count, 1);
    const rows = await server.rows('SELECT name FROM app.items WHERE id = $1', { params: [id], agent });
    assert.deepEqual(rows, [{ name: `n${i}` }]);
  };
  await Promise.all(Array.from({ length: 200 }, (_, i) => ask(i)));
  agent.destroy();
});
