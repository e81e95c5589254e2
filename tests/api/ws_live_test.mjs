// tests/api/ws_live_test.mjs -- live queries as clients see them (contract http-ws.md 4.4 to 4.8,
// sql.md 10; checklist 8 and 9). Goal: every option, every kind of change on every kind of table,
// filters, rights, and what happens to subscriptions when tables and users change.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect, encodeFrame, LiveRows } from './ws_client.mjs';

let server;
let ws;
let tables = 0;
before(async () => {
  server = await startServer();
  await server.login().then(({ token }) => (server.token = token));
  await server.exec('CREATE NAMESPACE app');
  ws = (await connect(server)).stayAlive();
});
after(async () => {
  await ws.close();
  await server.stop();
  await server.destroy();
});

// A table of its own for each test: ns.name.
async function table({ columns = 'id BIGINT PRIMARY KEY, v TEXT', kind = 'SHARED', more = '' } = {}) {
  const name = `app.t${++tables}`;
  await server.exec(`CREATE TABLE ${name} (${columns}) WITH (TYPE='${kind}'${more})`);
  return name;
}

const seq = (row) => BigInt(row._seq);
const refused = async (socket, sql, options = {}) => {
  socket.subscribe('refused', sql, options);
  const { type, subscription_id, code, message } = await socket.next();
  assert.equal(type, 'error');
  assert.equal(subscription_id, 'refused');
  return `${code}: ${message}`;
};

// --- initial data

test('options decide the initial data', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (3, 'c'), (1, 'a'), (2, null)`);
  const seqs = (await server.rows(`SELECT id, _seq FROM ${t}`)).map((r) => [Number(r.id), r._seq]);
  const bySeq = seqs.map(([id, s]) => [BigInt(s), id]).sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([, id]) => String(id));

  for (const none of [undefined, null]) {
    ws.subscribe('s', `SELECT * FROM ${t}`, none);
    const ack = await ws.next('subscription_ack');
    assert.equal(ack.total_rows, 0);
    assert.deepEqual(ack.batch_control, { batch_num: 0, has_more: false, status: 'ready', last_seq_id: null });
    assert.deepEqual(ack.schema.map((f) => [f.name, f.data_type, f.index]), [
      ['id', 'BigInt', 0], ['v', 'Text', 1], ['_seq', 'BigInt', 2], ['_updated', 'Timestamp', 3], ['_deleted', 'Boolean', 4],
    ]);
    assert.deepEqual(await ws.settle(), [], 'no batch');
  }

  const all = await ws.load('s', `SELECT * FROM ${t}`, {});
  assert.deepEqual(all.rows.map((r) => r.id), bySeq);
  assert.deepEqual(Object.keys(all.rows[0]), ['id', 'v', '_seq', '_updated', '_deleted']);
  assert.equal(all.rows.find((r) => r.id === '2').v, null);
  assert.deepEqual(all.ack.batch_control, all.batches[0].batch_control);
  assert.equal(typeof all.batches[0].batch_control.last_seq_id, 'number');
  assert.equal(all.batches[0].batch_control.last_seq_id, Number(all.rows.at(-1)._seq));

  const projected = await ws.load('s', `SELECT v FROM ${t} WHERE id = 1`, {});
  assert.deepEqual(Object.keys(projected.rows[0]), ['v', '_seq']);
  assert.deepEqual(projected.ack.schema.map((f) => f.name), ['v']);

  const newest = await ws.load('s', `SELECT * FROM ${t}`, { last_rows: 2 });
  assert.deepEqual(newest.rows.map((r) => r.id), bySeq.slice(1));
  const nothing = await ws.load('s', `SELECT * FROM ${t}`, { last_rows: 0 });
  assert.deepEqual(nothing.batches.map((b) => [b.rows, b.batch_control.status]), [[[], 'ready']]);
  assert.match(await refused(ws, `SELECT * FROM ${t}`, { last_rows: 51, batch_size: 50 }),
    /^UNSUPPORTED: last_rows \(51\) cannot exceed batch_size \(50\); paginated last_rows replay is not supported$/);
});

test('batch_size pages by next_batch; without it the server goes on by itself', async () => {
  const t = await table();
  const values = Array.from({ length: 25 }, (_, i) => `(${i}, 'v${i}')`).join(', ');
  await server.exec(`INSERT INTO ${t} (id, v) VALUES ${values}`);
  const paged = await ws.load('s', `SELECT * FROM ${t}`, { batch_size: 10 });
  assert.deepEqual(paged.batches.map((b) => [b.rows.length, b.batch_control.batch_num, b.batch_control.has_more, b.batch_control.status]), [
    [10, 0, true, 'loading'], [10, 1, true, 'loading_batch'], [5, 2, false, 'ready'],
  ]);
  assert.equal(new Set(paged.rows.map((r) => r.id)).size, 25);

  // 12,000 rows: more than one batch of ours, and nobody asks
  const big = await table();
  for (let i = 0; i < 12; i++) {
    const rows = Array.from({ length: 1000 }, (_, k) => `(${i * 1000 + k}, 'x')`).join(', ');
    await server.exec(`INSERT INTO ${big} (id, v) VALUES ${rows}`);
  }
  const { batches, rows } = await ws.load('s', `SELECT * FROM ${big}`, {});
  assert.equal(rows.length, 12000);
  assert.ok(batches.length >= 2);
  assert.deepEqual(batches.map((b) => b.batch_control.status), [
    'loading', ...Array.from({ length: batches.length - 2 }, () => 'loading_batch'), 'ready',
  ]);
  assert.equal(new Set(rows.map((r) => r.id)).size, 12000);
  await server.exec(`INSERT INTO ${big} (id, v) VALUES (99999, 'live')`);
  assert.equal((await ws.next('change')).rows[0].id, '99999');
});

test('a client that never asks for the next batch gets its changes after the last one', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
  ws.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 2 });
  await ws.next('subscription_ack');
  const first = await ws.next('initial_data_batch');
  await server.exec(`UPDATE ${t} SET v = 'aa' WHERE id = 1`);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (4, 'd')`);
  assert.deepEqual(await ws.settle(), []);
  // a last_seq_id that went through a double is understood
  ws.send({ type: 'next_batch', subscription_id: 's', last_seq_id: first.batch_control.last_seq_id });
  const second = await ws.next('initial_data_batch');
  assert.deepEqual(second.rows.map((r) => r.id), ['3']);
  assert.deepEqual([(await ws.next('change')).rows[0].v, (await ws.next('change')).rows[0].v], ['aa', 'd']);
});

