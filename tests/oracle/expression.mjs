// tests/oracle/expression.mjs -- random scalar expressions. Each is a list of parts (texts, literals, tables) that
// is printed for one state of the data, with literals in place or as parameters; where the meaning is easily told
// it also has `value(row)`, so that the answer itself can be checked and not only its sameness.
//   kinds: BOOL, INT (any whole number, BigInt), NUM (DOUBLE), TEXT, TS (BigInt)
import { literal, parameter, WORDS, isoToMicros, microsToIso } from './data.mjs';

export class Lit {
  // cast: what a parameter must be cast to so that it means what the literal means
  constructor(type, value, cast) { this.type = type; this.value = value; this.cast = cast; }
}
export class Table { constructor(which) { this.which = which; } } // 'T' or 'D'
// CURRENT_USER(), or the name itself when `names.user` is set.
export class SessionUser {}
export const T = new Table('T');
export const D = new Table('D');

export class X {
  constructor(kind, parts, value) { this.kind = kind; this.parts = parts; this.value = value ?? null; }
}

// Template: pieces of text, X, Lit, Table, arrays of parts.
export function parts(strings, ...args) {
  const out = [];
  strings.forEach((s, i) => {
    if (s) out.push(s);
    if (i < args.length) add(out, args[i]);
  });
  return out;
}
function add(out, a) {
  if (a instanceof X) out.push(...a.parts);
  else if (Array.isArray(a)) a.forEach((b) => add(out, b));
  else if (a instanceof Lit || a instanceof Table || a instanceof SessionUser) out.push(a);
  else if (a !== '' && a !== null && a !== undefined) out.push(String(a));
}
export function join(list, separator) {
  return list.flatMap((p, i) => (i > 0 ? [separator, p] : [p]));
}

// names: { T, D, user }
export function print(list, names) {
  return list.map((p) => (p instanceof Lit ? literalText(p) : otherText(p, names))).join('');
}
function otherText(p, names) {
  if (p instanceof Table) return names[p.which];
  if (p instanceof SessionUser) return names.user === undefined ? 'CURRENT_USER()' : literal('TEXT', names.user);
  return p;
}
function literalText(lit) {
  if (lit.type === 'TIMESTAMP') return `TIMESTAMP ${literal('TIMESTAMP', lit.value)}`;
  return lit.value !== null && typeof lit.value === 'bigint' && lit.value < 0n ? `(${lit.value})` : literal(lit.type, lit.value);
}
// -> { sql, params }: as many literals as fit are parameters
export function printWithParameters(list, names) {
  const params = [];
  const sql = list.map((p) => {
    if (!(p instanceof Lit)) return otherText(p, names);
    const v = parameter(p.type, p.value);
    if (v === undefined || v === null || params.length >= 50) return literalText(p);
    params.push(v);
    return p.type === 'TIMESTAMP' ? `CAST($${params.length} AS TIMESTAMP)` : p.cast ? `CAST($${params.length} AS ${p.cast})` : `$${params.length}`;
  }).join('');
  return { sql, params };
}

const KINDS = {
  BOOLEAN: 'BOOL', SMALLINT: 'INT', INT: 'INT', BIGINT: 'INT', FLOAT: 'NUM', DOUBLE: 'NUM', TEXT: 'TEXT', TIMESTAMP: 'TS',
  JSON: 'JSON', BYTES: 'BYTES', UUID: 'UUID',
};
// Columns whose values may be large: compared, never calculated with.
const EDGES = new Set(['s', 'i', 'n', 'id', 'f', 'e']);
const EDGE_LITERALS = {
  id: [0n, 1n, 5n, 50n, 100n, -1n, 1000n],
  s: [-32768n, 32767n, 0n, 1n, -1n, 40000n], i: [-2147483648n, 2147483647n, 0n, 1n, 65536n, 3000000000n],
  n: [-9223372036854775808n, 9223372036854775807n, 0n, 9007199254740993n, -1n, 10000000000n],
  f: [0, 0.5, 1.5, 16777216, 1e10, -0.5], e: [0, -1.5, 123456789.125, 1e21, 5e-324, 0.5],
};

