// tests/api/tiers_oracle_test.mjs -- Goal: a table answers the same wherever its rows lie. Method: the same logical
// contents are held hot, cold, mixed with superseded cold rows, with tombstones and re-inserted keys, compacted, and
// as a user's own partition; thousands of generated queries must give the same rows on all, the rows that a model
// says where it can tell, the same on the fast path and in the engine, the same with parameters; then the same
// UPDATEs and DELETEs run on all, tiers move, the server restarts, and it goes on.
//   KALAM_SERVER          the server binary
//   KALAM_ORACLE_QUERIES  how many queries, default 5000
//   KALAM_ORACLE_SEED     replays a run
//   KALAM_ORACLE_KEEP=1   keeps the data folder of a failed run
import { Server, Failure, inParallel } from '../oracle/server.mjs';
import { Random } from '../oracle/random.mjs';
import * as data from '../oracle/data.mjs';
import { print, printWithParameters } from '../oracle/expression.mjs';
import { Queries } from '../oracle/query.mjs';

const QUERIES = Number(process.env.KALAM_ORACLE_QUERIES ?? 5000);
const SEED = process.env.KALAM_ORACLE_SEED ?? '20261122';
const ROUNDS = 8;
const ROWS = 300;
const DIMS = 24;
const WIDTH = 3; // queries under way at once
const MERGE_BYTES = 4096; // smaller segments are merged by the next flush: those of the dimension
const MAIN_COLUMNS = data.MAIN;

const STATES = ['hot', 'cold', 'mixed', 'tomb', 'compact', 'user'];
const names = Object.fromEntries(STATES.map((s) => [s, { T: `o.t_${s}`, D: `o.d_${s}` }]));

const random = new Random(SEED);
const server = new Server({ name: 'tiers', mergeBytes: MERGE_BYTES });
let me; // the session that asks: role service, so that it writes SHARED tables and has rows of its own
let model = []; // rows of T by id
const counts = { queries: 0, executions: 0, modelled: 0, errors: 0, rows: 0, writes: 0, changed: 0, points: 0 };
const errorTexts = new Map();

function fail(text) { throw new Failure(text); }

// -- building the states ------------------------------------------------------------------------------------------

async function insert(table, columns, rows) {
  for (let i = 0; i < rows.length; i += 55) await me.must(data.insertText(table, columns, rows.slice(i, i + 55)));
}

async function flush(table) { await server.flush(table); }

const otherValues = (columns, row, make) => ({ ...make(), [columns[0][0]]: row[columns[0][0]] });

async function update(table, columns, rows) {
  for (const row of rows) await me.must(data.updateText(table, columns, row));
}

async function remove(table, columns, rows) {
  const [key, type] = columns[0];
  if (rows.length) await me.must(`DELETE FROM ${table} WHERE ${key} IN (${rows.map((r) => data.literal(type, r[key])).join(', ')})`);
}