test('from sends the current version of what changed since, without deletes', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
  const { rows } = await ws.load('s', `SELECT * FROM ${t}`, {});
  ws.send({ type: 'unsubscribe', subscription_id: 's' });
  await ws.settle(); // there is no answer to wait for
  const from = rows.map(seq).reduce((a, b) => (a > b ? a : b));
  await server.exec(`UPDATE ${t} SET v = 'a2' WHERE id = 1`);
  await server.exec(`UPDATE ${t} SET v = 'a3' WHERE id = 1`);
  await server.exec(`DELETE FROM ${t} WHERE id = 2`);
  for (const key of ['from', 'from_seq_id']) {
    const text = `{"type":"subscribe","subscription":{"id":"s","sql":"SELECT * FROM ${t}","options":{"${key}":${from},"last_rows":1}}}`;
    ws.raw(encodeFrame(1, text));
    await ws.next('subscription_ack');
    const batch = await ws.next('initial_data_batch');
    assert.deepEqual(batch.rows.map((r) => [r.id, r.v]), [['1', 'a3']]);
  }
});

test('from with leaves tells deletes and rows that left, in the order of _seq', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'in'), (2, 'in'), (3, 'in'), (4, 'in')`);
  const { rows } = await ws.load('s', `SELECT * FROM ${t} WHERE v = 'in'`, { leaves: true });
  ws.send({ type: 'unsubscribe', subscription_id: 's' });
  await ws.settle();
  await server.exec(`DELETE FROM ${t} WHERE id = 2`);
  await server.exec(`UPDATE ${t} SET v = 'out' WHERE id = 3`);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (5, 'in')`);
  const from = rows.map(seq).reduce((a, b) => (a > b ? a : b));
  const text = `{"type":"subscribe","subscription":{"id":"s","sql":"SELECT * FROM ${t} WHERE v = 'in'","options":{"from":${from},"leaves":true}}}`;
  ws.raw(encodeFrame(1, text));
  await ws.next('subscription_ack');
  const found = [await ws.next('change'), await ws.next('change'), await ws.next('change')];
  assert.deepEqual(found.map((m) => [m.change_type, (m.rows ?? m.old_values)[0].id]), [['delete', '2'], ['leave', '3'], ['update', '5']]);
  const last = await ws.next('initial_data_batch');
  assert.deepEqual([last.rows, last.batch_control.status], [[], 'ready']);
});