export const utf8Compare = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const compare = (a, b) => (typeof a === 'string' ? utf8Compare(a, b) : a < b ? -1 : a > b ? 1 : 0);
const test3 = { '=': (c) => c === 0, '<>': (c) => c !== 0, '<': (c) => c < 0, '<=': (c) => c <= 0, '>': (c) => c > 0, '>=': (c) => c >= 0 };
const lift = (f, ...xs) => (xs.every((x) => x.value) ? (row) => { // NULL in, NULL out
  const vs = xs.map((x) => x.value(row));
  return vs.includes(null) ? null : f(...vs);
} : null);
export const not3 = (v) => (v === null ? null : !v);
const and3 = (a, b) => (a === false || b === false ? false : a === null || b === null ? null : true);
const or3 = (a, b) => (a === true || b === true ? true : a === null || b === null ? null : false);
function likeRegExp(pattern, isCaseless) {
  const body = [...pattern].map((c) => (c === '%' ? '[^]*' : c === '_' ? '[^]' : c.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))).join('');
  return new RegExp(`^${body}$`, isCaseless ? 'iu' : 'u');
}

// What names mean where the expression stands: [{ alias ('' for none), columns: [[name, type]] }]. `isRow`: it is
// one base table, and `value` functions get its row.
export class Scope {
  constructor(relations, isRow = false) { this.relations = relations; this.isRow = isRow; }

  with(relation) { return new Scope([...this.relations, relation]); }
}

export class Expressions {
  // options: subqueries (false: none), sessionUser (true: CURRENT_USER() is a text)
  constructor(random, options = {}) { this.random = random; this.options = options; this.aliases = 0; }

  columns(scope, test) {
    return scope.relations.flatMap((r) => r.columns.filter(test).map((c) => ({ relation: r, name: c[0], type: c[1] })));
  }

  column(scope, kind, isSafe = false) {
    const found = this.columns(scope, (c) => KINDS[c[1]] === kind && !(isSafe && EDGES.has(c[0])));
    return found.length ? this.reference(scope, this.random.pick(found)) : null;
  }

  reference(scope, c) {
    const text = c.relation.alias ? `${c.relation.alias}.${c.name}` : c.name;
    const x = new X(KINDS[c.type], [text], scope.isRow ? (row) => row[c.name] : null);
    x.columnName = c.name;
    x.type = c.type;
    return x;
  }

  anyColumn(scope) { return this.reference(scope, this.random.pick(this.columns(scope, () => true))); }

  lit(kind, value) {
    const type = { BOOL: 'BOOLEAN', INT: 'BIGINT', NUM: 'DOUBLE', TEXT: 'TEXT', TS: 'TIMESTAMP' }[kind];
    return new X(kind, [new Lit(type, value)], () => value);
  }

  int(scope, depth) {
    const r = this.random;
    const leaf = () => (r.chance(0.75) && this.column(scope, 'INT', true)) || this.lit('INT', BigInt(r.between(-12, 12)));
    if (depth <= 0) return leaf();
    const sub = () => this.int(scope, depth - 1);
    switch (r.int(14)) {
      case 0: { const a = sub(); const b = sub(); return new X('INT', parts`(${a} + ${b})`, lift((p, q) => p + q, a, b)); }
      case 1: { const a = sub(); const b = sub(); return new X('INT', parts`(${a} - ${b})`, lift((p, q) => p - q, a, b)); }
      case 2: { const a = sub(); const n = BigInt(r.between(-7, 7)); return new X('INT', parts`(${a} * ${this.lit('INT', n)})`, lift((p) => p * n, a)); }
      case 3: { const a = sub(); const n = BigInt(r.pick([2, 3, 5, 7, 10])); return new X('INT', parts`(${a} % ${this.lit('INT', n)})`, lift((p) => p % n, a)); }
      case 4: { const a = sub(); const n = BigInt(r.pick([2, 3, -4])); return new X('INT', parts`(${a} / ${this.lit('INT', n)})`, lift((p) => p / n, a)); }
      case 5: { const a = sub(); return new X('INT', parts`abs(${a})`, lift((p) => (p < 0n ? -p : p), a)); }
      case 6: { const a = sub(); return new X('INT', parts`(- ${a})`, lift((p) => -p, a)); }
      case 7: { const a = sub(); const b = sub(); return new X('INT', parts`coalesce(${a}, ${b})`, a.value && b.value ? (row) => a.value(row) ?? b.value(row) : null); }
      case 8: { const p = this.bool(scope, depth - 1); const a = sub(); const b = sub(); return this.caseOf('INT', p, a, b); }
      case 9: { const a = this.text(scope, depth - 1); return new X('INT', parts`length(${a})`, lift((p) => BigInt([...p].length), a)); }
      case 10: { const a = this.column(scope, 'BOOL'); return a ? new X('INT', parts`CAST(${a} AS INT)`, lift((p) => (p ? 1n : 0n), a)) : leaf(); }
      case 11: { const a = this.column(scope, 'TS'); return a ? new X('INT', parts`${r.pick(['year', 'month', 'day', 'hour'])}(${a})`) : leaf(); }
      case 12: { const a = sub(); const b = sub(); return new X('INT', parts`nullif(${a}, ${b})`, a.value && b.value ? (row) => { const p = a.value(row); return p !== null && p === b.value(row) ? null : p; } : null); }
      default: { const a = this.column(scope, 'JSON'); return a ? new X('INT', parts`${r.pick(['json_get_int', 'json_length'])}(${a}, 'a')`) : leaf(); }
    }
  }

