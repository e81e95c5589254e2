// tests/rbac/statements.mjs -- the SQL of each cell of matrix.csv, with what it needs to be there first.
// A statement that is allowed and changes something gets names of its own: `fresh` numbers them.
import { OBJECTS } from './generate.mjs';

export const PASSWORD = 'Rbac-password-1!';
export const CANARY = 'canary-7f3a'; // what only its owner may ever see

// Who owns the rows with the canary.
export const VICTIM = 'rb_victim';
// Whom the dress EXECUTE AS stands for; a plain user with rows of his own.
export const TARGET = 'rb_target';
export const actorOf = (role) => `r_${role}`;

let number = 0;
const fresh = () => `x${++number}`;

// Statements by root, in order: what every cell may rely on.
export function setup() {
  const users = [
    `CREATE USER '${VICTIM}' WITH PASSWORD '${PASSWORD}' ROLE user`,
    `CREATE USER '${TARGET}' WITH PASSWORD '${PASSWORD}' ROLE user`,
  ];
  for (const role of ['user', 'service', 'dba', 'system']) {
    users.push(`CREATE USER '${actorOf(role)}' WITH PASSWORD '${PASSWORD}' ROLE ${role}`);
    users.push(`CREATE USER 't_${role}' WITH PASSWORD '${PASSWORD}' ROLE ${role} EMAIL '${CANARY}@example.org'`);
    users.push(`CREATE USER 'g_${role}' WITH PASSWORD '${PASSWORD}' ROLE user`);
  }
  const level = (name) => `CREATE TABLE rb.s_${name} (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = 'SHARED', ACCESS_LEVEL = '${name}')`;
  return [
    ...users,
    'CREATE NAMESPACE rb',
    'CREATE NAMESPACE rb_ns',
    "CREATE TABLE rb.notes (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = 'USER')",
    "CREATE TABLE rb.copies (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v TEXT) WITH (TYPE = 'USER')",
    "CREATE TABLE rb.events (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = 'STREAM', TTL_SECONDS = 3600)",
    ...['public', 'private', 'restricted', 'dba'].map(level),
    ...['public', 'private', 'restricted', 'dba'].map((n) => `INSERT INTO rb.s_${n} (id, v) VALUES (1, '${n}'), (2, '${n === 'public' ? n : CANARY}')`),
    'CREATE VIEW rb.v_notes AS SELECT id, v FROM rb.notes',
    'CREATE VIEW rb.v_private AS SELECT id, v FROM rb.s_private',
    'CREATE VIEW rb.v_dba AS SELECT id, v FROM rb.s_dba',
    'CREATE VIEW rb.v_drop AS SELECT id FROM rb.notes',
    "INSERT INTO dba.notifications (id, user_id, title, is_read, created_at, updated_at) VALUES ('1', 'u', 't', false, NOW(), NOW())",
    "INSERT INTO dba.stats (id, node_id, metric_name, metric_value, sampled_at) VALUES ('1', '1', 'm', 1.0, NOW())",
  ];
}

// Rows of everybody, each under his own token: 1 is there for reading, 2 to be changed. The victim's
// carry the canary and keys that nobody else has.
export const rowsOf = (who) =>
  who === VICTIM
    ? [`INSERT INTO rb.notes (id, v) VALUES (666, '${CANARY}')`, `INSERT INTO rb.events (id, v) VALUES (666, '${CANARY}')`]
    : ["INSERT INTO rb.notes (id, v) VALUES (1, 'mine'), (2, 'mine')", "INSERT INTO rb.events (id, v) VALUES (1, 'mine'), (2, 'mine')"];

// The columns that an object has, to write to.
const isBoot = (name) => name.startsWith('dba_');
const textColumn = { dba_notifications: 'title', dba_stats: 'metric_unit', sys_users: 'email', sys_audit: 'target', sys_namespaces: 'name', info_tables: 'table_name' };
const keyOf = (name) => (OBJECTS[name].other ? '666' : isBoot(name) ? "'1'" : '1');
const keyColumn = (name) => (OBJECTS[name].kind === 'system' ? textColumn[name] : 'id');