// Every way leads to `rows`. `old` makes a row with the same key and other values, `extra` one with another key.
// No step changes more than a tenth of a segment: else compaction, which looks each second, would merge them all.
const recipes = {
  async hot(table, columns, rows) { await insert(table, columns, rows); },
  async cold(table, columns, rows) {
    await insert(table, columns, rows);
    await flush(table);
  },
  // Segments with some superseded rows, the rest hot.
  async mixed(table, columns, rows, old) {
    const part = Math.ceil(rows.length / 5);
    for (let p = 0; p < 4; p++) {
      const mine = rows.slice(p * part, (p + 1) * part);
      await insert(table, columns, mine.map((r, i) => (i % 12 === 1 ? old(r) : r)));
      if (p === 3) break; // hot: rows that no segment has
      await flush(table);
    }
    await insert(table, columns, rows.slice(4 * part));
    await update(table, columns, rows.slice(0, 4 * part).filter((_, i) => i % part % 12 === 1));
  },
  // Deleted cold rows, tombstones in segments and hot, keys that came back.
  async tomb(table, columns, rows, old, extra) {
    const part = Math.ceil(rows.length / 4);
    const extras = Array.from({ length: 12 }, (_, i) => extra(i));
    const back = [];
    for (let p = 0; p < 4; p++) {
      const mine = rows.slice(p * part, (p + 1) * part);
      await insert(table, columns, [...mine.map((r, i) => (i % 28 === 1 ? old(r) : r)), ...extras.slice(p * 3, p * 3 + 3)]);
      await remove(table, columns, extras.slice(p * 3, p * 3 + 1)); // inserted and deleted while hot
      if (p > 0) { // of the segment before: some go for good, some come back
        const gone = rows.slice((p - 1) * part, p * part).filter((_, i) => i % 40 === 2);
        await remove(table, columns, [...gone, ...extras.slice(p * 3 - 2, p * 3 - 1)]);
        back.push(gone);
      }
      await flush(table);
      if (p > 0 && p % 2) await insert(table, columns, back.pop());
    }
    for (const gone of back) await insert(table, columns, gone);
    await update(table, columns, rows.filter((_, i) => i % part % 28 === 1));
    await remove(table, columns, extras);
    await remove(table, columns, extras); // once more: changes nothing
  },
  async compact(table, columns, rows, old, extra) {
    const third = Math.ceil(rows.length / 3);
    const extras = Array.from({ length: 20 }, (_, i) => extra(i));
    await insert(table, columns, [...rows.slice(0, third).map(old), ...extras]);
    await flush(table);
    await insert(table, columns, rows.slice(third, 2 * third).map(old));
    await update(table, columns, rows.slice(0, third));
    await remove(table, columns, extras);
    await flush(table);
    await insert(table, columns, rows.slice(2 * third));
    await flush(table);
    await update(table, columns, rows.slice(third, 2 * third));
    await flush(table);
    await server.compact(table);
  },
};
recipes.user = recipes.tomb;

async function build() {
  await server.start();
  await server.root.must('CREATE NAMESPACE o');
  me = await server.user('oracle', 'service');
  const others = [await server.user('oracl', 'user'), await server.user('oracle2', 'user')];
  model = Array.from({ length: ROWS }, (_, i) => data.makeMain(random, i * 2 + 1));
  const dims = Array.from({ length: DIMS }, (_, i) => data.makeDim(random, i));
  for (const state of STATES) {
    const kind = state === 'user' ? 'USER' : 'SHARED';
    await server.root.must(data.createTable(kind, names[state].T, data.MAIN));
    await server.root.must(data.createTable(kind, names[state].D, data.DIM));
  }
  for (const other of others) { // rows that only others may see
    const rows = Array.from({ length: 30 }, (_, i) => data.makeMain(random, i + 1));
    await other.must(data.insertText(names.user.T, data.MAIN, rows));
    await other.must(data.insertText(names.user.D, data.DIM, Array.from({ length: 5 }, (_, i) => data.makeDim(random, i))));
  }
  for (const state of STATES) {
    await recipes[state](names[state].T, data.MAIN, model, (r) => otherValues(data.MAIN, r, () => data.makeMain(random, 0)),
      (i) => data.makeMain(random, 2000 + i));
    await recipes[state](names[state].D, data.DIM, dims, (r) => otherValues(data.DIM, r, () => data.makeDim(random, 9)),
      (i) => data.makeDim(random, 100 + i));
  }
}

// The states are what they are called, or the comparison would say nothing.
async function tiers(table) {
  const lines = await server.root.rows(`EXPLAIN SELECT count(*) FROM ${table}`);
  const m = /hot_rows=(\d+) segments=(\d+)/.exec(lines.map((l) => l[1]).join('\n'));
  if (!m) fail(`EXPLAIN does not tell the tiers of ${table}: ${JSON.stringify(lines)}`);
  return { hot: Number(m[1]), segments: Number(m[2]) };
}