// --- changes

test('changes of a SHARED table', async () => {
  const t = await table({ columns: 'id BIGINT PRIMARY KEY, v TEXT, n INT, j JSON, d DOUBLE' });
  await ws.load('s', `SELECT * FROM ${t}`, {});
  await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (1, 'a', 7)`);
  const insert = await ws.next('change');
  assert.deepEqual(Object.keys(insert), ['type', 'subscription_id', 'change_type', 'rows']);
  assert.equal(insert.change_type, 'insert');
  assert.deepEqual(Object.keys(insert.rows[0]), ['id', 'v', 'n', 'j', 'd', '_seq', '_updated', '_deleted']);
  assert.deepEqual([insert.rows[0].n, insert.rows[0].j, insert.rows[0]._deleted], [7, null, false]);

  await server.exec(`UPDATE ${t} SET v = 'b', n = NULL WHERE id = 1`);
  const update = await ws.next('change');
  assert.deepEqual(Object.keys(update), ['type', 'subscription_id', 'change_type', 'rows', 'old_values']);
  const { _updated, ...row } = update.rows[0];
  assert.ok(_updated > insert.rows[0]._updated);
  assert.deepEqual(row, { id: '1', v: 'b', n: null, j: null, d: null, _seq: row._seq });
  assert.deepEqual(update.old_values, [{ v: 'a', n: 7, id: '1', _seq: insert.rows[0]._seq }]);
  assert.ok(seq(row) > seq(insert.rows[0]));

  await server.exec(`DELETE FROM ${t} WHERE id = 1`);
  const gone = await ws.next('change');
  assert.deepEqual(Object.keys(gone), ['type', 'subscription_id', 'change_type', 'old_values']);
  assert.deepEqual([gone.old_values[0].id, gone.old_values[0].v, gone.old_values[0]._deleted], ['1', 'b', true]);
  assert.ok(seq(gone.old_values[0]) > seq(row));

  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'again')`);
  assert.equal((await ws.next('change')).change_type, 'insert');
  await server.exec(`DELETE FROM ${t} WHERE id = 1; INSERT INTO ${t} (id, j) VALUES (2, '{"a":[1]}')`);
  assert.equal((await ws.next('change')).change_type, 'delete');
  assert.equal((await ws.next('change')).rows[0].j, '{"a":[1]}');
});

test('projections go for changes too', async () => {
  const t = await table({ columns: 'id BIGINT PRIMARY KEY, v TEXT, n INT' });
  await ws.load('s', `SELECT n FROM ${t}`, {});
  await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (1, 'a', 7)`);
  assert.deepEqual(Object.keys((await ws.next('change')).rows[0]), ['n', '_seq']);
  await server.exec(`UPDATE ${t} SET n = 8, v = 'b' WHERE id = 1`);
  const update = await ws.next('change');
  assert.deepEqual(Object.keys(update.rows[0]), ['n', 'id', '_seq']);
  assert.deepEqual(Object.keys(update.old_values[0]), ['n', 'id', '_seq']);
  await server.exec(`DELETE FROM ${t} WHERE id = 1`);
  assert.deepEqual(Object.keys((await ws.next('change')).old_values[0]), ['n', '_seq', '_deleted']);
});

test('a STREAM table inserts without _deleted and deletes by row_id', async () => {
  const t = await table({ kind: 'STREAM', more: ', TTL_SECONDS=3600' });
  const { ack } = await ws.load('s', `SELECT * FROM ${t}`, {});
  assert.deepEqual(ack.schema.map((f) => f.name), ['id', 'v', '_seq', '_deleted']);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'x')`);
  const insert = await ws.next('change');
  assert.deepEqual(Object.keys(insert.rows[0]), ['id', 'v', '_seq']);
  await server.exec(`DELETE FROM ${t} WHERE id = 1`);
  const gone = await ws.next('change');
  assert.deepEqual(gone.old_values, [{ row_id: `root:${insert.rows[0]._seq}` }]);
});

