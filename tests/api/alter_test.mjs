// tests/api/alter_test.mjs -- Goal: rows of every schema version read as the newest one has them, wherever they lie, and ALTER races
// nothing out of order. Method: a model of columns by identity walks through more than 20 versions beside the server, which is asked
// hot, mixed, cold, compacted and restarted; then ALTER, INSERT, flush and SELECT at once. What is refused: tests/sql/alter_table.test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './harness.mjs';

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

const storage = async (verb, table) => {
  await server.exec(`STORAGE ${verb} TABLE ${table}`);
  await server.jobsDone();
};

// --- the model: a column is an object, whatever its name; rows are maps from columns to cells

class Model {
  constructor(table) {
    this.table = table;
    this.columns = [
      { name: 'id', type: 'BIGINT' },
      { name: 'a', type: 'SMALLINT', default: null },
      { name: 'b', type: 'TEXT', default: 'b0' },
    ];
    this.rows = [];
    this.version = 1;
    this.changes = [];
  }
  find(name) { return this.columns.find((c) => c.name === name); }
  async alter(text, change) {
    const { message } = await server.exec(`ALTER TABLE ${this.table} ${text}`);
    change();
    this.version++;
    assert.equal(message, `Table ${this.table} altered successfully: ${this.describe(text)} (version ${this.version})`);
  }
  describe(text) { return text.replaceAll(/ NOT NULL| DEFAULT \S+/g, (m, at, all) => (/(SET|DROP)$/.test(all.slice(0, at)) ? m : '')); }
  // What rows of older versions show: nothing, or the default of a NOT NULL column, fixed now.
  add({ isNull = true, ...column }) {
    this.columns.push(column);
    if (!isNull) for (const row of this.rows) row.set(column, column.default);
  }
  async insert(values = {}) {
    const id = this.rows.length + 1;
    const row = new Map([[this.columns[0], String(id)]]);
    const given = Object.entries(values);
    await server.exec(`INSERT INTO ${this.table} (${['id', ...given.map(([n]) => n)]}) VALUES (${[id, ...given.map(([, v]) => (typeof v === 'string' ? `'${v}'` : v))]})`);
    for (const c of this.columns.slice(1)) {
      const value = c.name in values ? values[c.name] : c.default ?? null;
      row.set(c, value !== null && /BIGINT/.test(c.type) ? String(value) : value);
    }
    this.rows.push(row);
  }
  expected() {
    const alive = this.rows.filter((r) => !r.isGone);
    return alive.map((row) => Object.fromEntries(this.columns.map((c) => [c.name, cell(c, row.get(c) ?? null)])));
  }
  async check(where) {
    const rows = await server.rows(`SELECT * FROM ${this.table} ORDER BY id LIMIT 1000`);
    const plain = rows.map(({ _seq, _updated, _deleted, ...row }) => row);
    assert.deepEqual(plain, this.expected(), `${where}, version ${this.version}`);
    const all = this.expected();
    for (const wanted of all.filter((_, i) => i % 11 === 0 || i >= all.length - 2)) { // the fast path
      const [row] = await server.rows(`SELECT ${this.columns.map((c) => c.name)} FROM ${this.table} WHERE id = ${wanted.id}`);
      assert.deepEqual(row, wanted, `${where}, by key, version ${this.version}`);
    }
  }
}
const cell = (c, v) => (v !== null && c.type === 'BIGINT' ? String(v) : v !== null && c.type !== 'TEXT' && !c.type.startsWith('DECIMAL') ? Number(v) : v);

