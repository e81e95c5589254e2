// tests/oracle/query.mjs -- random SELECTs over T (the main table) and D (the dimension), in the shapes that users
// write. Every answer is determined by the contents alone: ordered ones have a total order, sums are exact.
import { MAIN, DIM, WORDS } from './data.mjs';
import { Expressions, Scope, X, Lit, T, D, parts, join, not3 } from './expression.mjs';

const intLit = (n) => new Lit('BIGINT', BigInt(n));

export class Queries {
  constructor(random, options = {}) {
    this.random = random;
    this.e = new Expressions(random, { main: MAIN, dim: DIM, ...options });
    this.number = 0;
  }

  name(prefix) { return `${prefix}${++this.number}`; }

  mainScope(alias = '') { return new Scope([{ alias, columns: MAIN }], true); }

  // -> { kind, parts, isOrdered, expect }; expect(rows of the model) -> answer rows of ids, or null
  next() {
    const kind = this.random.weighted([[14, 'simple'], [6, 'ordered'], [8, 'aggregate'], [8, 'group'], [3, 'distinct'], [8, 'join'], [5, 'cte'],
      [5, 'setop'], [6, 'window'], [4, 'derived'], [4, 'partition'], [3, 'star'], [2, 'lateral'], [2, 'deleted'], [2, 'recursive'], [2, 'rollup'], [2, 'scalar']]);
    return { kind, isOrdered: false, expect: null, ...this[kind]() };
  }

  depth() { return this.random.weighted([[3, 1], [4, 2], [2, 3]]); }

  items(scope, count, depth = 1) {
    return Array.from({ length: count }, (_, i) => {
      const x = this.random.chance(0.5) ? this.e.anyColumn(scope) : this.e.any(scope, depth);
      return { x, parts: parts`${x} AS c${i}` };
    });
  }

  where(scope, depth = this.depth()) { return this.e.bool(scope, depth); }

  simple() {
    const alias = this.random.chance(0.5) ? 't' : '';
    const scope = this.mainScope(alias);
    const p = this.where(scope);
    const items = this.items(scope, this.random.between(1, 4));
    const id = alias ? 't.id' : 'id';
    const values = items.map((i) => i.x);
    return {
      parts: parts`SELECT ${id}, ${join(items.map((i) => i.parts), ', ')} FROM ${T} ${alias} WHERE ${p}`,
      expect: p.value ? (rows) => rows.filter((r) => p.value(r) === true) : null,
      values: [null, ...values],
    };
  }

  // Not a constant: that would be read as a position.
  orderKey(scope) {
    const x = this.random.chance(0.7) ? this.e.anyColumn(scope) : this.e.any(scope, 1);
    return x.parts.some((p) => typeof p === 'string' && p.includes(`${scope.relations[0].alias}.`)) ? x : this.e.anyColumn(scope);
  }

  orderKeys(scope, count) {
    return join(Array.from({ length: count }, () => parts`${this.orderKey(scope)}${this.random.pick(['', ' ASC', ' DESC'])}${this.random.pick(['', '', ' NULLS FIRST', ' NULLS LAST'])}`), ', ');
  }

  ordered() {
    const scope = this.mainScope('t');
    const where = this.random.chance(0.7) ? parts` WHERE ${this.where(scope)}` : [];
    const limit = this.random.chance(0.7) ? parts` LIMIT ${intLit(this.random.between(0, 30))}` : [];
    const offset = limit.length && this.random.chance(0.4) ? parts` OFFSET ${intLit(this.random.between(0, 20))}` : [];
    return {
      parts: parts`SELECT t.id, ${join(this.items(scope, 2).map((i) => i.parts), ', ')} FROM ${T} t${where} ORDER BY ${this.orderKeys(scope, this.random.between(1, 2))}, t.id${this.random.pick(['', ' DESC'])}${limit}${offset}`,
      isOrdered: true,
    };
  }