test('values of every type look as in SELECT', async () => {
  const t = await table({
    columns: 'id INT PRIMARY KEY, a BOOLEAN, b SMALLINT, c BIGINT, d FLOAT, e DOUBLE, f TEXT, g TIMESTAMP, h DATE, i TIME, j JSON, k BYTES, l UUID, m DECIMAL(10, 2)',
  });
  await ws.load('s', `SELECT * FROM ${t}`, {});
  await server.exec(`INSERT INTO ${t} (id, a, b, c, d, e, f, g, h, i, j, k, l, m) VALUES (1, true, -3, 9007199254740993, 1.5,
    2.25, 'ü\n"x', '2026-01-02T03:04:05.678Z', '2026-01-02', '03:04:05', '{"a": 1}', 'AQL/',
    '0190a5f0-7c3a-7e3b-8000-0123456789ab', 12.3)`);
  const live = (await ws.next('change')).rows[0];
  const [selected] = await server.rows(`SELECT * FROM ${t}`);
  assert.deepEqual(live, selected);
  assert.equal(live.c, '9007199254740993');
  assert.equal(live.m, '12.30');
});

test('a statement on many rows tells one message per row, in order', async () => {
  const t = await table();
  await ws.load('s', `SELECT * FROM ${t}`, {});
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await ws.next('change')).rows[0].id);
  assert.deepEqual(ids, ['1', '2', '3']);
  await server.exec(`UPDATE ${t} SET v = 'all' WHERE id > 0`);
  const updates = [await ws.next('change'), await ws.next('change'), await ws.next('change')];
  for (let i = 1; i < 3; i++) assert.ok(seq(updates[i].rows[0]) > seq(updates[i - 1].rows[0]));
});

// --- filters

test('a filter looks at the new row: entering is an update, leaving is silent', async () => {
  const t = await table({ columns: 'id BIGINT PRIMARY KEY, room TEXT, n INT' });
  await server.exec(`INSERT INTO ${t} (id, room, n) VALUES (1, 'a', 1), (2, 'b', 2)`);
  const { rows } = await ws.load('s', `SELECT * FROM ${t} WHERE room = 'a' AND n < 10`, {});
  assert.deepEqual(rows.map((r) => r.id), ['1']);
  await server.exec(`UPDATE ${t} SET room = 'a' WHERE id = 2`);
  const entered = await ws.next('change');
  assert.deepEqual([entered.change_type, entered.rows[0].id], ['update', '2']);
  await server.exec(`UPDATE ${t} SET n = 10 WHERE id = 1`);
  await server.exec(`DELETE FROM ${t} WHERE id = 1`);
  assert.deepEqual(await ws.settle(), []);
  await server.exec(`DELETE FROM ${t} WHERE id = 2`);
  assert.equal((await ws.next('change')).change_type, 'delete');
});

test('filters with all that SQL has, or refused', async () => {
  const t = await table({ columns: 'id BIGINT PRIMARY KEY, v TEXT, n INT' });
  const name = t.slice(4);
  const filters = {
    'v LIKE \'a%\' OR n IN (1, 2)': [true, true, false],
    'v IS NULL': [false, false, false],
    'v IS NOT NULL AND NOT (n BETWEEN 2 AND 5)': [true, false, false],
    "v ILIKE 'A_'": [true, false, false],
    'n + 1 > 2': [false, true, true],
    "upper(v) = 'B2'": [false, true, false],
    "CURRENT_USER() = 'root'": [true, true, true],
    [`app.${name}.n = 3`]: [false, false, true],
    [`${name}.N = 3`]: [false, false, true],
    'n = -1 OR id > 2': [false, false, true],
  };
  const sqls = Object.keys(filters);
  for (const [i, sql] of sqls.entries()) await ws.load(`f${i}`, `SELECT * FROM ${t} WHERE ${sql}`, {});
  await server.exec(`INSERT INTO ${t} (id, v, n) VALUES (1, 'a1', 1), (2, 'b2', 2), (3, 'c3', 3)`);
  const seen = sqls.map(() => [false, false, false]);
  for (const message of await ws.settle()) seen[Number(message.subscription_id.slice(1))][Number(message.rows[0].id) - 1] = true;
  for (const [i, sql] of sqls.entries()) assert.deepEqual(seen[i], filters[sql], sql);
  for (const [i] of sqls.entries()) ws.send({ type: 'unsubscribe', subscription_id: `f${i}` });

  for (const sql of ['id IN (SELECT 1)', 'nothing = 1', 'id', 'random() > 0.5', "v = CAST('x' AS INT)", 'sum(n) > 1']) {
    assert.match(await refused(ws, `SELECT * FROM ${t} WHERE ${sql}`), /^INVALID_SQL: Invalid SQL: /, sql);
  }
});