async function walk(kind) {
  const m = new Model(`app.h_${kind.toLowerCase()}`);
  await server.exec(`CREATE TABLE ${m.table} (id BIGINT PRIMARY KEY, a SMALLINT, b TEXT DEFAULT 'b0') WITH (TYPE = '${kind}')`);
  const steps = [
    () => m.alter('ADD COLUMN c INT', () => m.add({ name: 'c', type: 'INT', default: null })),
    () => m.alter('MODIFY COLUMN a INT', () => { m.find('a').type = 'INT'; }),
    () => m.alter("ADD COLUMN d TEXT NOT NULL DEFAULT 'dd'", () => m.add({ name: 'd', type: 'TEXT', default: 'dd', isNull: false })),
    () => m.alter("ALTER COLUMN d SET DEFAULT 'd2'", () => { m.find('d').default = 'd2'; }),
    () => m.alter('RENAME COLUMN b TO bb', () => { m.find('b').name = 'bb'; }),
    () => m.alter('ADD COLUMN b INT', () => m.add({ name: 'b', type: 'INT', default: null })),
    () => m.alter('DROP COLUMN c', () => m.columns.splice(m.columns.indexOf(m.find('c')), 1)),
    () => m.alter('ADD COLUMN c TEXT', () => m.add({ name: 'c', type: 'TEXT', default: null })),
    () => m.alter('MODIFY COLUMN a BIGINT', () => { m.find('a').type = 'BIGINT'; }),
    () => m.alter('ADD COLUMN e DECIMAL(10, 2) DEFAULT 1.50', () => m.add({ name: 'e', type: 'DECIMAL(10, 2)', default: '1.50' })),
    () => m.alter('MODIFY COLUMN e DECIMAL(30, 2)', () => { m.find('e').type = 'DECIMAL(30, 2)'; }),
    () => m.alter('ALTER COLUMN d DROP NOT NULL', () => {}),
    () => m.alter('ALTER COLUMN d DROP DEFAULT', () => { m.find('d').default = null; }),
    () => m.alter('RENAME COLUMN a TO z', () => { m.find('a').name = 'z'; }),
    () => m.alter('RENAME COLUMN c TO a', () => { m.find('c').name = 'a'; }),
    () => m.alter('ADD COLUMN f FLOAT DEFAULT 0.5', () => m.add({ name: 'f', type: 'FLOAT', default: 0.5 })),
    () => m.alter('MODIFY COLUMN f DOUBLE', () => { m.find('f').type = 'DOUBLE'; }),
    () => m.alter('DROP COLUMN bb', () => m.columns.splice(m.columns.indexOf(m.find('bb')), 1)),
    () => m.alter('MODIFY COLUMN b BIGINT', () => { m.find('b').type = 'BIGINT'; }),
    () => m.alter('ADD COLUMN g INT, DROP COLUMN a, RENAME COLUMN z TO a', () => {
      m.add({ name: 'g', type: 'INT', default: null });
      m.columns.splice(m.columns.indexOf(m.find('a')), 1);
      m.find('z').name = 'a';
    }),
    () => m.alter('ADD COLUMN h INT NOT NULL DEFAULT -7', () => m.add({ name: 'h', type: 'INT', default: -7, isNull: false })),
    () => m.alter('DROP COLUMN g', () => m.columns.splice(m.columns.indexOf(m.find('g')), 1)),
    () => m.alter('RENAME COLUMN id TO key', () => { m.find('id').name = 'key'; }),
    () => m.alter('RENAME COLUMN key TO id', () => { m.find('key').name = 'id'; }),
  ];
  await m.insert({ a: 1, b: 'first' });
  await m.insert();
  for (const [i, step] of steps.entries()) {
    await step();
    if (m.find('id')) {
      await m.insert();
      const a = m.find('a');
      await m.insert(a ? { a: a.type === 'TEXT' ? `a${i}` : i } : {});
      await m.check('hot or mixed');
    }
    if (i % 5 === 3) await storage('FLUSH', m.table); // segments of several versions
  }
  assert.equal(m.version, 25);
  return m;
}