  caseOf(kind, p, a, b) {
    return new X(kind, parts`CASE WHEN ${p} THEN ${a} ELSE ${b} END`, p.value && a.value && b.value ? (row) => (p.value(row) === true ? a.value(row) : b.value(row)) : null);
  }

  num(scope, depth) {
    const r = this.random;
    const leaf = () => (r.chance(0.7) && this.column(scope, 'NUM', true)) || this.lit('NUM', r.between(-40, 40) / 4);
    if (depth <= 0) return leaf();
    const sub = () => this.num(scope, depth - 1);
    switch (r.int(7)) {
      case 0: { const a = sub(); const b = sub(); return new X('NUM', parts`(${a} + ${b})`, lift((p, q) => p + q, a, b)); }
      case 1: { const a = sub(); const b = sub(); return new X('NUM', parts`(${a} - ${b})`, lift((p, q) => p - q, a, b)); }
      case 2: { const a = sub(); return new X('NUM', parts`(${a} * ${this.lit('NUM', 0.5)})`, lift((p) => p * 0.5, a)); }
      case 3: { const a = this.int(scope, depth - 1); return new X('NUM', parts`CAST(${a} AS DOUBLE)`, lift(Number, a)); }
      case 4: { const p = this.bool(scope, depth - 1); const a = sub(); const b = sub(); return this.caseOf('NUM', p, a, b); }
      case 5: { const a = sub(); return new X('NUM', parts`abs(${a})`, lift(Math.abs, a)); }
      default: { const a = sub(); return new X('NUM', parts`${r.pick(['floor', 'ceil'])}(${a})`); }
    }
  }

  text(scope, depth) {
    const r = this.random;
    const leaf = () => (r.chance(0.75) && this.column(scope, 'TEXT')) || (this.options.sessionUser && r.chance(0.4) ? new X('TEXT', [new SessionUser()]) : this.lit('TEXT', r.pick(WORDS)));
    const word = () => { // ASCII alone
      const found = this.columns(scope, (c) => c[0] === 'w' || c[0] === 'label');
      return found.length ? this.reference(scope, r.pick(found)) : this.lit('TEXT', r.pick(WORDS));
    };
    if (depth <= 0) return leaf();
    const sub = () => this.text(scope, depth - 1);
    switch (r.int(15)) {
      case 0: { const a = word(); return new X('TEXT', parts`upper(${a})`, lift((p) => p.toUpperCase(), a)); }
      case 1: { const a = word(); return new X('TEXT', parts`lower(${a})`, lift((p) => p.toLowerCase(), a)); }
      case 2: { const a = sub(); const b = sub(); return new X('TEXT', parts`(${a} || ${this.lit('TEXT', '-')} || ${b})`, lift((p, q) => `${p}-${q}`, a, b)); }
      case 3: { const a = sub(); return new X('TEXT', parts`substring(${a}, ${r.between(1, 3)}, ${r.between(0, 4)})`); }
      case 4: { const a = word(); return new X('TEXT', parts`replace(${a}, ${this.lit('TEXT', 'a')}, ${this.lit('TEXT', 'zz')})`, lift((p) => p.replaceAll('a', 'zz'), a)); }
      case 5: { const a = this.int(scope, depth - 1); return new X('TEXT', parts`CAST(${a} AS TEXT)`, lift(String, a)); }
      case 6: { const a = this.column(scope, 'JSON'); return a ? new X('TEXT', parts`(${a}->>${this.jsonKey()})`) : leaf(); }
      case 7: { const a = this.column(scope, 'JSON'); return a ? new X('TEXT', parts`(${a}->'a'->>${this.jsonKey()})`) : leaf(); }
      case 8: { const a = this.column(scope, 'UUID'); return a ? new X('TEXT', parts`CAST(${a} AS TEXT)`, lift((p) => p, a)) : leaf(); }
      case 9: { const a = sub(); const b = sub(); return new X('TEXT', parts`coalesce(${a}, ${b})`, a.value && b.value ? (row) => a.value(row) ?? b.value(row) : null); }
      case 10: { const a = sub(); return new X('TEXT', parts`${r.pick(['left', 'right'])}(${a}, ${r.between(0, 3)})`); }
      case 11: { const a = sub(); return new X('TEXT', parts`trim(${a})`); }
      case 12: { const a = sub(); const b = sub(); return new X('TEXT', parts`concat(${a}, ${b})`, a.value && b.value ? (row) => `${a.value(row) ?? ''}${b.value(row) ?? ''}` : null); }
      case 13: { const p = this.bool(scope, depth - 1); const a = sub(); const b = sub(); return this.caseOf('TEXT', p, a, b); }
      default: { const a = this.column(scope, 'INT'); return a ? new X('TEXT', parts`CAST(${a} AS TEXT)`, lift(String, a)) : leaf(); }
    }
  }