function insert(name, table) {
  const id = 1000 + Number(fresh().slice(1));
  if (name === 'dba_notifications') return `INSERT INTO ${table} (id, user_id, title, is_read, created_at, updated_at) VALUES ('${id}', 'u', 't', false, NOW(), NOW())`;
  if (name === 'dba_stats') return `INSERT INTO ${table} (id, node_id, metric_name, metric_value, sampled_at) VALUES ('${id}', '1', 'm', 1.0, NOW())`;
  if (OBJECTS[name].kind === 'system') return `INSERT INTO ${table} (${textColumn[name]}) VALUES ('x')`;
  return `INSERT INTO ${table} (id, v) VALUES (${id}, 'new')`;
}

// An object to destroy or change, made for this one statement.
const copyOf = {
  user: (n) => [`CREATE TABLE rb.${n} (id BIGINT PRIMARY KEY) WITH (TYPE = 'USER')`],
  stream: (n) => [`CREATE TABLE rb.${n} (id BIGINT PRIMARY KEY) WITH (TYPE = 'STREAM', TTL_SECONDS = 60)`],
  shared: (n, level) => [`CREATE TABLE rb.${n} (id BIGINT PRIMARY KEY) WITH (TYPE = 'SHARED', ACCESS_LEVEL = '${level}')`],
};

// { sql, before: statements of root }. `will`: the cell's outcome; only what will happen is prepared.
export function tableStatement(kind, name, will) {
  const object = OBJECTS[name];
  let table = object.table;
  let before = [];
  const changes = ['ALTER_ADD', 'ALTER_ACCESS', 'DROP_TABLE'].includes(kind);
  if (changes && will === 'ok' && copyOf[object.kind]) {
    const n = fresh();
    before = copyOf[object.kind](n, object.level);
    table = `rb.${n}`;
  }
  const id = keyOf(name);
  const column = textColumn[name] ?? 'v';
  const tag = object.other ? ` WHERE v = '${CANARY}'` : '';
  const sql = {
    SELECT: () => `SELECT * FROM ${table}${tag} LIMIT 5`,
    SELECT_KEY: () => `SELECT id FROM ${table} WHERE id = ${id}`,
    SELECT_JOIN: () => `SELECT n.id FROM rb.notes n JOIN ${table} o ON n.v = CAST(o.${keyColumn(name)} AS TEXT)`,
    SELECT_COUNT: () => `SELECT COUNT(*) AS c FROM ${table}`,
    SELECT_SUBQUERY: () => `SELECT id FROM rb.notes WHERE v IN (SELECT CAST(${keyColumn(name)} AS TEXT) FROM ${table})`,
    INSERT: () => insert(name, table),
    INSERT_SELECT: () => `INSERT INTO rb.copies (v) SELECT 'copied' FROM ${table} WHERE 1 = 2`,
    UPDATE: () => (object.other ? `UPDATE ${table} SET ${column} = 'stolen' WHERE id = 666`
      : object.kind === 'system' ? `UPDATE ${table} SET ${column} = 'x' WHERE ${column} = 'y'`
        : `UPDATE ${table} SET ${column} = '${fresh()}' WHERE id = ${isBoot(name) ? id : 2}`),
    DELETE: () => (object.other ? `DELETE FROM ${table} WHERE id = 666`
      : object.kind === 'system' ? `DELETE FROM ${table} WHERE ${column} = 'y'`
        : `DELETE FROM ${table} WHERE id = ${isBoot(name) ? "'none'" : '999'}`),
    SUBSCRIBE: () => `SUBSCRIBE TO ${table}`,
    DESCRIBE_TABLE: () => `DESCRIBE TABLE ${table}`,
    DESCRIBE_HISTORY: () => `DESC TABLE ${table} HISTORY`,
    DESCRIBE: () => `DESCRIBE ${table}`,
    SHOW_COLUMNS: () => `SHOW COLUMNS FROM ${table}`,
    SHOW_STATS: () => `SHOW STATS FOR TABLE ${table}`,
    EXPLAIN: () => `EXPLAIN SELECT * FROM ${table}`,
    ALTER_ADD: () => `ALTER TABLE ${table} ADD COLUMN c${fresh()} TEXT`,
    ALTER_ACCESS: () => `ALTER TABLE ${table} SET ACCESS LEVEL RESTRICTED`,
    DROP_TABLE: () => `DROP TABLE ${table}`,
    CREATE_VIEW: () => `CREATE OR REPLACE VIEW rb.v_${fresh()} AS SELECT 1 AS one FROM ${table}`,
    FLUSH_TABLE: () => `STORAGE FLUSH TABLE ${table}`,
    COMPACT_TABLE: () => `STORAGE COMPACT TABLE ${table}`,
  }[kind]();
  return { sql, before };
}