for (const kind of ['SHARED', 'USER']) {
  test(`rows of 25 versions of a ${kind} table read alike in every tier`, async () => {
    const m = await walk(kind);
    await m.check('mixed');
    await storage('FLUSH', m.table);
    await m.check('cold');

    // rows of old versions are changed and deleted like any other
    for (const [id, row] of m.rows.entries()) if (id % 7 === 3) {
      assert.equal((await server.exec(`UPDATE ${m.table} SET h = 1000 WHERE id = ${id + 1}`)).row_count, 1);
      row.set(m.find('h'), 1000);
    }
    assert.equal((await server.exec(`UPDATE ${m.table} SET f = 9.5 WHERE h = 1000 AND a IS NULL`)).row_count,
      m.rows.filter((r) => r.get(m.find('h')) === 1000 && (r.get(m.find('a')) ?? null) === null).map((r) => r.set(m.find('f'), 9.5)).length);
    for (const id of [1, 10, 30]) {
      assert.equal((await server.exec(`DELETE FROM ${m.table} WHERE id = ${id}`)).row_count, 1);
      m.rows[id - 1].isGone = true;
    }
    await m.check('mixed again');
    await storage('FLUSH', m.table);
    await storage('COMPACT', m.table);
    await m.check('compacted');
    await server.restart();
    server.token = (await server.login()).token;
    await m.check('restarted');

    const name = m.table.slice(4);
    const versions = await server.rows(`SELECT schema_version, is_latest, columns FROM system.schemas WHERE table_id = 'app:${name}' ORDER BY schema_version`);
    assert.deepEqual(versions.map((v) => [v.schema_version, v.is_latest]), Array.from({ length: 25 }, (_, i) => [i + 1, i === 24]));
    const names = (columns) => JSON.parse(columns).map((c) => c.column_name).filter((n) => !n.startsWith('_'));
    assert.deepEqual(names(versions[0].columns), ['id', 'a', 'b']);
    assert.deepEqual(names(versions[24].columns), m.columns.map((c) => c.name));
    const history = await server.rows(`DESCRIBE TABLE ${m.table} HISTORY`);
    assert.deepEqual([...new Set(history.map((h) => h.schema_version))], Array.from({ length: 25 }, (_, i) => i + 1));
    const ids = new Map(); // a column keeps its id through renames; no id is given twice
    for (const h of history.filter((r) => !r.column_name.startsWith('_'))) ids.set(h.column_id, (ids.get(h.column_id) ?? new Set()).add(h.column_name));
    assert.deepEqual([...ids.get('1')], ['id', 'key']);
    assert.deepEqual([...ids.get('2')], ['a', 'z']);
    assert.equal(ids.size, 11, 'id a b c d b c e f g h');
  });
}

test('ALTER beside INSERT, flush and SELECT loses and invents nothing', async () => {
  await server.exec('CREATE TABLE app.race (id BIGINT PRIMARY KEY, v TEXT)');
  const written = new Set();
  let isOver = false;
  let next = 0;
  const mayFail = /changed while|Conflict|does not exist|No field named|already queued|no pending writes|does not fit the tables/;
  const ask = async (sql) => {
    const reply = await server.sql(sql);
    if (reply.status !== 200) assert.match(reply.body.error.message, mayFail, sql);
    return reply.status === 200 ? reply.body.results.at(-1) : null;
  };
  const writer = async () => {
    while (next < 300) {
      const id = next++;
      if (await ask(`INSERT INTO app.race (id, v) VALUES (${id}, 'v${id}')`)) written.add(String(id));
    }
  };
  const alterer = async () => {
    for (let i = 0; i < 12; i++) {
      await server.exec(`ALTER TABLE app.race ADD COLUMN c${i} INT NOT NULL DEFAULT ${i}`);
      if (i % 3 === 2) await server.exec(`ALTER TABLE app.race DROP COLUMN c${i - 1}, RENAME COLUMN c${i - 2} TO r${i}`);
    }
  };
  const flusher = async () => {
    while (!isOver) {
      await ask('STORAGE FLUSH TABLE app.race');
      await server.jobsDone();
    }
  };
  const reader = async () => {
    while (!isOver) {
      const before = written.size;
      const result = await ask('SELECT * FROM app.race LIMIT 1000');
      if (!result) continue;
      assert.ok(result.rows.length >= before, `${result.rows.length} rows after ${before} were acknowledged`);
      result.schema.forEach((field, i) => { // c5 holds 5 in every row of whatever age; r5 was c3
        const m = /^([cr])(\d+)$/.exec(field.name);
        if (m) for (const row of result.rows) assert.equal(row[i], Number(m[2]) - (m[1] === 'r' ? 2 : 0), field.name);
      });
    }
  };
  const background = [flusher(), reader()];
  await Promise.all([writer(), writer(), alterer()]);
  isOver = true;
  await Promise.all(background);
  assert.ok(written.size >= 250, `${written.size} of 300 were written`);
  const rows = await server.rows('SELECT id, v FROM app.race ORDER BY id LIMIT 1000');
  assert.deepEqual(new Set(rows.map((r) => r.id)), written);
  assert.ok(rows.every((r) => r.v === `v${r.id}`));
});