  jsonKey() { return this.random.pick(["'a'", "'b'", "'k'", "'list'", "'c'", '0', '1']); }

  ts(scope, depth) {
    const r = this.random;
    const leaf = () => this.column(scope, 'TS') ?? this.timeLit();
    switch (depth <= 0 ? 3 : r.int(4)) {
      case 0: { const a = leaf(); return new X('TS', parts`date_trunc('${r.pick(['day', 'hour', 'month'])}', ${a})`); }
      case 1: { const a = leaf(); return new X('TS', parts`(${a} + INTERVAL '${r.between(1, 40)} ${r.pick(['hours', 'days', 'minutes'])}')`); }
      default: return leaf();
    }
  }

  timeLit() {
    const us = this.random.pick(['0001-01-01T00:00:00', '1970-01-01T00:00:00', '2024-01-15T00:00:00', '2024-02-01T12:30:00.5', '9999-12-31T23:59:59.999999'].map(isoToMicros));
    return this.lit('TS', us);
  }

  of(kind, scope, depth) {
    return { BOOL: () => this.bool(scope, depth), INT: () => this.int(scope, depth), NUM: () => this.num(scope, depth), TEXT: () => this.text(scope, depth), TS: () => this.ts(scope, depth) }[kind]();
  }

  any(scope, depth) {
    return this.of(this.random.weighted([[2, 'BOOL'], [5, 'INT'], [3, 'NUM'], [5, 'TEXT'], [2, 'TS']]), scope, depth);
  }

  comparison(a, b, op) {
    const x = lift((p, q) => test3[op](compare(p, q)), a, b);
    return new X('BOOL', parts`${a} ${op} ${b}`, x);
  }

  // A column against a value it may well have.
  columnTest(scope) {
    const r = this.random;
    const c = this.anyColumn(scope);
    const op = r.pick(['=', '<>', '<', '<=', '>', '>=']);
    switch (c.kind) {
      case 'BOOL': return r.chance(0.5) ? c : new X('BOOL', parts`${c} ${r.pick(['IS TRUE', 'IS NOT TRUE', 'IS FALSE', 'IS NOT FALSE'])}`);
      case 'JSON': return r.chance(0.6) ? new X('BOOL', parts`${c} ? ${r.pick(["'a'", "'b'", "'zz'"])}`)
        : this.comparison(c, this.lit('TEXT', r.pick(['{"a":1,"b":"x"}', '{}', 'null'])), '=');
      case 'BYTES': return new X('BOOL', parts`${c} ${op} '${r.pick(['\\x41', '\\x00', '\\xff', '\\x0041'])}'`);
      case 'UUID': return new X('BOOL', parts`${c} ${op} ${new Lit('TEXT', r.pick(['00000000-0000-0000-0000-000000000000', '80000000-0000-4000-8000-000000000000']), 'UUID')}`);
      case 'TS': return r.chance(0.5) ? this.comparison(c, this.timeLit(), op)
        : (() => { const us = this.timeLit().value(); const x = new X('BOOL', parts`${c} ${op} '${microsToIso(us)}'`, lift((p) => test3[op](compare(p, us)), c)); return x; })();
      case 'TEXT': return this.comparison(c, this.lit('TEXT', r.pick([...WORDS, 'é', 'z', '日本語'])), op);
      case 'NUM': return this.comparison(c, this.lit('NUM', EDGES.has(c.columnName) ? r.pick(EDGE_LITERALS[c.columnName]) : r.between(-200, 200) / 4), op);
      default: return this.comparison(c, this.lit('INT', EDGES.has(c.columnName) ? r.pick(EDGE_LITERALS[c.columnName]) : BigInt(r.between(-10, 10))), op);
    }
  }