test('queries that are no subscription are refused with the contract\'s texts', async () => {
  const t = await table();
  const only = 'Only SELECT \\.\\.\\. FROM \\.\\.\\. \\[WHERE \\.\\.\\.\\] is supported\\.';
  const cases = {
    [`SELECT * FROM ${t} ORDER BY id`]: `Subscription query does not support ORDER BY\\. ${only}`,
    [`SELECT v FROM ${t} GROUP BY v`]: `Subscription query does not support GROUP BY\\. ${only}`,
    [`SELECT * FROM ${t} LIMIT 1`]: 'Subscription query supports only SELECT \\.\\.\\. FROM \\.\\.\\. \\[WHERE \\.\\.\\.\\]\\.',
    [`SELECT * FROM ${t}, ${t}`]: 'Subscription query requires exactly one table in the FROM clause\\.',
    [`SELECT * FROM ${t}; SELECT 1`]: 'Subscription query must contain exactly one SELECT statement',
    [`DELETE FROM ${t}`]: 'Only SELECT queries are supported for subscriptions',
    [`SELECT _seq FROM ${t}`]: "Subscription query cannot project system columns '_seq' or '_deleted'\\.",
    'SELECT * FROM t1': 'Query must use namespace\\.table format',
    [`SELECT nothing FROM ${t}`]: '.*nothing.*',
  };
  for (const [sql, text] of Object.entries(cases)) {
    assert.match(await refused(ws, sql), new RegExp(`^INVALID_SQL: Invalid SQL: ${text}$`), sql);
  }
  assert.equal(await refused(ws, 'SELECT * FROM app.nowhere'), 'NOT_FOUND: Not found: Table not found: app.nowhere');
  await server.exec(`CREATE VIEW app.seen AS SELECT * FROM ${t}`);
  assert.equal(await refused(ws, 'SELECT * FROM app.seen'), 'NOT_FOUND: Not found: Table not found: app.seen'); // a view is no table
  ws.subscribe('', `SELECT * FROM ${t}`, {});
  assert.deepEqual(await ws.next(), {
    type: 'error', subscription_id: 'invalid_subscription', code: 'INVALID_SUBSCRIPTION_ID', message: 'Subscription ID cannot be empty',
  });
  assert.equal(await refused(ws, 'SELECT * FROM system.users').then((s) => s.split(':')[0]), 'UNSUPPORTED');
});

// --- who sees what

test('USER and STREAM tables: one\'s own rows only', async () => {
  const mine = await table({ kind: 'USER' });
  const events = await table({ kind: 'STREAM', more: ', TTL_SECONDS=3600' });
  const [alice, bob] = [await server.user('alice'), await server.user('bob')];
  const [wa, wb] = [await connect(server, { token: alice.token }), await connect(server, { token: bob.token })];
  await server.exec(`INSERT INTO ${mine} (id, v) VALUES (1, 'before')`, { token: alice.token });
  const loaded = [await wa.load('s', `SELECT * FROM ${mine}`), await wb.load('s', `SELECT * FROM ${mine}`)];
  assert.deepEqual(loaded.map((l) => l.rows.length), [1, 0]);
  await wa.load('e', `SELECT * FROM ${events}`);
  await wb.load('e', `SELECT * FROM ${events}`);
  for (const [user, text] of [[alice, 'of alice'], [bob, 'of bob']]) {
    await server.exec(`INSERT INTO ${mine} (id, v) VALUES (2, '${text}')`, { token: user.token });
    await server.exec(`INSERT INTO ${events} (id, v) VALUES (2, '${text}')`, { token: user.token });
  }
  for (const [socket, text] of [[wa, 'of alice'], [wb, 'of bob']]) {
    const found = await socket.settle();
    assert.equal(found.length, 2);
    for (const message of found) assert.equal(message.rows[0].v, text);
  }
  await wa.close();
  await wb.close();
});