async function checkStates() {
  const want = {
    hot: (t) => t.hot > 0 && t.segments === 0, cold: (t) => t.hot === 0 && t.segments > 0,
    mixed: (t) => t.hot > 0 && t.segments > 1, tomb: (t) => t.hot > 0 && t.segments > 1, compact: (t) => t.hot === 0 && t.segments === 1,
  };
  for (const state of Object.keys(want)) {
    const t = await tiers(names[state].T);
    if (!want[state](t)) fail(`${names[state].T} is not ${state}: ${JSON.stringify(t)}`);
  }
  const stats = await me.rows(`SHOW STATS FOR TABLE ${names.user.T}`);
  if (Number(stats[0][4]) < 1) fail(`the user's partition has no segment: ${JSON.stringify(stats)}`);
}

// -- comparing ----------------------------------------------------------------------------------------------------

const isOwn = (name) => name !== '_seq' && name !== '_updated';
// A reply as something that compares: rows without what differs by nature, in order when there is one.
function canonical(result, query) {
  let rows = result.rows;
  if (query.isStar) {
    const keep = result.schema.map((c, i) => [c.name, i]).filter(([name]) => isOwn(name)).map(([, i]) => i);
    rows = rows.map((r) => keep.map((i) => r[i]));
  }
  const texts = rows.map((r) => JSON.stringify(r));
  return query.isOrdered ? texts : texts.sort();
}
// INT literals are whole numbers of another width as parameters: 5 and "5" are the same answer.
const loose = (texts) => texts.map((t) => t.replace(/"(-?\d+)"/g, '$1'));

function sameTexts(a, b) { return a.length === b.length && a.every((t, i) => t === b[i]); }
function firstDifference(a, b) {
  const only = (x, y) => x.filter((t) => !y.includes(t)).slice(0, 5);
  return `${a.length} rows against ${b.length}; only there: ${only(a, b).join(' ')} ; only here: ${only(b, a).join(' ')}`;
}

function noteError(r, query) {
  const text = `${r.status} ${r.body?.error?.code} ${(r.body?.error?.message ?? r.text).replace(/\d+/g, '#').slice(0, 160)}`;
  if (!errorTexts.has(text)) errorTexts.set(text, { n: 0, example: print(query.parts ?? query.fast, names.hot) });
  errorTexts.get(text).n++;
}

// The answers of all states in one request, or one by one when there is an error.
async function answers(query, partsOf) {
  const texts = STATES.map((s) => print(partsOf, names[s]));
  counts.executions += texts.length;
  const r = await me.sql(texts.join(';\n'));
  if (r.body?.status === 'success') {
    if (r.body.results.length !== STATES.length) fail(`a batch of ${STATES.length} gave ${r.body.results.length} results`);
    return r.body.results;
  }
  const alone = [];
  for (const text of texts) alone.push(await me.sql(text));
  const failed = alone.filter((a) => a.body?.status !== 'success');
  if (failed.length === 0) fail(`fails in a batch only: ${texts.join(';\n')}\n${r.text.slice(0, 1000)}`);
  if (failed.length < alone.length) {
    fail(`some states answer, others do not:\n${alone.map((a, i) => `${STATES[i]}: ${a.text.slice(0, 300)}`).join('\n')}\n${texts[0]}`);
  }
  if (failed.some((f) => f.status >= 500)) fail(`an internal error: ${failed[0].text}\n${texts[0]}`);
  noteError(failed[0], query);
  counts.errors++;
  return null;
}