  aggregateOf(scope) {
    const r = this.random;
    const filter = r.chance(0.2) ? parts` FILTER (WHERE ${this.e.bool(scope, 1)})` : [];
    const distinct = r.chance(0.2) ? 'DISTINCT ' : '';
    const p = (() => {
      switch (r.int(11)) {
        case 0: return parts`count(*)${filter}`;
        case 1: return parts`count(${distinct}${this.e.anyColumn(scope)})${filter}`;
        case 2: return parts`sum(${distinct}${this.e.int(scope, 1)})${filter}`;
        case 3: return parts`sum(${this.e.num(scope, 1)})${filter}`;
        case 4: return parts`avg(${this.e.num(scope, 0)})${filter}`;
        case 5: case 6: return parts`${r.pick(['min', 'max'])}(${this.e.column(scope, r.pick(['INT', 'NUM', 'TEXT', 'TS', 'UUID'])) ?? this.e.int(scope, 0)})${filter}`;
        case 7: return parts`string_agg(${distinct}${r.chance(0.5) ? this.e.column(scope, 'TEXT') ?? this.e.text(scope, 0) : parts`CAST(${this.e.int(scope, 0)} AS TEXT)`}, ',' ORDER BY 1)`;
        case 8: return parts`${r.pick(['bool_and', 'bool_or'])}(${this.e.bool(scope, 1)})${filter}`;
        case 9: return parts`count(CASE WHEN ${this.e.bool(scope, 1)} THEN 1 END)`;
        default: return parts`avg(${this.e.int(scope, 1)})${filter}`;
      }
    })();
    return p;
  }

  // string_agg needs an order of its own values
  aggregates(scope, count) {
    return Array.from({ length: count }, () => {
      for (;;) {
        const p = this.aggregateOf(scope);
        const text = p.map(String).join('');
        if (!text.startsWith('string_agg')) return p;
        const c = this.e.column(scope, 'TEXT') ?? this.e.text(scope, 0);
        return parts`string_agg(${c}, ',' ORDER BY ${c})`;
      }
    });
  }

  aggregate() {
    const scope = this.mainScope('t');
    return { parts: parts`SELECT ${join(this.aggregates(scope, this.random.between(1, 4)), ', ')} FROM ${T} t${this.random.chance(0.7) ? parts` WHERE ${this.where(scope)}` : []}` };
  }

  keyOf(scope) {
    const r = this.random;
    return r.weighted([[4, () => this.e.column(scope, 'INT', true)], [2, () => this.e.column(scope, 'BOOL')], [3, () => this.e.column(scope, 'TEXT')],
      [2, () => this.e.int(scope, 1)], [1, () => this.e.text(scope, 1)], [1, () => this.e.ts(scope, 1)]])() ?? this.e.int(scope, 0);
  }

  group() {
    const scope = this.mainScope('t');
    const r = this.random;
    const keys = Array.from({ length: r.between(1, 2) }, () => this.keyOf(scope));
    // a key that is a constant would be read as a position
    const names = keys.map((k, i) => parts`${k} AS k${i}`);
    const having = r.chance(0.3) ? parts` HAVING count(*) ${r.pick(['>', '<=', '='])} ${intLit(r.between(0, 20))}` : [];
    const order = r.chance(0.4) ? parts` ORDER BY ${join(keys.map((_, i) => [`k${i}${r.pick(['', ' DESC'])}`]), ', ')}` : [];
    return {
      parts: parts`SELECT ${join([...names, ...this.aggregates(scope, r.between(1, 3))], ', ')} FROM ${T} t${r.chance(0.6) ? parts` WHERE ${this.where(scope)}` : []} GROUP BY ${join(keys.map((_, i) => [`k${i}`]), ', ')}${having}${order}`,
      isOrdered: order.length > 0,
    };
  }