test('SHARED tables by access level and role', async () => {
  const users = { user: await server.user('u1'), service: await server.user('s1', 'service'), dba: await server.user('d1', 'dba') };
  const wanted = { public: ['user', 'service', 'dba'], private: ['service', 'dba'], restricted: ['service', 'dba'], dba: ['dba'] };
  for (const [level, roles] of Object.entries(wanted)) {
    const t = await table({ more: `, ACCESS_LEVEL='${level}'` });
    for (const [role, { token }] of Object.entries(users)) {
      const socket = await connect(server, { token });
      if (roles.includes(role)) {
        await socket.load('s', `SELECT * FROM ${t}`);
        await server.exec(`INSERT INTO ${t} (id, v) VALUES (${tables}${role.length}, 'x')`);
        assert.equal((await socket.next('change')).rows[0].v, 'x');
      } else {
        assert.match(await refused(socket, `SELECT * FROM ${t}`), /^UNAUTHORIZED: Permission denied: /, `${level} ${role}`);
      }
      await socket.close();
    }
  }
  const socket = await connect(server, { token: users.user.token });
  assert.match(await refused(socket, 'SELECT * FROM system.users'), /^UNAUTHORIZED: Permission denied: /);
  await socket.close();
});

test('a table that becomes private ends the subscriptions that may not see it', async () => {
  const t = await table({ more: ", ACCESS_LEVEL='public'" });
  const { token } = await server.user('u2');
  const socket = await connect(server, { token });
  await socket.load('s', `SELECT * FROM ${t}`);
  await server.exec(`ALTER TABLE ${t} SET ACCESS LEVEL private`);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'secret')`);
  const error = await socket.next('error');
  assert.equal(error.code, 'UNAUTHORIZED');
  assert.deepEqual(await socket.settle(), []);
  await socket.close();
});

// --- DDL, system.live

test('ALTER TABLE binds subscriptions again, or tells them', async () => {
  const t = await table();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a')`);
  await ws.load('all', `SELECT * FROM ${t}`, {});
  await ws.load('v', `SELECT id FROM ${t} WHERE v = 'a'`, {});
  await server.exec(`ALTER TABLE ${t} ADD COLUMN extra TEXT DEFAULT 'x'`);
  await server.exec(`UPDATE ${t} SET extra = 'y' WHERE id = 1`);
  const found = await ws.settle();
  assert.deepEqual(found.map((m) => [m.subscription_id, m.rows[0].extra]).sort(), [['all', 'y'], ['v', undefined]]);
  await server.exec(`ALTER TABLE ${t} DROP COLUMN v`);
  const error = await ws.next('error');
  assert.deepEqual([error.subscription_id, error.code], ['v', 'INVALID_SQL']);
  await server.exec(`INSERT INTO ${t} (id) VALUES (2)`);
  assert.deepEqual(Object.keys((await ws.next('change')).rows[0]).slice(0, 2), ['id', 'extra']);
});

test('DROP TABLE tells its subscribers, and a new table of that name is another one', async () => {
  const t = await table();
  await ws.load('s', `SELECT * FROM ${t}`, {});
  await server.exec(`DROP TABLE ${t}`);
  const error = await ws.next('error');
  assert.deepEqual([error.subscription_id, error.code], ['s', 'NOT_FOUND']);
  await server.exec(`CREATE TABLE ${t} (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE='SHARED')`);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a')`);
  assert.deepEqual(await ws.settle(), []);
});