  inList(scope, depth) {
    const r = this.random;
    const kind = r.pick(['INT', 'TEXT']);
    const a = r.chance(0.6) ? this.column(scope, kind, true) ?? this.of(kind, scope, depth - 1) : this.of(kind, scope, depth - 1);
    const values = Array.from({ length: r.between(1, 5) }, () => this.lit(kind, kind === 'INT' ? BigInt(r.between(-10, 10)) : r.pick(WORDS)));
    const hasNull = r.chance(0.15);
    const isNot = r.chance(0.3);
    const value = a.value ? (row) => {
      const p = a.value(row);
      const is = p === null ? null : values.some((v) => v.value() === p) ? true : hasNull ? null : false;
      return isNot ? not3(is) : is;
    } : null;
    return new X('BOOL', parts`${a} ${isNot ? 'NOT ' : ''}IN (${join([...values, ...(hasNull ? ['NULL'] : [])], ', ')})`, value);
  }

  like(scope) {
    const r = this.random;
    const a = this.column(scope, 'TEXT') ?? this.lit('TEXT', 'alpha');
    const pattern = r.pick(['a%', '%a', '%a%', '_b%', '%', '', '_', 'alpha', '%é%', '%\n%', 'A%', '%_', '__%', '%%', "%'%", '%日%']);
    const isCaseless = r.chance(0.25) && /^[\x00-\x7f]*$/.test(pattern) && (a.columnName === 'w' || a.columnName === 'label');
    const isNot = r.chance(0.25);
    const re = likeRegExp(pattern, isCaseless);
    return new X('BOOL', parts`${a} ${isNot ? 'NOT ' : ''}${isCaseless ? 'ILIKE' : 'LIKE'} ${this.lit('TEXT', pattern)}`, lift((p) => re.test(p) !== isNot, a));
  }