// The rows of the model as the reply's id cells and, where told, other cells.
function checkModel(query, result, text) {
  const want = query.expect(model);
  const at = result.schema.findIndex((c) => c.name === 'id');
  const got = result.rows.map((r) => r[at]).sort();
  const ids = want.map((r) => String(r.id)).sort();
  if (!sameTexts(got, ids)) fail(`wrong rows (the model says otherwise): ${firstDifference(ids, got)}\n${text}`);
  counts.modelled++;
  const byId = new Map(want.map((r) => [String(r.id), r]));
  const kinds = { BOOL: 'BOOLEAN', NUM: 'DOUBLE', TEXT: 'TEXT' };
  (query.values ?? []).forEach((x, i) => {
    if (!x?.value) return;
    for (const row of result.rows) {
      const v = x.value(byId.get(row[at]));
      const type = x.type ?? kinds[x.kind] ?? null;
      const is = type === null ? loose([JSON.stringify(row[i])])[0] : data.replyText(type, row[i]);
      const must = type === null ? String(v) : data.cellText(type, v);
      if (is !== must) fail(`wrong value of row ${row[at]}, column ${i}: ${is}, the model says ${must}\n${text}`);
    }
  });
}

async function compare(query) {
  counts.queries++;
  const text = print(query.parts, names.hot);
  const results = await answers(query, query.parts);
  if (results === null) return;
  const all = results.map((r) => canonical(r, query));
  counts.rows += all[0].length;
  for (let i = 1; i < STATES.length; i++) {
    if (!sameTexts(all[0], all[i])) fail(`${STATES[0]} and ${STATES[i]} differ: ${firstDifference(all[0], all[i])}\n${print(query.parts, names[STATES[i]])}`);
  }
  if (query.expect) checkModel(query, results[0], text);
  const wrong = query.check?.(results[0].rows);
  if (wrong) fail(`${wrong}\n${text}`);
  const state = random.pick(STATES);
  if (random.chance(0.35)) { // alone, and with parameters
    const p = printWithParameters(query.parts, names[state]);
    const r = await me.sql(p.sql, p.params.length ? p.params : undefined);
    counts.executions++;
    if (r.body?.status !== 'success') fail(`fails with parameters only: ${r.text.slice(0, 500)}\n${p.sql}\n${JSON.stringify(p.params)}`);
    const got = loose(canonical(r.body.results[0], query));
    const want = loose(all[0]);
    if (!query.isOrdered) { got.sort(); want.sort(); }
    if (!sameTexts(want, got)) fail(`another answer with parameters: ${firstDifference(want, got)}\n${p.sql}\n${JSON.stringify(p.params)}\n${text}`);
  }
}

// Fast path and engine, on every state.
async function comparePoint(point) {
  counts.queries++;
  counts.points++;
  const fast = await answers(point, point.fast);
  const slow = await answers(point, point.slow);
  const text = print(point.fast, names.hot);
  if ((fast === null) !== (slow === null)) fail(`fast path and engine: one fails\n${text}\n${print(point.slow, names.hot)}\n${JSON.stringify([...errorTexts.keys()].slice(-1))}`);
  if (fast === null) return;
  const want = canonical(slow[0], point);
  for (let i = 0; i < STATES.length; i++) {
    const f = canonical(fast[i], point);
    const s = canonical(slow[i], point);
    if (!sameTexts(f, s)) fail(`fast path and engine differ on ${STATES[i]}: ${firstDifference(s, f)}\n${print(point.fast, names[STATES[i]])}`);
    if (!sameTexts(want, s)) fail(`${STATES[0]} and ${STATES[i]} differ: ${firstDifference(want, s)}\n${print(point.slow, names[STATES[i]])}`);
    const schema = (r) => JSON.stringify(r.schema);
    if (schema(fast[i]) !== schema(slow[0])) fail(`fast path and engine describe columns differently:\n${schema(fast[i])}\n${schema(slow[0])}\n${text}`);
  }
  if (point.expect) {
    const rows = point.expect(model);
    if (rows.length !== fast[0].rows.length) fail(`wrong rows: ${fast[0].rows.length}, the model says ${rows.length}\n${text}`);
    counts.modelled++;
    if (rows.length === 1) checkCells(fast[0], rows[0], text);
  }
  if (random.chance(0.5)) {
    const state = random.pick(STATES);
    const p = printWithParameters(point.fast, names[state]);
    const r = await me.sql(p.sql, p.params.length ? p.params : undefined);
    if (r.body?.status !== 'success') fail(`fails with parameters only: ${r.text.slice(0, 500)}\n${p.sql}\n${JSON.stringify(p.params)}`);
    if (!sameTexts(want, canonical(r.body.results[0], point))) fail(`another answer with parameters\n${p.sql}\n${JSON.stringify(p.params)}`);
  }
}

