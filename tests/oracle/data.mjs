// tests/oracle/data.mjs -- the logical contents that every state of the oracle holds: two tables, all column
// types, NULLs and edge values; how values are written in SQL, sent as parameters, and read back.
//   INT types and TIMESTAMP (µs) are BigInt here, FLOAT and DOUBLE numbers, BYTES arrays of numbers.

export const MAIN = [
  ['id', 'BIGINT', 'PRIMARY KEY'],
  ['g', 'INT'], // few values: groups, joins
  ['k', 'INT'], // small: arithmetic cannot overflow
  ['s', 'SMALLINT'],
  ['i', 'INT'],
  ['n', 'BIGINT'],
  ['b', 'BOOLEAN'],
  ['f', 'FLOAT'],
  ['d', 'DOUBLE'], // quarters: sums are exact in any order
  ['e', 'DOUBLE'],
  ['w', 'TEXT'], // few words
  ['x', 'TEXT'],
  ['ts', 'TIMESTAMP'],
  ['j', 'JSON'],
  ['y', 'BYTES'],
  ['u', 'UUID'],
  ['nn', 'INT', 'NOT NULL DEFAULT 7'],
];
export const DIM = [
  ['code', 'TEXT', 'PRIMARY KEY'],
  ['g', 'INT'],
  ['label', 'TEXT'],
  ['price', 'DOUBLE'],
  ['since', 'TIMESTAMP'],
];

export function typeOf(columns, name) { return columns.find((c) => c[0] === name)[1]; }

export const WORDS = ['alpha', 'beta', 'Beta', 'gamma', 'delta', 'epsilon', 'zeta', 'a', 'ab', 'abc', 'ABC', ''];
const TEXTS = ['', ' ', 'a', 'A', 'é', 'e\u0301', 'ß', '日本語', '😀 smile', "O'Brien", '"quoted"', 'a%b', 'a_b', 'a\\b', 'line\nbreak',
  'tab\there', 'NULL', 'null', 'true', '0', '-1', '1e5', '  lead', 'trail  ', 'x'.repeat(300), 'ÿ', '\u00ff\u0100', '\uffff', 'z',
  '2024-01-01', '{"a":1}', '--', '/* c */', ';', '$1', '?', '\u200b', 'İ', 'Ω'];
const JSONS = ['{"a":1,"b":"x"}', '{"a":2.5,"b":null}', '{"a":{"c":[1,2,3]},"b":"y"}', '[1,2,{"a":5}]', '"text"', '17', 'true', 'null', '{}', '[]',
  '{"a":"1","k":"alpha"}', '{"b":"é😀","a":[]}', '{"a":-1,"list":[{"v":1},{"v":2}]}', '{"a":9007199254740993}'];
const SMALLS = [-32768n, 32767n, 0n, 1n, -1n, 100n, -100n, 255n, 256n];
const INTS = [-2147483648n, 2147483647n, 0n, 1n, -1n, 65536n, -65536n, 1000000n];
const BIGS = [-9223372036854775808n, 9223372036854775807n, 0n, 1n, -1n, 9007199254740992n, 9007199254740993n, -9007199254740993n, 4294967296n,
  10000000000n];
const FLOATS = [0, -0, 0.5, -0.5, 1.5, 0.1, 3.4028234663852886e38, -3.4028234663852886e38, 1.401298464324817e-45, 16777216, 1e10].map(Math.fround);
const DOUBLES = [0, -0, 0.1, 0.2, 1 / 3, 1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 9007199254740993,
  1e21, 1e-7, 123456789.125, -1.5];
// µs; years 0001 to 9999, so that every one has an ISO text
const TIMES = ['0001-01-01T00:00:00', '1969-12-31T23:59:59.999999', '1970-01-01T00:00:00', '1970-01-01T00:00:00.000001', '2000-02-29T12:00:00',
  '2024-01-01T00:00:00', '2024-02-29T23:59:59.5', '2024-06-15T10:30:00.123456', '2038-01-19T03:14:08', '9999-12-31T23:59:59.999999'].map(isoToMicros);

export function isoToMicros(text) {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  const date = new Date(Date.UTC(2000, Number(m[2]) - 1, Number(m[3]), Number(m[4]), Number(m[5]), Number(m[6])));
  date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]));
  return BigInt(date.getTime()) * 1000n + BigInt((m[7] ?? '').padEnd(6, '0'));
}

export function microsToIso(us) {
  const ms = us >= 0n ? us / 1000n : -((-us + 999n) / 1000n);
  const rest = us - ms * 1000n;
  const text = new Date(Number(ms)).toISOString(); // years 0001..9999 have no sign
  return `${text.slice(0, 23)}${rest.toString().padStart(3, '0')}`;
}

const some = (random, share, make) => (random.chance(share) ? null : make());