  rollup() {
    const r = this.random;
    return {
      parts: parts`SELECT g, b, ${join(this.aggregates(this.mainScope(), 2), ', ')} FROM ${T} GROUP BY ${r.pick(['ROLLUP (g, b)', 'CUBE (g, b)', 'GROUPING SETS ((g), (b), ())'])}`,
    };
  }

  distinct() {
    const scope = this.mainScope('t');
    return { parts: parts`SELECT DISTINCT ${join(Array.from({ length: this.random.between(1, 3) }, (_, i) => parts`${this.keyOf(scope)} AS c${i}`), ', ')} FROM ${T} t${this.random.chance(0.6) ? parts` WHERE ${this.where(scope)}` : []}` };
  }

  // Two or three relations with what joins them.
  join() {
    const r = this.random;
    const a = { alias: 't', columns: MAIN };
    const isSelf = r.chance(0.35);
    const b = isSelf ? { alias: 'o', columns: MAIN } : { alias: 'd', columns: DIM };
    const scope = new Scope([a, b]);
    const on = isSelf ? r.pick(['t.k = o.nn', 't.id = o.id', 't.g = o.g AND t.k = o.k', 't.id = o.id + 1', 't.w = o.w AND t.nn = o.nn'])
      : r.pick(['t.g = d.g', 't.w = d.label', 't.g = d.g AND t.w = d.label', 't.ts < d.since AND t.g = d.g', 't.x = d.code']);
    const kind = r.pick(['JOIN', 'LEFT JOIN', 'INNER JOIN', 'RIGHT JOIN', 'FULL JOIN', 'LEFT JOIN']);
    const where = r.chance(0.7) ? parts` WHERE ${this.e.bool(scope, this.depth() - 1)}` : [];
    const other = isSelf ? T : D;
    switch (r.int(4)) {
      case 0: return { parts: parts`SELECT ${join(this.aggregates(scope, 2), ', ')} FROM ${T} t ${kind} ${other} ${b.alias} ON ${on}${where}` };
      case 1: return { parts: parts`SELECT t.g, ${b.alias}.g, count(*) FROM ${T} t ${kind} ${other} ${b.alias} ON ${on}${where} GROUP BY t.g, ${b.alias}.g` };
      case 2: return { parts: parts`SELECT t.id, ${isSelf ? 'o.id' : 'd.code'} AS other, ${join(this.items(scope, 1).map((i) => i.parts), ', ')} FROM ${T} t, ${other} ${b.alias} WHERE ${on} AND ${this.e.bool(scope, 1)}` };
      default: return { parts: parts`SELECT t.id, ${isSelf ? 'o.id' : 'd.code'} AS other, ${join(this.items(scope, 2).map((i) => i.parts), ', ')} FROM ${T} t ${kind} ${other} ${b.alias} ON ${on}${where}` };
    }
  }

  cte() {
    const r = this.random;
    const n = this.name('w');
    const m = this.name('w');
    const scope = this.mainScope('t');
    const first = parts`${n} AS ${r.pick(['', '', 'MATERIALIZED ', 'NOT MATERIALIZED '])}(SELECT t.id, t.g, t.k, t.w, t.d, t.nn FROM ${T} t WHERE ${this.where(scope)})`;
    const columns = MAIN.filter((c) => ['id', 'g', 'k', 'w', 'd', 'nn'].includes(c[0]));
    const inner = new Scope([{ alias: 'c', columns }]);
    switch (r.int(4)) {
      case 3: return { parts: parts`WITH ${first} SELECT c.id, o.w FROM ${n} c JOIN ${n} o ON c.id = o.id WHERE ${this.e.bool(inner, 1)} ORDER BY c.id LIMIT ${intLit(r.between(1, 30))}`, isOrdered: true };
      case 0: return { parts: parts`WITH ${first} SELECT c.id, ${join(this.items(inner, 1).map((i) => i.parts), ', ')} FROM ${n} c WHERE ${this.e.bool(inner, 1)}` };
      case 1: return { parts: parts`WITH ${first}, ${m} AS (SELECT c.g, count(*) AS total, sum(c.nn) AS nn FROM ${n} c GROUP BY c.g) SELECT c.id, s.total, s.nn FROM ${n} c JOIN ${m} s ON c.g = s.g WHERE ${this.e.bool(inner, 1)}` };
      default: return { parts: parts`WITH ${first}, ${m} AS (SELECT * FROM ${n} c WHERE ${this.e.bool(inner, 1)}) SELECT (SELECT count(*) FROM ${n}), (SELECT count(*) FROM ${m}), (SELECT max(d.code) FROM ${D} d WHERE d.g IN (SELECT g FROM ${m}))` };
    }
  }