  bool(scope, depth) {
    const r = this.random;
    if (depth <= 0) return this.columnTest(scope);
    const sub = () => this.bool(scope, depth - 1);
    switch (r.weighted([[10, 'column'], [6, 'compare'], [6, 'and'], [5, 'or'], [4, 'not'], [4, 'in'], [3, 'between'], [4, 'like'], [4, 'null'],
      [2, 'distinct'], [1, 'case'], [2, 'function'], [this.options.subqueries === false ? 0 : 4, 'subquery']])) {
      case 'column': return this.columnTest(scope);
      case 'compare': {
        const kind = r.pick(['INT', 'NUM', 'TEXT', 'TS']);
        return this.comparison(this.of(kind, scope, depth - 1), this.of(kind, scope, depth - 1), r.pick(['=', '<>', '<', '<=', '>', '>=']));
      }
      case 'and': { const a = sub(); const b = sub(); return new X('BOOL', parts`(${a} AND ${b})`, a.value && b.value ? (row) => and3(a.value(row), b.value(row)) : null); }
      case 'or': { const a = sub(); const b = sub(); return new X('BOOL', parts`(${a} OR ${b})`, a.value && b.value ? (row) => or3(a.value(row), b.value(row)) : null); }
      case 'not': { const a = sub(); return new X('BOOL', parts`(NOT (${a}))`, a.value ? (row) => not3(a.value(row)) : null); }
      case 'in': return this.inList(scope, depth);
      case 'between': {
        const kind = r.pick(['INT', 'NUM', 'TEXT']);
        const a = this.of(kind, scope, depth - 1);
        const low = this.of(kind, scope, 0);
        const high = this.of(kind, scope, 0);
        const isNot = r.chance(0.2);
        const value = a.value && low.value && high.value ? (row) => {
          const [p, q, s] = [a.value(row), low.value(row), high.value(row)];
          const is = and3(p === null || q === null ? null : compare(p, q) >= 0, p === null || s === null ? null : compare(p, s) <= 0);
          return isNot ? not3(is) : is;
        } : null;
        return new X('BOOL', parts`${a} ${isNot ? 'NOT ' : ''}BETWEEN ${low} AND ${high}`, value);
      }
      case 'like': return this.like(scope);
      case 'null': {
        const a = r.chance(0.7) ? this.anyColumn(scope) : this.any(scope, depth - 1);
        const isNot = r.chance(0.5);
        return new X('BOOL', parts`(${a}) IS ${isNot ? 'NOT ' : ''}NULL`, a.value ? (row) => (a.value(row) === null) !== isNot : null);
      }
      case 'distinct': {
        const kind = r.pick(['INT', 'TEXT', 'NUM']);
        const a = this.of(kind, scope, depth - 1);
        const b = this.of(kind, scope, depth - 1);
        const isNot = r.chance(0.5);
        return new X('BOOL', parts`${a} IS ${isNot ? 'NOT ' : ''}DISTINCT FROM ${b}`, a.value && b.value ? (row) => {
          const [p, q] = [a.value(row), b.value(row)];
          const same = p === null || q === null ? p === q : compare(p, q) === 0;
          return isNot ? same : !same;
        } : null);
      }
      case 'case': { const p = sub(); const a = sub(); const b = sub(); return this.caseOf('BOOL', p, a, b); }
      case 'function': {
        const a = this.column(scope, 'TEXT') ?? this.lit('TEXT', 'alpha');
        const t = r.pick(['a', 'b', 'é', '']);
        return r.chance(0.5) ? new X('BOOL', parts`starts_with(${a}, ${this.lit('TEXT', t)})`, lift((p) => p.startsWith(t), a))
          : new X('BOOL', parts`contains(${a}, ${this.lit('TEXT', t)})`, lift((p) => p.includes(t), a));
      }
      default: return this.subquery(scope, depth);
    }
  }

  // A condition with a subquery over T or D, mostly correlated.
  subquery(scope, depth) {
    const r = this.random;
    const isDim = r.chance(0.6);
    const alias = `q${++this.aliases}`;
    const relation = { alias, columns: isDim ? this.options.dim : this.options.main };
    const inner = new Scope([relation]);
    const both = new Scope([...scope.relations, relation]);
    const table = isDim ? D : T;
    const isQualified = scope.relations.every((o) => o.alias !== '');
    const where = isQualified && r.chance(0.6) ? this.bool(both, Math.min(depth - 1, 1)) : this.bool(inner, Math.min(depth - 1, 1));
    const outerG = isQualified ? this.column(scope, 'INT', true) : null;
    const link = outerG && r.chance(0.6) ? parts`${alias}.g = ${outerG} AND ` : [];
    switch (r.int(5)) {
      case 0: return new X('BOOL', parts`${r.chance(0.3) ? 'NOT ' : ''}EXISTS (SELECT 1 FROM ${table} ${alias} WHERE ${link}${where})`);
      case 1: return new X('BOOL', parts`${this.int(scope, 0)} ${r.chance(0.3) ? 'NOT ' : ''}IN (SELECT ${alias}.g FROM ${table} ${alias} WHERE ${where})`);
      case 2: return new X('BOOL', parts`${this.int(scope, 0)} ${r.pick(['<', '>=', '='])} (SELECT ${r.pick(['max', 'min', 'count'])}(${alias}.g) FROM ${table} ${alias} WHERE ${link}${where})`);
      case 3: return new X('BOOL', parts`${this.text(scope, 0)} IN (SELECT ${alias}.${isDim ? 'label' : 'w'} FROM ${table} ${alias} WHERE ${link}${where})`);
      default: return new X('BOOL', parts`${this.int(scope, 0)} ${r.pick(['>', '<=', '='])} ${r.pick(['ANY', 'ALL'])} (SELECT ${alias}.g FROM ${table} ${alias} WHERE ${where})`);
    }
  }
}