export function makeMain(random, id) {
  return {
    id: BigInt(id),
    g: some(random, 0.1, () => BigInt(random.int(8))),
    k: some(random, 0.1, () => BigInt(random.between(-50, 50))),
    s: some(random, 0.1, () => (random.chance(0.5) ? random.pick(SMALLS) : BigInt(random.between(-300, 300)))),
    i: some(random, 0.1, () => (random.chance(0.5) ? random.pick(INTS) : BigInt(random.between(-100000, 100000)))),
    n: some(random, 0.1, () => (random.chance(0.6) ? random.pick(BIGS) : BigInt(random.between(-1000, 1000)))),
    b: some(random, 0.15, () => random.chance(0.5)),
    f: some(random, 0.1, () => (random.chance(0.5) ? random.pick(FLOATS) : random.between(-200, 200) / 2)),
    d: some(random, 0.1, () => random.between(-4000, 4000) / 4),
    e: some(random, 0.1, () => (random.chance(0.6) ? random.pick(DOUBLES) : random.between(-1000, 1000) / 8)),
    w: some(random, 0.1, () => random.pick(WORDS)),
    x: some(random, 0.1, () => (random.chance(0.7) ? random.pick(TEXTS) : random.pick(TEXTS) + random.pick(WORDS))),
    ts: some(random, 0.1, () => (random.chance(0.4) ? random.pick(TIMES)
      : isoToMicros('2024-01-01T00:00:00') + BigInt(random.int(1000)) * 3600000000n + BigInt(random.int(1000000)))),
    j: some(random, 0.15, () => random.pick(JSONS)),
    y: some(random, 0.15, () => Array.from({ length: random.pick([0, 1, 2, 16, 33]) }, () => random.pick([0, 1, 65, 127, 128, 255, random.int(256)]))),
    u: some(random, 0.1, () => {
      const h = random.chance(0.2) ? random.pick(['0', 'f']).repeat(32) : random.hex(32);
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
    }),
    nn: BigInt(random.between(-20, 20)),
  };
}

export function makeDim(random, number) {
  return {
    code: number < 4 ? ['', 'é', "q'", 'A'][number] : `c${String(number).padStart(3, '0')}`,
    g: some(random, 0.15, () => BigInt(random.int(8))),
    label: some(random, 0.15, () => random.pick(WORDS)),
    price: some(random, 0.15, () => random.between(0, 400) / 4),
    since: some(random, 0.2, () => isoToMicros('2023-01-01T00:00:00') + BigInt(random.int(20000)) * 3600000000n),
  };
}

const hex = (bytes) => bytes.map((v) => v.toString(16).padStart(2, '0')).join('');

export function realText(v) {
  if (Object.is(v, -0)) return '-0.0';
  const text = String(v);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

// A value as a literal for a column of that type.
export function literal(type, v) {
  if (v === null) return 'NULL';
  switch (type) {
    case 'BOOLEAN': return v ? 'true' : 'false';
    case 'FLOAT': case 'DOUBLE': return realText(v);
    case 'TIMESTAMP': return `'${microsToIso(v)}'`;
    case 'BYTES': return `'\\x${hex(v)}'`;
    case 'TEXT': case 'JSON': case 'UUID': return `'${v.replaceAll("'", "''")}'`;
    default: return String(v);
  }
}

// The same as a JSON parameter; undefined: JSON cannot say it exactly.
export function parameter(type, v) {
  if (v === null) return null;
  switch (type) {
    case 'BOOLEAN': case 'TEXT': case 'JSON': case 'UUID': return v;
    case 'FLOAT': case 'DOUBLE': return Number.isInteger(v) ? undefined : v; // 2.0 would arrive as a whole number
    case 'TIMESTAMP': return microsToIso(v);
    case 'BYTES': return `\\x${hex(v)}`;
    default: return v >= -9007199254740991n && v <= 9007199254740991n ? Number(v) : undefined;
  }
}

// What a cell of the reply must be, as a text that compares; -0 and 0 are one.
export function cellText(type, v) {
  if (v === null) return 'null';
  switch (type) {
    case 'BIGINT': return `"${v}"`;
    case 'FLOAT': return String(Math.fround(v) + 0);
    case 'DOUBLE': return String(v + 0);
    case 'TEXT': case 'JSON': case 'UUID': case 'BYTES': return JSON.stringify(v);
    default: return String(v);
  }
}
export function replyText(type, cell) {
  if (cell === null) return 'null';
  if (type === 'FLOAT') return String(Math.fround(cell) + 0);
  if (type === 'DOUBLE') return String(cell + 0);
  if (type === 'TIMESTAMP') return String(cell); // may be a text, see parseJson
  return JSON.stringify(cell);
}

export function createTable(kind, name, columns) {
  return `CREATE ${kind} TABLE ${name} (${columns.map((c) => c.filter(Boolean).join(' ')).join(', ')})`;
}

export function insertText(name, columns, rows) {
  const values = rows.map((row) => `(${columns.map((c) => literal(c[1], row[c[0]])).join(', ')})`);
  return `INSERT INTO ${name} (${columns.map((c) => c[0]).join(', ')}) VALUES ${values.join(', ')}`;
}

export function updateText(name, columns, row) {
  const [key, ...rest] = columns;
  return `UPDATE ${name} SET ${rest.map((c) => `${c[0]} = ${literal(c[1], row[c[0]])}`).join(', ')} WHERE ${key[0]} = ${literal(key[1], row[key[0]])}`;
}