  setop() {
    const r = this.random;
    const side = (alias) => {
      const isDim = r.chance(0.3);
      const scope = isDim ? new Scope([{ alias, columns: DIM }]) : new Scope([{ alias, columns: MAIN }]);
      const word = isDim ? 'label' : 'w';
      return parts`SELECT ${alias}.g AS a, ${alias}.${word} AS b FROM ${isDim ? D : T} ${alias} WHERE ${this.where(scope, r.between(0, 2))}`;
    };
    const op = () => r.pick([' UNION ', ' UNION ALL ', ' EXCEPT ', ' INTERSECT ', ' EXCEPT ALL ', ' INTERSECT ALL ']);
    if (r.chance(0.3)) return { parts: parts`SELECT a, b, count(*) FROM (${side('t')}${op()}${side('o')}) u GROUP BY a, b` };
    if (r.chance(0.3)) return { parts: parts`${side('t')}${op()}${side('o')}${op()}${side('v')}` };
    return { parts: parts`${side('t')} UNION ${side('o')} ORDER BY a, b LIMIT ${intLit(r.between(1, 40))}`, isOrdered: true };
  }

  window() {
    const r = this.random;
    const scope = this.mainScope('t');
    const partition = r.chance(0.7) ? parts`PARTITION BY ${this.keyOf(scope)} ` : [];
    const order = parts`ORDER BY ${this.e.anyColumn(scope)}${r.pick(['', ' DESC'])}, t.id`;
    const frame = r.pick(['', '', ' ROWS BETWEEN 2 PRECEDING AND CURRENT ROW', ' ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING', ' ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING']);
    const f = () => {
      switch (r.int(7)) {
        case 0: return parts`row_number() OVER (${partition}${order})`;
        case 1: return parts`${r.pick(['rank', 'dense_rank'])}() OVER (${partition}ORDER BY ${this.e.int(scope, 1)})`;
        case 2: return parts`${r.pick(['lag', 'lead'])}(${this.e.anyColumn(scope)}) OVER (${partition}${order})`;
        case 3: return parts`sum(${this.e.int(scope, 1)}) OVER (${partition}${order}${frame})`;
        case 4: return parts`${r.pick(['first_value', 'last_value'])}(${this.e.anyColumn(scope)}) OVER (${partition}${order}${frame})`;
        case 5: return parts`${r.pick(['min', 'max', 'count'])}(${this.e.column(scope, 'INT')}) OVER (${partition}${order}${frame})`;
        default: return parts`ntile(${r.between(1, 5)}) OVER (${partition}${order})`;
      }
    };
    const qualify = r.chance(0.25) ? parts` QUALIFY row_number() OVER (${partition}${order}) <= ${r.between(1, 3)}` : [];
    return { parts: parts`SELECT t.id, ${f()} AS w1, ${f()} AS w2 FROM ${T} t${r.chance(0.5) ? parts` WHERE ${this.where(scope, 1)}` : []}${qualify}` };
  }

