// tests/api/types_test.mjs -- Goal: every edge value of every column type is the same value wherever it goes: literal or parameter
// in, hot read, live event, flush, cold read, comparison, UPDATE, DEFAULT, key. Method: one generated test per type; a table per
// type holds each edge once by literal and once by parameter, and is asked in both tiers, by key and through the SQL engine.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
before(async () => {
  server = await startServer();
  server.token = (await server.login()).token;
  await server.exec('CREATE NAMESPACE app');
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const US = (iso) => Date.parse(iso) * 1000;
const DAYS = (iso) => Date.parse(`${iso}T00:00:00Z`) / 86400000;
const bytes = (hex) => [...Buffer.from(hex, 'hex')];
const nines = (n) => '9'.repeat(n);
const LONG = 'lång '.repeat(30000);

// An edge: [the literal or parameter as a text, the cell as JSON, the literal when it is no quoted text]
const number = (text, json) => [text, json, text];
const texts = (...all) => all.map((t) => [t, t]);
const TIMESTAMPS = [
  ['1970-01-01T00:00:00Z', 0],
  ['1970-01-01 00:00:00.000001', 1],
  ['1969-12-31T23:59:59.999999Z', -1],
  ['2026-04-30T12:00:00.000Z', US('2026-04-30T12:00:00Z')],
  ['2026-04-30T12:00:00', US('2026-04-30T12:00:00Z')],
  ['2026-04-30 12:00', US('2026-04-30T12:00:00Z')],
  ['2026-04-30', US('2026-04-30T00:00:00Z')],
  ['2026-04-30T12:00:00+02:00', US('2026-04-30T10:00:00Z')],
  ['2026-04-30 12:00:00.5-05:30', US('2026-04-30T17:30:00.500Z')],
  ['2026-01-01T00:30:00+01', US('2025-12-31T23:30:00Z')],
  ['2024-02-29T23:59:59.123456Z', US('2024-02-29T23:59:59Z') + 123456],
  ['0001-01-01 00:00:00', -62135596800000000],
  ['9999-12-31T23:59:59.999999', 253402300799999999],
];
const NOT_TIMESTAMPS = ['', 'now', '2026-02-29', '2026-13-01', '2026-04-30T24:00:00', '2026-04-30T12:60:00', '2026-4-3', '2026-04-30T12:00:00+25:00', '10000-01-01'];

// `key`: it may be a primary key. `same`: edges that are equal to each other. `bad`: texts that are refused.
const TYPES = [
  { sql: 'BOOLEAN', wire: 'Boolean', key: true, edges: [['true', true, 'TRUE'], ['false', false, 'false']], bad: ['maybe', '2', ''] },
  { sql: 'SMALLINT', wire: 'SmallInt', key: true, edges: [number('0', 0), number('-32768', -32768), number('32767', 32767)], bad: ['32768', '-32769', '1.5', 'x', ''] },
  { sql: 'INT', wire: 'Int', key: true, edges: [number('0', 0), number('-2147483648', -2147483648), number('2147483647', 2147483647)], bad: ['2147483648', '-2147483649', '0.1', 'x', ''] },
  {
    sql: 'BIGINT', wire: 'BigInt', key: true,
    edges: ['0', '-1', '9007199254740993', '-9007199254740993', '9223372036854775807', '-9223372036854775808'].map((n) => number(n, n)),
    bad: ['9223372036854775808', '-9223372036854775809', '0.5', 'x', ''],
  },
  {
    sql: 'FLOAT', wire: 'Float', key: true,
    edges: [number('0', 0), number('-1.5', -1.5), number('0.1', 0.1), number('16777216', 16777216), number('3.4028234e38', 3.4028235e38), number('-1.401298464324817e-45', -1e-45)], // as short as a FLOAT needs
    bad: ['3.5e38', 'NaN', 'inf', 'x', ''],
    isRounded: true,
  },
  {
    sql: 'DOUBLE', wire: 'Double', key: true,
    edges: [number('0', 0), number('0.1', 0.1), number('-1.7976931348623157e308', -1.7976931348623157e308), number('5e-324', 5e-324), number('9007199254740992', 9007199254740992), number('1e22', 1e22)],
    bad: ['1e309', 'NaN', '-inf', 'x', ''],
    isRounded: true,
  },
  {
    sql: 'TEXT', wire: 'Text', key: true,
    edges: texts('a', '', ' spaces ', "it's", '"quoted" \\back\\', 'ünïcödé 漢字 🦆', 'line\nbreak\ttab', 'NULL', '0', 'e\u0301', '\u00e9', 'A'),
    bad: [],
  },
  { sql: 'TEXT', name: 'longtext', wire: 'Text', edges: [[LONG, LONG]], bad: [] },
  { sql: 'TIMESTAMP', wire: 'Timestamp', edges: TIMESTAMPS, bad: NOT_TIMESTAMPS },
  { sql: 'DATETIME', wire: 'DateTime', edges: TIMESTAMPS, bad: NOT_TIMESTAMPS },
  { sql: 'TIMESTAMP', name: 'timekey', wire: 'Timestamp', key: true, edges: [TIMESTAMPS[0], TIMESTAMPS[2], TIMESTAMPS[7], TIMESTAMPS[11], TIMESTAMPS[12]], bad: [] },
  {
    sql: 'DATE', wire: 'Date', key: true,
    edges: [['1970-01-01', 0], ['1969-12-31', -1], ['2024-02-29', DAYS('2024-02-29')], ['0001-01-01', -719162], ['9999-12-31', 2932896]],
    bad: ['2026-02-29', '2026-1-1', 'today', '', '2026-04-30T12:00:00'],
  },
  {
    sql: 'TIME', wire: 'Time', key: true,
    edges: [['00:00:00', 0], ['23:59:59.999999', 86399999999], ['12:30', 45000000000], ['01:02:03.4', 3723400000]],
    bad: ['24:00:00', '12:60', 'noon', '', '1:2:3'],
  },
  {
    sql: 'JSON', wire: 'Json',
    edges: texts('{}', '[]', 'null', '"text"', '17', 'true', '{"a": {"b": [1, 2.5, "x", null]}}', '{"big":123456789012345678901234567890}', '"\\u00e9\\ud83e\\udd86"', ' [ 1 ] ', '"漢字"'),
    bad: ['', '{', 'text', '{"a":1} 2', "{'a':1}"],
  },
  {
    sql: 'BYTES', wire: 'Bytes', key: true,
    edges: [['\\x00', [0]], ['\\xdeadBEEF', bytes('deadbeef')], ['\\x', []], ['plain', bytes('706c61696e')], ['ü', bytes('c3bc')], ['\\x00ff00ff', bytes('00ff00ff')]],
    bad: ['\\xabc', '\\xzz'],
  },
  {
    sql: 'UUID', wire: 'Uuid', key: true,
    edges: [['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000'], ['FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'ffffffff-ffff-ffff-ffff-ffffffffffff'], ['0195b0c4-7a1e-7c3f-8b2a-1234567890ab', '0195b0c4-7a1e-7c3f-8b2a-1234567890ab']],
    bad: ['', '0195b0c4', 'zzzzzzzz-0000-0000-0000-000000000000', '00000000-0000-0000-0000-0000000000000'],
  },
  {
    sql: 'DECIMAL(38, 0)', name: 'decimal38', wire: { Decimal: { precision: 38, scale: 0 } }, key: true,
    edges: [number('0', '0'), number(nines(38), nines(38)), number(`-${nines(38)}`, `-${nines(38)}`), number('1', '1')],
    bad: [`1${'0'.repeat(38)}`, '0.5', 'x', ''],
  },
  {
    sql: 'DECIMAL(38, 38)', name: 'decimal3838', wire: { Decimal: { precision: 38, scale: 38 } }, key: true,
    edges: [number('0', `0.${'0'.repeat(38)}`), number(`0.${nines(38)}`, `0.${nines(38)}`), number(`-0.${'0'.repeat(37)}1`, `-0.${'0'.repeat(37)}1`)],
    bad: ['1', `0.${'0'.repeat(38)}1`],
    isRounded: true, // 0.(38 digits) is a DOUBLE to the SQL engine
  },
  {
    sql: 'DECIMAL(18, 4)', name: 'decimal184', wire: { Decimal: { precision: 18, scale: 4 } }, key: true,
    edges: [number('0.1', '0.1000'), number('-0.5', '-0.5000'), number('99999999999999.9999', '99999999999999.9999'), number('-99999999999999.9999', '-99999999999999.9999'), number('12', '12.0000')],
    bad: ['100000000000000', '0.00001', '1e15', 'x', ''],
  },
  { sql: 'NUMERIC(5, 2)', name: 'numeric', wire: { Decimal: { precision: 5, scale: 2 } }, edges: [number('999.99', '999.99'), number('-0.01', '-0.01')], bad: ['1000', '0.001'] },
  {
    sql: 'EMBEDDING(3)', name: 'embedding', wire: { Embedding: 3 },
    edges: [['[0, 0, 0]', [0, 0, 0]], ['[1.5, -2, 3e2]', [1.5, -2, 300]], ['[0.1,0.2,0.3]', [0.1, 0.2, 0.3]], ['[3.4028234e38, -3.4028234e38, 1e-45]', [3.4028235e38, -3.4028235e38, 1e-45]]],
    bad: ['[1, 2]', '[1, 2, 3, 4]', '[]', '[1, 2, "x"]', '[1, 2, null]', 'x', '[1e39, 0, 0]'],
  },
];

const nameOf = (type) => type.name ?? type.sql.toLowerCase();
const literalOf = ([text, , literal]) => literal ?? quote(text);
const isComparable = (type) => !/JSON|EMBEDDING/.test(type.sql);

async function flush(table) {
  await server.exec(`STORAGE FLUSH TABLE ${table}`);
  await eventually(async () => (await server.rows("SELECT job_id FROM system.jobs WHERE status IN ('new', 'queued', 'running', 'retrying')")).length === 0, 'the flush');
  const [stats] = await server.rows(`SHOW STATS FOR TABLE ${table}`);
  assert.notEqual(stats.flushed_segments, '0', 'it went to the cold tier');
}

// The rows, by the fast path and by the SQL engine; both say the same as `wanted` ([id, v] each).
async function expectRows(table, wanted, where) {
  const reply = await server.sql(`SELECT id, v FROM ${table} ORDER BY id LIMIT 1000`);
  assert.equal(reply.status, 200, reply.text.slice(0, 500));
  assert.deepEqual(reply.body.results[0].rows, wanted, `${where}, the whole table`);
  for (const [id, v] of wanted) {
    const [row] = await server.rows(`SELECT id, v FROM ${table} WHERE id = ${id}`);
    assert.deepEqual(row, { id, v }, `${where}, by key`);
  }
}

async function expectComparisons(type, table, where) {
  for (const [k, edge] of type.edges.entries()) {
    const equal = type.edges.flatMap((e, i) => (JSON.stringify(e[1]) === JSON.stringify(edge[1]) ? [String(i), String(1000 + i)] : []));
    equal.sort((a, b) => Number(a) - Number(b));
    for (const [text, params] of [[literalOf(edge), undefined], ['$1', [edge[0]]]]) {
      if (type.isRounded && text !== '$1') continue; // 0.1 is a DOUBLE beside a FLOAT
      const rows = await server.rows(`SELECT id FROM ${table} WHERE v = ${text} ORDER BY id LIMIT 1000`, { params });
      assert.deepEqual(rows.map((r) => r.id), equal, `${where}: v = ${params ? JSON.stringify(params) : text} (edge ${k})`);
    }
  }
}

for (const type of TYPES) {
  const name = nameOf(type);
  const table = `app.t_${name}`;
  test(`${type.sql} (${name}): every edge, every way`, async () => {
    const first = type.edges[0];
    const ws = (await connect(server)).stayAlive();
    await server.exec(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, v ${type.sql}, w ${type.sql} DEFAULT ${literalOf(first)}) WITH (TYPE = 'SHARED')`);
    ws.subscribe(name, `SELECT * FROM ${table}`);
    await ws.next('subscription_ack');

    // in, and out as live events
    const wanted = [];
    for (const [i, edge] of type.edges.entries()) {
      await server.exec(`INSERT INTO ${table} (id, v) VALUES (${i}, ${literalOf(edge)})`);
      await server.exec(`INSERT INTO ${table} (id, v) VALUES ($1, $2)`, { params: [1000 + i, edge[0]] });
      for (const id of [i, 1000 + i]) {
        const { change_type, rows } = await ws.next('change');
        assert.equal(change_type, 'insert');
        assert.deepEqual([rows[0].id, rows[0].v, rows[0].w], [String(id), edge[1], first[1]], 'the live event');
        wanted.push([String(id), edge[1]]);
      }
    }
    wanted.push(['2000', null]);
    await server.exec(`INSERT INTO ${table} (id, v) VALUES (2000, NULL)`);
    assert.equal((await ws.next('change')).rows[0].v, null);
    wanted.sort((a, b) => Number(a[0]) - Number(b[0]));

    // what does not fit is refused, and nothing is written
    for (const text of type.bad) {
      const reply = await server.sql(`INSERT INTO ${table} (id, v) VALUES (5000, $1)`, { params: [text] });
      assert.equal(reply.status, 400, `${JSON.stringify(text)} must be refused: ${reply.text.slice(0, 200)}`);
      assert.match(reply.body.error.message, /Schema coercion failed/);
    }

    const { body } = await server.sql(`SELECT v, w FROM ${table} WHERE id = 0`);
    assert.deepEqual(body.results[0].schema[0].data_type, type.wire);
    await expectRows(table, wanted, 'hot');
    if (isComparable(type)) await expectComparisons(type, table, 'hot');
    await flush(table);
    await expectRows(table, wanted, 'cold');
    if (isComparable(type)) await expectComparisons(type, table, 'cold');
    const defaults = await server.rows(`SELECT w FROM ${table} LIMIT 1000`);
    assert.ok(defaults.every((r) => JSON.stringify(r.w) === JSON.stringify(first[1])), 'the default, cold');
    assert.deepEqual((await server.rows(`SELECT id FROM ${table} WHERE v IS NULL`)).map((r) => r.id), ['2000']);

    // UPDATE of cold rows, by key and by a condition; of both tiers; no change is no update
    const last = type.edges.at(-1);
    const changed = await server.exec(`UPDATE ${table} SET v = ${literalOf(last)} WHERE id = 2000`);
    assert.equal(changed.row_count, 1);
    const event = await ws.next('change');
    assert.deepEqual([event.change_type, event.rows[0].v, event.old_values[0].v ?? null], ['update', last[1], null]);
    assert.equal((await server.exec(`UPDATE ${table} SET v = $1 WHERE id = 2000`, { params: [last[0]] })).row_count, 0, 'the same again');
    assert.equal((await server.exec(`UPDATE ${table} SET w = v WHERE id >= 1000 AND id < 2000`)).row_count,
      type.edges.filter((e) => JSON.stringify(e[1]) !== JSON.stringify(first[1])).length);
    for (const edge of type.edges) if (JSON.stringify(edge[1]) !== JSON.stringify(first[1])) await ws.next('change');
    const copies = await server.rows(`SELECT v, w FROM ${table} WHERE id >= 1000 AND id < 2000 ORDER BY id LIMIT 1000`);
    assert.deepEqual(copies.map((r) => r.w), type.edges.map((e) => e[1]));
    await server.exec(`DELETE FROM ${table} WHERE id = 2000`);
    const gone = await ws.next('change');
    assert.deepEqual([gone.change_type, gone.old_values[0].v], ['delete', last[1]]);
    await ws.close();
  });

  if (!type.key) continue;
  test(`${type.sql} (${name}) as a key`, async () => {
    const keyed = `app.k_${name}`;
    await server.exec(`CREATE TABLE ${keyed} (k ${type.sql} PRIMARY KEY, n INT) WITH (TYPE = 'SHARED')`);
    for (const [i, edge] of type.edges.entries()) await server.exec(`INSERT INTO ${keyed} VALUES (${literalOf(edge)}, ${i})`);
    const check = async (where) => {
      for (const [i, edge] of type.edges.entries()) {
        const found = [await server.rows(`SELECT k, n FROM ${keyed} WHERE k = $1`, { params: [edge[0]] })];
        if (!type.isRounded) found.push(await server.rows(`SELECT k, n FROM ${keyed} WHERE k = ${literalOf(edge)}`)); // 0.1 is a DOUBLE
        for (const rows of found) assert.deepEqual(rows, [{ k: edge[1], n: i }], `${where}: k = ${edge[0]}`);
        const again = await server.sql(`INSERT INTO ${keyed} VALUES (${literalOf(edge)}, -1)`);
        assert.match(again.body.error?.message ?? '', /Primary key violation/, `${where}: ${edge[0]} again`);
      }
    };
    await check('hot');
    const hot = await server.rows(`SELECT n FROM ${keyed} ORDER BY k`);
    await flush(keyed);
    await check('cold');
    assert.deepEqual(await server.rows(`SELECT n FROM ${keyed} ORDER BY k`), hot, 'the order of both tiers');
    assert.equal((await server.exec(`UPDATE ${keyed} SET n = 100 WHERE k = $1`, { params: [type.edges[0][0]] })).row_count, 1);
    assert.equal((await server.exec(`DELETE FROM ${keyed} WHERE k = ${literalOf(type.edges.at(-1))}`)).row_count, 1);
    assert.equal((await server.rows(`SELECT k FROM ${keyed}`)).length, type.edges.length - 1);
  });
}

// How two cells of an ordered type stand to each other.
function compareCells(type, a, b) {
  const integerOf = (cell) => BigInt(String(cell).replace('.', '')); // of DECIMAL: all have the scale of the column
  if (/BIGINT|DECIMAL|NUMERIC/.test(type.sql)) return integerOf(a) < integerOf(b) ? -1 : Number(integerOf(a) > integerOf(b));
  if (/TEXT/.test(type.sql)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (/BYTES/.test(type.sql)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

for (const type of TYPES.filter((t) => isComparable(t) && t.name !== 'longtext' && t.name !== 'timekey')) {
  const table = `app.c_${nameOf(type)}`;
  const edges = type.edges;
  const count = edges.length;
  const idsWhere = (holds) => [0, 100].flatMap((base) => edges.flatMap((e, i) => (holds((k) => compareCells(type, e[1], edges[k][1])) ? [String(base + i)] : [])));

  test(`${type.sql} (${nameOf(type)}): every comparison over both tiers, by literal and by parameter`, async () => {
    await server.exec(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, v ${type.sql}) WITH (TYPE = 'SHARED')`);
    await server.exec(`INSERT INTO ${table} VALUES ${edges.map((e, i) => `(${i}, ${literalOf(e)})`).join(', ')}, (50, NULL)`);
    await flush(table);
    await server.exec(`INSERT INTO ${table} SELECT id + 100, v FROM ${table} WHERE id < 50`); // hot, by the SQL engine

    const ask = async (k, where, holds, others = []) => {
      const wanted = idsWhere(holds);
      const texts = [k, ...others].map((i) => edges[i]);
      const forms = [[where.replace(/\$(\d)/g, (_, n) => literalOf(texts[n - 1])), undefined], [where, texts.map((e) => e[0])]];
      for (const [condition, params] of type.isRounded ? forms.slice(1) : forms) { // 0.1 is a DOUBLE beside a FLOAT
        const rows = await server.rows(`SELECT id FROM ${table} WHERE ${condition} ORDER BY id LIMIT 1000`, { params });
        assert.deepEqual(rows.map((r) => r.id), wanted, `${condition} ${JSON.stringify(params ?? '')} (edge ${k})`);
      }
    };
    for (let k = 0; k < count; k++) {
      await ask(k, 'v < $1', (to) => to(k) < 0);
      await ask(k, 'v >= $1', (to) => to(k) >= 0);
      await ask(k, 'v <> $1', (to) => to(k) !== 0);
      const last = count - 1;
      await ask(k, 'v IN ($1, $2)', (to) => to(k) === 0 || to(last) === 0, [last]);
      await ask(k, 'v NOT BETWEEN $1 AND $2', (to) => to(k) < 0 || to(0) > 0, [0]);
    }
    const order = idsWhere(() => true).sort((a, b) => compareCells(type, edges[a % 100][1], edges[b % 100][1]) || a - b);
    const ordered = async (by) => (await server.rows(`SELECT id FROM ${table} WHERE id <> 50 ORDER BY ${by} LIMIT 1000`)).map((r) => r.id);
    assert.deepEqual(await ordered('v, id'), order);
    assert.deepEqual(await ordered('v DESC, id DESC'), order.toReversed());

    // EXCLUDED and a subquery carry each value on, also where the row is cold
    const cells = edges.map((e) => e[1]);
    const cellsAt = async (from) => (await server.rows(`SELECT v FROM ${table} WHERE id >= ${from} AND id < ${from + 50} ORDER BY id LIMIT 1000`)).map((r) => r.v);
    await server.exec(`INSERT INTO ${table} SELECT id + 200, NULL FROM ${table} WHERE id < 50`);
    await server.exec(`INSERT INTO ${table} VALUES ${edges.map((e, i) => `(${200 + i}, ${literalOf(e)})`).join(', ')} ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v`);
    assert.deepEqual(await cellsAt(200), cells, 'EXCLUDED');
    await server.exec(`UPDATE ${table} SET v = NULL WHERE id < 50`);
    await server.exec(`UPDATE ${table} SET v = (SELECT o.v FROM ${table} o WHERE o.id = ${table.slice(4)}.id + 100) WHERE id < 50`);
    assert.deepEqual(await cellsAt(0), [...cells], 'a subquery');
    const given = await server.exec(`DELETE FROM ${table} WHERE id >= 100 AND id < 150 RETURNING id, v`);
    assert.deepEqual(given.rows.sort((a, b) => a[0] - b[0]).map((r) => r[1]), cells, 'RETURNING');
  });

  test(`${type.sql} (${nameOf(type)}): a live filter lets through what WHERE does`, async () => {
    const live = `${table}_live`;
    const ws = (await connect(server)).stayAlive();
    await server.exec(`CREATE TABLE ${live} (id BIGINT PRIMARY KEY, v ${type.sql}) WITH (TYPE = 'SHARED')`);
    const picks = [0, count >> 1, count - 1];
    for (const k of picks) {
      const literal = type.isRounded ? quote(edges[k][0]) : literalOf(edges[k]);
      ws.subscribe(`eq${k}`, `SELECT * FROM ${live} WHERE v = ${literal}`);
      await ws.next('subscription_ack');
    }
    for (const [i, e] of edges.entries()) await server.exec(`INSERT INTO ${live} VALUES (${i}, $1)`, { params: [e[0]] });
    const seen = new Map(picks.map((k) => [k, []]));
    const total = [...new Set(picks)].reduce((sum, k) => sum + edges.filter((e) => compareCells(type, e[1], edges[k][1]) === 0).length, 0);
    for (let n = 0; n < total; n++) {
      const event = await ws.next('change');
      seen.get(Number(event.subscription_id.slice(2))).push(Number(event.rows[0].id));
    }
    for (const k of picks) assert.deepEqual(seen.get(k), edges.flatMap((e, i) => (compareCells(type, e[1], edges[k][1]) === 0 ? [i] : [])), `v = edge ${k}`);
    assert.deepEqual(await ws.settle(), []);
    await ws.close();
  });
}

test('the same instant in other offsets is the same row in a live filter and in a WHERE', async () => {
  await server.exec('CREATE TABLE app.offsets (id BIGINT PRIMARY KEY, at TIMESTAMP)');
  const ws = (await connect(server)).stayAlive();
  ws.subscribe('offsets', "SELECT * FROM app.offsets WHERE at = '2026-04-30T12:00:00+02:00'");
  await ws.next('subscription_ack');
  await server.exec("INSERT INTO app.offsets VALUES (1, '2026-04-30T10:00:00Z'), (2, '2026-04-30T12:00:00Z')");
  assert.equal((await ws.next('change')).rows[0].id, '1');
  assert.deepEqual(await ws.settle(), []);
  for (const text of ['2026-04-30T12:00:00+02:00', '2026-04-30 10:00:00', '2026-04-30T05:00-05:00', '2026-04-30 10:00:00Z']) {
    assert.deepEqual(await server.rows(`SELECT id FROM app.offsets WHERE "at" = '${text}'`), [{ id: '1' }], text);
    assert.deepEqual(await server.rows('SELECT id FROM app.offsets WHERE "at" = $1', { params: [text] }), [{ id: '1' }], text);
    assert.deepEqual(await server.rows(`SELECT CAST('${text}' AS TIMESTAMP) AS t`), [{ t: US('2026-04-30T10:00:00Z') }], text);
  }
  await ws.close();
});

test('what a statement computes and no column can hold is refused; the table stays readable', async () => {
  await server.exec('CREATE TABLE app.computed (id BIGINT PRIMARY KEY, f FLOAT, d DOUBLE, t TIME, day DATE, at TIMESTAMP, e EMBEDDING(2))');
  await server.exec("INSERT INTO app.computed VALUES (1, 1e38, 1e308, '23:00', '2026-01-01', '2026-01-01', '[1, 2]')");
  for (const [column, made] of [['d', "CAST('NaN' AS DOUBLE)"], ['d', "CAST('-inf' AS DOUBLE)"], ['f', "CAST('NaN' AS FLOAT)"],
    ['t', "TIME '24:00:00'"], ['day', "CAST('infinity' AS DATE)"], ['day', "CAST('-infinity' AS DATE)"],
    ['at', "CAST(DATE '5881580-01-01' AS TIMESTAMP)"], ['e', "CAST([CAST('NaN' AS FLOAT), 1] AS FLOAT[2])"]]) {
    for (const sql of [`INSERT INTO app.computed (id, ${column}) SELECT 2, ${made}`, `INSERT INTO app.computed (id, ${column}) VALUES (2, (SELECT ${made}))`,
      `UPDATE app.computed SET ${column} = (SELECT ${made}) WHERE id = 1`, `UPDATE app.computed SET ${column} = (SELECT ${made}) WHERE id > 0`]) {
      assert.equal((await server.sql(sql)).status, 400, sql);
    }
  }
  for (const sql of ['UPDATE app.computed SET d = d * 10 WHERE id = 1', 'UPDATE app.computed SET d = d * 10 WHERE d > 0', 'UPDATE app.computed SET f = f * 10 WHERE id = 1']) {
    const reply = await server.sql(sql);
    assert.match(reply.body.error?.message ?? reply.text, /Schema coercion failed/, sql);
  }
  for (const [column, value] of [['at', '9223372036854775807'], ['at', '-9223372036854775807'], ['day', '2147483647'], ['day', '-2147483647']]) {
    const reply = await server.sql(`INSERT INTO app.computed (id, ${column}) VALUES (3, ${value})`); // infinities to the SQL engine
    assert.match(reply.body.error?.message ?? reply.text, /Schema coercion failed: column '\w+': .* out of range/, value);
  }
  assert.deepEqual(await server.rows('SELECT id, f, d, t, day, "at", e FROM app.computed'),
    [{ id: '1', f: 1e38, d: 1e308, t: 82800000000, day: DAYS('2026-01-01'), at: US('2026-01-01T00:00:00Z'), e: [1, 2] }]);
});