test('unsubscribe and replacing end the stream; unknown ids are passed over', async () => {
  const t = await table();
  const [live] = [await ws.load('s', `SELECT * FROM ${t}`, {})];
  assert.equal(live.rows.length, 0);
  await ws.load('s', `SELECT * FROM ${t} WHERE id > 5`, {}); // replaces
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a')`);
  assert.deepEqual(await ws.settle(), []);
  const [row] = await server.rows(`SELECT live_id FROM system.live WHERE table_name = '${t.slice(4)}'`);
  ws.send({ type: 'unsubscribe', subscription_id: 'nobody' });
  ws.send({ type: 'unsubscribe', subscription_id: row.live_id });
  await ws.settle();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (6, 'a')`);
  assert.deepEqual(await ws.settle(), []);
  ws.send({ type: 'next_batch', subscription_id: 'nobody', last_seq_id: null });
  assert.equal((await ws.next('error')).code, 'BATCH_FETCH_FAILED');
});

test('system.live lists subscriptions, KILL LIVE QUERY ends one', async () => {
  const t = await table();
  const socket = await connect(server);
  await socket.load('k1', `SELECT * FROM ${t} WHERE id > 0`, { batch_size: 7 });
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a')`);
  await socket.next('change');
  const [row] = await server.rows(`SELECT * FROM system.live WHERE subscription_id = 'k1'`);
  assert.equal(row.live_id, `root-${row.connection_id}-k1`);
  assert.deepEqual(
    [row.namespace_id, row.table_name, row.user_id, row.query, row.options, row.status, row.changes],
    ['app', t.slice(4), 'root', `SELECT * FROM ${t} WHERE id > 0`, '{"batch_size":7}', 'active', '1'],
  );
  await server.exec(`KILL LIVE QUERY '${row.live_id}'`);
  assert.equal((await socket.next('error')).subscription_id, 'k1');
  const again = await server.sql(`KILL LIVE QUERY '${row.live_id}'`);
  assert.notEqual(again.status, 200);
  await socket.load('k2', `SELECT * FROM ${t}`);
  socket.destroy(); // without a word
  await eventually(async () => (await server.rows(`SELECT * FROM system.live WHERE subscription_id = 'k2'`)).length === 0,
    'the end of a subscription whose socket is gone');
});

test('a filter that fails on a row ends alone', async () => {
  const t = await table();
  const other = await connect(server);
  await ws.load('poison', `SELECT * FROM ${t} WHERE id + 9223372036854775800 > 0`, {});
  await other.load('s', `SELECT * FROM ${t}`, {});
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'a')`);
  assert.equal((await ws.next('change')).rows[0].id, '1');
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (100, 'overflows')`);
  const error = await ws.next('error');
  assert.deepEqual([error.subscription_id, error.code], ['poison', 'SUBSCRIPTION_FAILED']);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (2, 'b')`);
  assert.deepEqual(await ws.settle(), []);
  assert.deepEqual((await other.settle()).map((m) => m.rows[0].id), ['1', '100', '2']);
  await other.close();
});

test('a row that JSON cannot say is not written, and subscriptions go on', async () => {
  const t = await table({ columns: 'id BIGINT PRIMARY KEY, d DOUBLE' });
  await ws.load('s', `SELECT * FROM ${t}`, {});
  const reply = await server.sql(`INSERT INTO ${t} (id, d) VALUES (1, 1e308 * 10)`);
  assert.match(reply.body.error.message, /NaN and infinity cannot be kept/);
  await server.exec(`INSERT INTO ${t} (id, d) VALUES (2, 2.5)`);
  assert.deepEqual((await ws.settle()).map((m) => [m.code, m.rows[0].id]), [[undefined, '2']]);
  ws.send({ type: 'unsubscribe', subscription_id: 's' });
});

test('two tiers: loads read both, events do not care', async () => {
  const t = await table();
  const live = new LiveRows();
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (1, 'cold'), (2, 'cold'), (3, 'cold')`);
  await server.exec(`STORAGE FLUSH TABLE ${t}`);
  await eventually(async () => (await server.rows(
    `SELECT status FROM system.jobs WHERE job_type = 'flush' AND status = 'completed'`)).length > 0, 'the flush');
  await server.exec(`UPDATE ${t} SET v = 'hot' WHERE id = 2`);
  await server.exec(`INSERT INTO ${t} (id, v) VALUES (4, 'hot')`);
  const { rows } = await ws.load('s', `SELECT * FROM ${t}`, {});
  for (const row of rows) live.take({ type: 'initial_data_batch', rows: [row] });
  assert.deepEqual(live.show(['id', 'v']), [['1', 'cold'], ['2', 'hot'], ['3', 'cold'], ['4', 'hot']]);
  const newest = await ws.load('n', `SELECT * FROM ${t}`, { last_rows: 3 });
  assert.deepEqual(newest.rows.map((r) => r.id), ['3', '2', '4']);
  await server.exec(`UPDATE ${t} SET v = 'warmed' WHERE id = 1`);
  const update = await ws.until((m) => m.subscription_id === 's');
  assert.deepEqual(update.old_values[0].v, 'cold');
  await server.exec(`DELETE FROM ${t} WHERE id = 3`);
  const gone = await ws.until((m) => m.subscription_id === 's');
  assert.deepEqual([gone.change_type, gone.old_values[0].v], ['delete', 'cold']);
  await ws.settle();
});