  derived() {
    const r = this.random;
    const scope = this.mainScope('t');
    const columns = [['id', 'BIGINT'], ['c', 'INT'], ['z', 'TEXT']];
    const outer = new Scope([{ alias: 's', columns }]);
    const inner = parts`SELECT t.id, CAST(${this.e.int(scope, 2)} AS BIGINT) AS c, ${this.e.text(scope, 1)} AS z FROM ${T} t WHERE ${this.where(scope, 1)}`;
    if (r.chance(0.4)) return { parts: parts`SELECT s.c, count(*), min(s.z) FROM (${inner}) s GROUP BY s.c` };
    if (r.chance(0.3)) return { parts: parts`SELECT s.id, v.a FROM (${inner}) s JOIN (VALUES (1, 'x'), (2, 'y'), (3, 'z')) v(n, a) ON s.c = v.n` };
    return { parts: parts`SELECT s.id, s.c, s.z FROM (${inner} ORDER BY t.id LIMIT ${intLit(r.between(5, 60))}) s WHERE ${this.e.bool(outer, 1)}` };
  }

  // Every row is in exactly one of three parts: p, not p, p unknown.
  partition() {
    const scope = this.mainScope('t');
    const p = this.where(scope);
    return {
      parts: parts`SELECT (SELECT count(*) FROM ${T} t WHERE ${p}) + (SELECT count(*) FROM ${T} t WHERE NOT (${p})) + (SELECT count(*) FROM ${T} t WHERE (${p}) IS NULL) AS parts, (SELECT count(*) FROM ${T}) AS total`,
      check: ([row]) => (row[0] === row[1] ? null : `the parts have ${row[0]} rows of ${row[1]}`),
    };
  }

  star() {
    const scope = this.mainScope('t');
    const p = this.where(scope);
    return {
      parts: parts`SELECT ${this.random.pick(['*', 't.*'])} FROM ${T} t WHERE ${p}`, isStar: true,
      expect: p.value ? (rows) => rows.filter((r) => p.value(r) === true) : null,
    };
  }

  lateral() {
    const r = this.random;
    return { parts: parts`SELECT t.id, l.n, l.p FROM ${T} t, LATERAL (SELECT count(*) AS n, max(d.price) AS p FROM ${D} d WHERE d.g = t.g AND ${r.pick(['d.label = t.w', 'd.price > t.nn', 'd.label <> t.w'])}) l WHERE ${this.where(this.mainScope('t'), 1)}` };
  }

  deleted() {
    const scope = this.mainScope('t');
    const p = this.where(scope);
    return {
      parts: parts`SELECT t.id FROM ${T} t WHERE ${this.random.pick(['_deleted = false', 't._deleted = FALSE', 'NOT t._deleted', '_deleted IS FALSE'])} AND (${p})`,
      expect: p.value ? (rows) => rows.filter((r) => p.value(r) === true) : null,
    };
  }

  recursive() {
    return { parts: parts`WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < ${this.random.between(2, 12)}) SELECT r.n, count(t.id), sum(t.nn) FROM r LEFT JOIN ${T} t ON t.g = r.n AND ${this.e.bool(this.mainScope('t'), 1)} GROUP BY r.n` };
  }

  scalar() {
    const scope = this.mainScope('t');
    return { parts: parts`SELECT t.id, (SELECT count(*) FROM ${D} d WHERE d.g = t.g) AS n, (SELECT max(o.nn) FROM ${T} o WHERE o.g = t.g AND o.id < t.id) AS m FROM ${T} t WHERE ${this.where(scope, 1)}` };
  }