export function plainStatement(kind, will) {
  const n = fresh();
  const needs = (...before) => (will === 'ok' ? before : []);
  const table = (type, more = '') => ({ sql: `CREATE TABLE rb.${n} (id BIGINT PRIMARY KEY) WITH (TYPE = '${type}'${more})` });
  return {
    CREATE_NAMESPACE: () => ({ sql: `CREATE NAMESPACE n${n}` }),
    ALTER_NAMESPACE: () => ({ sql: "ALTER NAMESPACE rb_ns SET OPTIONS (a = 'b')" }),
    DROP_NAMESPACE: () => ({ sql: `DROP NAMESPACE d${n}`, before: needs(`CREATE NAMESPACE d${n}`) }),
    USE_NAMESPACE: () => ({ sql: 'USE rb' }),
    USE_MISSING: () => ({ sql: 'USE NAMESPACE rb_none' }),
    SHOW_NAMESPACES: () => ({ sql: 'SHOW NAMESPACES' }),
    SHOW_TABLES: () => ({ sql: 'SHOW TABLES' }),
    SHOW_TABLES_IN: () => ({ sql: 'SHOW TABLES IN rb' }),
    SHOW_STORAGES: () => ({ sql: 'SHOW STORAGES' }),
    SHOW_MANIFEST: () => ({ sql: 'SHOW MANIFEST' }),
    SHOW_EXPORT: () => ({ sql: 'SHOW EXPORT' }),
    SHOW_JOBS: () => ({ sql: 'SHOW JOBS' }),
    SHOW_ALL: () => ({ sql: 'SHOW ALL' }),
    CREATE_TABLE_USER: () => table('USER'),
    CREATE_TABLE_STREAM: () => table('STREAM', ', TTL_SECONDS = 60'),
    CREATE_TABLE_SHARED: () => table('SHARED'),
    CREATE_TABLE_UNTYPED: () => ({ sql: `CREATE TABLE rb.${n} (id BIGINT PRIMARY KEY)` }),
    CREATE_TABLE_SYSTEM: () => ({ sql: 'CREATE TABLE system.mine (id BIGINT PRIMARY KEY)' }),
    DROP_VIEW: () => ({ sql: `DROP VIEW rb.w${n}`, before: needs(`CREATE VIEW rb.w${n} AS SELECT 1 AS one`) }),
    CREATE_STORAGE: () => ({ sql: `CREATE STORAGE s${n} TYPE filesystem NAME 's' PATH 's${n}'` }),
    ALTER_STORAGE: () => ({ sql: "ALTER STORAGE local SET DESCRIPTION 'd'" }),
    DROP_STORAGE: () => ({ sql: 'DROP STORAGE rb_none' }),
    STORAGE_CHECK: () => ({ sql: 'STORAGE CHECK local' }),
    FLUSH_ALL: () => ({ sql: 'STORAGE FLUSH ALL IN rb_ns' }),
    COMPACT_ALL: () => ({ sql: 'STORAGE COMPACT ALL IN rb_ns' }),
    KILL_JOB: () => ({ sql: "KILL JOB 'FL-000000000000'" }),
    KILL_LIVE_QUERY: () => ({ sql: "KILL LIVE QUERY 'nobody-1-x'" }),
    BACKUP: () => ({ sql: "BACKUP DATABASE TO 'somewhere'" }),
    RESTORE: () => ({ sql: "RESTORE DATABASE FROM 'somewhere'" }),
    SHOW_BACKUP: () => ({ sql: "SHOW BACKUP 'somewhere'" }),
    EXPORT_USER_DATA: () => ({ sql: 'EXPORT USER DATA' }),
    CREATE_TOPIC: () => ({ sql: `CREATE TOPIC rb.${n}` }),
    ALTER_TOPIC: () => ({ sql: 'ALTER TOPIC rb.topic ADD SOURCE rb.s_public ON INSERT' }),
    DROP_TOPIC: () => ({ sql: 'DROP TOPIC rb.topic' }),
    CLEAR_TOPIC: () => ({ sql: 'CLEAR TOPIC rb.topic' }),
    CONSUME: () => ({ sql: "CONSUME FROM rb.topic GROUP 'g'" }),
    ACK: () => ({ sql: "ACK rb.topic GROUP 'g' UPTO OFFSET 1" }),
    CLUSTER: () => ({ sql: 'CLUSTER SNAPSHOT' }),
    SET: () => ({ sql: "SET TIME ZONE 'UTC'" }),
    TRANSACTION: () => ({ sql: 'BEGIN; SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE SAVEPOINT a; COMMIT; BEGIN; ROLLBACK' }),
    INSERT_SYSTEM_USER: () => ({ sql: "INSERT INTO system.users (user_id, role) VALUES ('mallory', 'system')" }),
    UPDATE_SYSTEM_USER_ROLE: () => ({ sql: "UPDATE system.users SET role = 'system' WHERE user_id = 't_user'" }),
    UPDATE_SYSTEM_USER_STORAGE: () => ({ sql: "UPDATE system.users SET storage_mode = 'region' WHERE user_id = 't_user'" }),
  }[kind]();
}