function checkCells(result, row, text) {
  result.schema.forEach((c, i) => {
    const column = MAIN_COLUMNS.find((m) => m[0] === c.name);
    if (!column) return;
    const is = data.replyText(column[1], result.rows[0][i]);
    const must = data.cellText(column[1], row[c.name]);
    if (is !== must) fail(`row ${row.id}, ${c.name} is ${is}, must be ${must}\n${text}`);
  });
}

// Every cell of every row of every state.
async function compareContents() {
  const columns = MAIN_COLUMNS.map((c) => c[0]);
  for (const state of STATES) {
    const [result] = await me.must(`SELECT ${columns.join(', ')} FROM ${names[state].T} ORDER BY id`);
    if (result.rows.length !== model.length) {
      const ids = model.map((r) => String(r.id));
      fail(`${names[state].T}: ${firstDifference(ids, result.rows.map((r) => r[0]))}`);
    }
    result.rows.forEach((cells, i) => checkCells({ schema: result.schema, rows: [cells] }, model[i], `contents of ${names[state].T}`));
  }
}

// The same statement on all states; the model follows, or is read again where it cannot tell.
async function write(queries) {
  const w = queries.write();
  counts.writes++;
  const n = [];
  for (const state of STATES) {
    const useParameters = random.chance(0.4);
    const p = useParameters ? printWithParameters(w.parts, names[state]) : { sql: print(w.parts, names[state]), params: [] };
    const r = await me.sql(p.sql, p.params.length ? p.params : undefined);
    if (r.body?.status !== 'success') fail(`${state}: ${r.text.slice(0, 600)}\n${p.sql}\n${JSON.stringify(p.params)}`);
    n.push(r.body.results[0].row_count);
  }
  const text = print(w.parts, names.hot);
  if (n.some((x) => x !== n[0])) fail(`counts differ: ${STATES.map((s, i) => `${s} ${n[i]}`).join(', ')}\n${text}`);
  counts.changed += n[0];
  if (w.where.value && w.sets.every((s) => s.x.value)) {
    const hit = model.filter((r) => w.where.value(r) === true);
    let changed = 0;
    if (w.kind === 'DELETE') {
      changed = hit.length;
      model = model.filter((r) => !hit.includes(r));
    } else {
      model = model.map((r) => {
        if (!hit.includes(r)) return r;
        const after = { ...r };
        for (const s of w.sets) after[s.name] = s.x.value(r);
        const isSame = w.sets.every((s) => data.cellText(s.type, after[s.name]) === data.cellText(s.type, r[s.name]));
        if (!isSame) changed++;
        return after;
      });
    }
    if (changed !== n[0]) fail(`${w.kind} reports ${n[0]} rows, the model says ${changed}\n${text}`);
    counts.modelled++;
  } else {
    await readModel(w);
  }
}

// What cannot be calculated here is taken from the hot table; all other states are then compared with it.
async function readModel(w) {
  const columns = MAIN_COLUMNS.map((c) => c[0]);
  const rows = await me.rows(`SELECT ${columns.join(', ')} FROM ${names.hot.T} ORDER BY id`);
  const byId = new Map(model.map((r) => [String(r.id), r]));
  model = rows.map((cells) => {
    const before = byId.get(cells[0]);
    if (!before) fail(`row ${cells[0]} has come out of nowhere after ${print(w.parts, names.hot)}`);
    const row = { ...before };
    MAIN_COLUMNS.forEach(([name, type], i) => {
      if (!w.sets.some((s) => s.name === name)) return; // the others must not have changed: compared with the model
      const c = cells[i];
      row[name] = c === null || !['INT', 'BIGINT', 'SMALLINT', 'TIMESTAMP'].includes(type) ? c : BigInt(c);
    });
    return row;
  });
}