  // The same row by its key on the fast path and by a condition that only the engine answers.
  point(model) {
    const r = this.random;
    const scope = this.mainScope();
    const id = r.chance(0.8) && model.length ? r.pick(model).id : BigInt(r.between(-5, 2000));
    const rest = r.chance(0.5) ? this.e.bool(scope, r.between(0, 2)) : null;
    const columns = r.chance(0.3) ? ['*'] : ['id', ...r.sample(MAIN.filter((c) => c[0] !== 'id').map((c) => c[0]), r.between(1, 5))];
    const tail = (p) => (rest === null ? p : r.chance(0.5) ? parts`${p} AND (${rest})` : parts`(${rest}) AND ${p}`);
    const key = new Lit('BIGINT', id);
    const fast = tail(r.pick([parts`id = ${key}`, parts`${key} = id`, parts`(id = ${key})`]));
    const slow = rest === null ? parts`id + 0 = ${key}` : parts`id + 0 = ${key} AND (${rest})`;
    const isKnown = rest === null || rest.value !== null;
    return {
      fast: parts`SELECT ${columns.join(', ')} FROM ${T} WHERE ${fast}`,
      slow: parts`SELECT ${columns.join(', ')} FROM ${T} WHERE ${slow}`,
      columns, isStar: columns[0] === '*',
      expect: isKnown ? (rows) => rows.filter((row) => row.id === id && (rest === null || rest.value(row) === true)) : null,
    };
  }

  // An UPDATE or DELETE with any WHERE. change(rows of the model) -> rows after, and count; null: not told.
  write() {
    const r = this.random;
    const scope = this.mainScope();
    const p = r.chance(0.3) ? parts`` : null;
    const where = this.e.bool(scope, r.between(1, 2));
    const narrow = new X('BOOL', parts`id % ${intLit(r.pick([3, 5, 7]))} = ${intLit(r.int(3))}`);
    const modulus = narrow.parts.filter((x) => x instanceof Lit).map((x) => x.value);
    narrow.value = (row) => row.id % modulus[0] === modulus[1];
    const both = p ? where : new X('BOOL', parts`(${where}) AND ${narrow}`, where.value ? (row) => { const a = where.value(row); return a === false || !narrow.value(row) ? false : a; } : null);
    if (r.chance(0.25)) {
      const few = new X('BOOL', parts`(${both}) AND id % 11 = ${intLit(r.int(11))}`);
      const rest = few.parts[few.parts.length - 1].value;
      few.value = both.value ? (row) => row.id % 11n === rest && both.value(row) === true : null;
      return { kind: 'DELETE', parts: parts`DELETE FROM ${T} WHERE ${few}`, where: few, sets: [] };
    }
    const choices = r.sample([
      ['g', 'INT', () => this.e.lit('INT', BigInt(r.int(8)))],
      ['k', 'INT', () => this.e.lit('INT', BigInt(r.between(-50, 50)))],
      ['nn', 'INT', () => new X('INT', parts`(nn + 1) % 20`, (row) => (row.nn + 1n) % 20n)],
      ['w', 'TEXT', () => this.e.lit('TEXT', r.pick(WORDS))],
      ['w', 'TEXT', () => new X('TEXT', parts`lower(w)`, (row) => (row.w === null ? null : row.w.toLowerCase()))],
      ['b', 'BOOLEAN', () => new X('BOOL', parts`NOT b`, (row) => not3(row.b))],
      ['d', 'DOUBLE', () => this.e.lit('NUM', r.between(-100, 100) / 4)],
      ['x', 'TEXT', () => new X('TEXT', ['NULL'], () => null)],
      ['j', 'JSON', () => new X('TEXT', [new Lit('TEXT', '{"a":3,"b":"set"}')], () => '{"a":3,"b":"set"}')],
      ['d', 'DOUBLE', () => new X('NUM', parts`d * 0.5 + 1.25`)],
      ['k', 'INT', () => new X('INT', parts`CASE WHEN k > 0 THEN k - 1 ELSE g END`, (row) => (row.k !== null && row.k > 0n ? row.k - 1n : row.g))],
    ], r.between(1, 3));
    const sets = [];
    for (const [name, type, make] of choices) {
      if (!sets.some((s) => s.name === name)) sets.push({ name, type, x: make() });
    }
    return { kind: 'UPDATE', parts: parts`UPDATE ${T} SET ${join(sets.map((s) => parts`${s.name} = ${s.x}`), ', ')} WHERE ${both}`, where: both, sets };
  }
}