export function userStatement(kind, role, target, will) {
  const n = fresh();
  const create = `CREATE USER 'n_${n}' WITH PASSWORD '${PASSWORD}' ROLE ${target}`;
  return {
    CREATE_USER: () => ({ sql: create }),
    // Somebody else's role; what becomes of him matters to nobody else.
    ALTER_USER_ROLE: () => ({
      sql: `ALTER USER '${will === 'ok' ? `n_${n}` : `g_${role}`}' SET ROLE ${target}`,
      before: will === 'ok' ? [`CREATE USER 'n_${n}' WITH INTERNAL ROLE user`] : [],
    }),
    ALTER_USER_PASSWORD: () => ({ sql: `ALTER USER 't_${target}' SET PASSWORD '${PASSWORD}'` }),
    ALTER_USER_EMAIL: () => ({ sql: `ALTER USER '${target === 'self' ? actorOf(role) : `t_${target}`}' SET EMAIL 'e@example.org'` }),
    DROP_USER: () => ({ sql: `DROP USER '${will === 'ok' ? `n_${n}` : `t_${target}`}'`, before: will === 'ok' ? [create] : [] }),
  }[kind]();
}

export function asStatement(kind, role, target) {
  const whom = target === 'self' ? actorOf(role) : target === 'missing' ? 'rb_nobody' : `t_${target}`;
  const inner = {
    AS_SELECT_OWN: () => 'SELECT id FROM rb.notes',
    AS_INSERT_OWN: () => "INSERT INTO rb.copies (v) VALUES ('for him')",
    AS_SELECT_SHARED_PUBLIC: () => 'SELECT id FROM rb.s_public',
    AS_SELECT_SHARED_PRIVATE: () => 'SELECT id FROM rb.s_private',
    AS_INSERT_SHARED: () => insert('shared_public', 'rb.s_public'),
    AS_SELECT_SYSTEM: () => 'SELECT user_id FROM system.users',
    AS_CREATE_USER: () => "CREATE USER 'mallory' WITH INTERNAL ROLE system",
    AS_DROP_TABLE: () => 'DROP TABLE rb.notes',
    AS_SHOW_ALL: () => 'SHOW ALL',
  }[kind]();
  return { sql: `EXECUTE AS USER '${whom}' (${inner})` };
}