async function addRows(round) {
  const rows = Array.from({ length: 12 }, (_, i) => data.makeMain(random, 1000 + round * 40 + i * 2));
  const free = [...Array(ROWS).keys()].map((i) => BigInt(i * 2 + 1)).filter((id) => !model.some((r) => r.id === id)).slice(0, 10); // deleted before
  rows.push(...free.map((id) => data.makeMain(random, Number(id))));
  for (const state of STATES) await insert(names[state].T, data.MAIN, rows);
  model = [...model, ...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const state of STATES) { // a key that is there is refused, and nothing of the statement stays
    const r = await me.sql(data.insertText(names[state].T, data.MAIN, [data.makeMain(random, 5000 + round), rows[0]]));
    if (r.status !== 400 || !/Primary key violation/.test(r.text)) fail(`a double key in ${names[state].T}: ${r.text}`);
  }
}

async function moveTiers(round) {
  await flush(names.cold.T);
  if (round % 2) await flush(names.tomb.T);
  if (round % 3 === 1) await flush(names.mixed.T);
  if (round % 2) await flush(names.user.T);
  await flush(names.compact.T);
  await server.compact(names.compact.T);
  if (round === 3) await server.compact(names.user.T);
}

async function restart() {
  await server.restart();
  me = await server.login('oracle', 'Oracle-user-1!');
}

async function main() {
  const began = Date.now();
  await build();
  await checkStates();
  const built = Date.now();
  const queries = new Queries(random);
  for (let round = 0; round < ROUNDS; round++) {
    await compareContents();
    const n = Math.ceil(QUERIES / ROUNDS);
    const batch = Array.from({ length: n }, () => (random.chance(0.12) ? { point: queries.point(model) } : { query: queries.next() }));
    await inParallel(WIDTH, n, (i) => (batch[i].point ? comparePoint(batch[i].point) : compare(batch[i].query)));
    if (round === ROUNDS - 1) break;
    for (let i = 0; i < 6; i++) await write(queries);
    await addRows(round);
    await compareContents();
    await moveTiers(round);
    if (round === 2 || round === 5) await restart();
  }
  await compareContents();
  await server.stop();
  const share = counts.errors / counts.queries;
  if (process.env.KALAM_ORACLE_VERBOSE || share > 0.02) {
    for (const [text, e] of [...errorTexts].sort((a, b) => b[1].n - a[1].n).slice(0, 30)) console.log(`${e.n} x ${text}\n    ${e.example}`);
  }
  console.log(`${counts.queries} queries (${counts.points} by key) in ${STATES.length} states, ${counts.executions} executions, ${counts.modelled} checked against the model, `
    + `${counts.rows} rows, ${counts.errors} refused by all; ${counts.writes} writes changed ${counts.changed} rows; `
    + `${((built - began) / 1000).toFixed(1)} s to build, ${((Date.now() - built) / 1000).toFixed(1)} s to compare, ${server.cpu().toFixed(0)} s of CPU; seed ${SEED}`);
  if (share > 0.02) fail(`${counts.errors} of ${counts.queries} queries are refused: they compare nothing`);
  if (counts.queries < QUERIES) fail('too few queries');
}

let code = 0;
try {
  await main();
} catch (e) {
  code = 1;
  console.error(`FAILED: ${e instanceof Failure ? e.message : e.stack}\nreplay with KALAM_ORACLE_SEED=${SEED} KALAM_ORACLE_QUERIES=${QUERIES}\n${server.output.slice(-4000)}`);
} finally {
  await server.discard(code !== 0 && process.env.KALAM_ORACLE_KEEP === '1');
}
process.exit(code);
