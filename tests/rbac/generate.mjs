// tests/rbac/generate.mjs -- writes matrix.csv: who may do what, as the contract says it (sql.md
// sections 1, 3.5, 9; http-ws.md sections 2.11, 2.12). It knows nothing of the server: the rules are
// written down here once more, from the contract's text. README.md says them in words.
//     node tests/rbac/generate.mjs            prints the file
//     node tests/rbac/generate.mjs --write    writes it
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROLES = ['anonymous', 'user', 'service', 'dba', 'system'];
const rank = (role) => ROLES.indexOf(role);
const isAdmin = (role) => rank(role) >= rank('dba');
const TITLE = { user: 'User', service: 'Service', dba: 'Dba', system: 'System' };

// An outcome: what (ok, denied, refused, unavailable), words of the message, how many rows are seen or
// touched ('some', 'none', '' when that is not asked).
const ok = (rows = '') => ({ what: 'ok', text: '', rows });
const denied = (text) => ({ what: 'denied', text, rows: '' });
const refused = (text) => ({ what: 'refused', text, rows: '' });
const unavailable = (statement) => ({ what: 'unavailable', text: `Not implemented: ${statement}`, rows: '' });

// --- objects ---------------------------------------------------------------------------------------
// name -> kind of table, access level, SQL name
export const OBJECTS = {
  own_user: { kind: 'user', table: 'rb.notes' },
  other_user: { kind: 'user', table: 'rb.notes', other: true },
  own_stream: { kind: 'stream', table: 'rb.events' },
  other_stream: { kind: 'stream', table: 'rb.events', other: true },
  shared_public: { kind: 'shared', level: 'Public', table: 'rb.s_public' },
  shared_private: { kind: 'shared', level: 'Private', table: 'rb.s_private' },
  shared_restricted: { kind: 'shared', level: 'Restricted', table: 'rb.s_restricted' },
  shared_dba: { kind: 'shared', level: 'Dba', table: 'rb.s_dba' },
  dba_notifications: { kind: 'shared', level: 'Public', table: 'dba.notifications', boot: true },
  dba_stats: { kind: 'shared', level: 'Dba', table: 'dba.stats', boot: true },
  view_own: { kind: 'view', table: 'rb.v_notes', over: 'own_user' },
  view_private: { kind: 'view', table: 'rb.v_private', over: 'shared_private' },
  view_dba: { kind: 'view', table: 'rb.v_dba', over: 'shared_dba' },
  sys_users: { kind: 'system', table: 'system.users' },
  sys_audit: { kind: 'system', table: 'system.audit_log' },
  sys_namespaces: { kind: 'system', open: true, table: 'system.namespaces' },
  info_tables: { kind: 'system', open: true, table: 'information_schema.tables' },
  missing: { kind: 'missing', table: 'rb.nothing' },
};

function mayRead(role, object) {
  if (object.kind === 'view') return mayRead(role, OBJECTS[object.over]);
  if (object.kind === 'system') return object.open || isAdmin(role);
  if (object.kind !== 'shared') return true;
  if (object.level === 'Public') return true;
  return object.level === 'Dba' ? isAdmin(role) : rank(role) >= rank('service');
}

const readDenied = (role, object) => {
  if (object.kind === 'system') return denied("System tables require 'dba' or 'system' role.");
  const real = object.kind === 'view' ? OBJECTS[object.over] : object;
  return denied(`Access denied: Role '${TITLE[role]}' cannot access table '${real.table}'.`);
};
const notFound = (role) => refused(isAdmin(role) ? 'not found' : 'SQL statement failed');

// Reading an object by a statement that shows its rows.
function reads(role, object, rows = 'some') {
  if (object.kind === 'missing') return notFound(role);
  if (!mayRead(role, object)) return readDenied(role, object);
  return ok(object.other ? 'none' : rows);
}

function writes(verb) {
  return (role, object) => {
    if (object.kind === 'system') return refused(`Cannot ${verb} system table '${object.table}'`);
    if (object.kind === 'missing' || object.kind === 'view') return notFound(role);
    if (object.kind === 'stream' && verb === 'update') return refused('UPDATE not supported for STREAM tables');
    if (object.kind !== 'shared') return ok(object.other ? 'none' : 'some');
    const may = object.level === 'Dba' ? isAdmin(role) : rank(role) >= rank('service');
    if (may) return ok('some');
    return denied(`Access denied: Role '${TITLE[role]}' cannot access table '${object.table}'. Shared table write denied (access_level=${object.level})`);
  };
}

// Statements that describe a table: its columns are seen by those who may read it.
function describes(role, object) {
  if (object.kind === 'missing' || object.kind === 'view') return notFound(role);
  return mayRead(role, object) ? ok('some') : readDenied(role, object);
}
// In the forms of 0.4.3's engine views have columns, too.
const describesAny = (role, object) => (object.kind === 'view' ? reads(role, object) : describes(role, object));
const adminOnly = (what, then) => (role, object) =>
  isAdmin(role) ? then(role, object) : denied(`Admin privileges (DBA or System role) required for ${what}`);

function altersColumns(role, object) {
  if (object.kind === 'system') return refused(`Cannot alter system table '${object.table}'`);
  if (object.kind === 'missing' || object.kind === 'view') return notFound(role);
  // A service that may not write a table of level DBA may not open it either (README.md).
  const may = object.level === 'Dba' ? isAdmin(role) : rank(role) >= rank('service');
  if (object.kind === 'shared' && !may) return denied('Insufficient privileges to alter table');
  return object.kind === 'stream' ? refused('ALTER TABLE is not supported for STREAM tables') : ok();
}

function drops(role, object) {
  if (!isAdmin(role)) return denied('Insufficient privileges to drop this table');
  if (object.kind === 'system') return refused(`Cannot drop system table '${object.table}'`);
  return object.kind === 'missing' || object.kind === 'view' ? refused('not found') : ok();
}

const maintains = (statement) => (role, object) => {
  if (rank(role) < rank('service')) return denied(`${statement} requires Service, DBA, or System role`);
  if (object.kind === 'stream') return refused(`${statement} is not supported for STREAM tables`);
  return ['user', 'shared'].includes(object.kind) ? ok() : notFound(role);
};

const not = (...names) => (object, name) => !names.includes(name);
const all = () => true;
const mine = (object) => !object.other;

// kind -> class (for transactions), rule, the objects it is asked of
export const TABLE_KINDS = {
  SELECT: { class: 'read', rule: reads, on: all },
  SELECT_KEY: { class: 'read', rule: reads, on: (o) => ['user', 'stream', 'shared'].includes(o.kind) && !o.boot },
  SELECT_JOIN: { class: 'read', rule: (r, o) => reads(r, o, ''), on: not('missing') },
  SELECT_COUNT: { class: 'read', rule: (r, o) => reads(r, o), on: mine },
  SELECT_SUBQUERY: { class: 'read', rule: (r, o) => reads(r, o, ''), on: mine },
  INSERT: { class: 'write', rule: writes('insert'), on: mine },
  INSERT_SELECT: { class: 'write', reading: true, rule: (r, o) => reads(r, o, ''), on: mine },
  UPDATE: { class: 'write', rule: writes('update'), on: not('sys_users') },
  DELETE: { class: 'write', rule: writes('delete'), on: all },
  SUBSCRIBE: { class: 'other', rule: describesLive, on: mine },
  DESCRIBE_TABLE: { class: 'show', rule: describes, on: mine },
  DESCRIBE_HISTORY: { class: 'show', rule: describes, on: mine },
  DESCRIBE: { class: 'show', rule: adminOnly('DESCRIBE', describesAny), on: mine },
  SHOW_COLUMNS: { class: 'show', rule: adminOnly('SHOW COLUMNS', describesAny), on: mine },
  SHOW_STATS: { class: 'show', rule: (r, o) => (o.kind === 'system' ? notFound(r) : describes(r, o)), on: mine },
  EXPLAIN: { class: 'show', rule: adminOnly('EXPLAIN commands', (r, o) => reads(r, o, '')), on: mine },
  ALTER_ADD: { class: 'ddl', rule: altersColumns, on: (o) => !o.other && !o.boot },
  ALTER_ACCESS: {
    class: 'ddl',
    rule: (r, o) => (['user', 'stream'].includes(o.kind) ? refused('') : altersColumns(r, o)),
    on: (o) => !o.other && !o.boot,
  },
  DROP_TABLE: { class: 'ddl', rule: drops, byRole: true, on: (o) => !o.other && !o.boot },
  CREATE_VIEW: {
    class: 'ddl',
    byRole: true,
    rule: (r, o) => (isAdmin(r) ? reads(r, o, '') : denied('Only DBA or System roles can create views')),
    on: (o) => !o.other && o.kind !== 'system',
  },
  FLUSH_TABLE: { class: 'other', byRole: true, rule: maintains('STORAGE FLUSH TABLE'), on: mine },
  COMPACT_TABLE: { class: 'other', byRole: true, rule: maintains('STORAGE COMPACT TABLE'), on: mine },
};

// SUBSCRIBE TO: tables only; system tables have no changes to watch.
function describesLive(role, object) {
  if (['missing', 'view', 'system'].includes(object.kind)) return notFound(role);
  return mayRead(role, object) ? ok('some') : readDenied(role, object);
}

// --- statements without a table --------------------------------------------------------------------

const lowest = (role, text, outcome = ok()) => (actor) => (rank(actor) >= rank(role) ? outcome : denied(text));
const admin = (text, outcome) => lowest('dba', text, outcome);
const NS = 'Admin privileges (DBA or System role) required for namespace operations';
const STORAGE = 'Admin privileges (DBA or System role) required for storage operations';
const BACKUPS = 'Admin privileges (DBA or System role) required for backup operations';
const TOPICS = 'Admin privileges (DBA or System role) required for topic operations';
const createsTable = (type) => lowest(type === 'shared' ? 'service' : 'user', `Insufficient privileges to create ${type} tables`);

export const PLAIN_KINDS = {
  CREATE_NAMESPACE: { class: 'ddl', byRole: true, rule: admin(NS) },
  ALTER_NAMESPACE: { class: 'ddl', byRole: true, rule: admin(NS) },
  DROP_NAMESPACE: { class: 'ddl', byRole: true, rule: admin(NS) },
  USE_NAMESPACE: { class: 'other', rule: () => ok() },
  USE_MISSING: { class: 'other', rule: () => refused("Namespace 'rb_none' does not exist") },
  SHOW_NAMESPACES: { class: 'show', rule: () => ok('some') },
  SHOW_TABLES: { class: 'show', rule: () => ok('some') },
  SHOW_TABLES_IN: { class: 'show', rule: () => ok('some') },
  SHOW_STORAGES: { class: 'show', rule: () => ok('some') },
  SHOW_MANIFEST: { class: 'show', rule: () => ok() },
  SHOW_EXPORT: { class: 'show', rule: () => ok('none') },
  SHOW_JOBS: { class: 'show', byRole: true, rule: admin('Admin privileges (DBA or System role) required for SHOW JOBS') },
  SHOW_ALL: { class: 'show', byRole: true, rule: admin('Admin privileges (DBA or System role) required for SHOW ALL', ok('some')) },
  CREATE_TABLE_USER: { class: 'ddl', rule: createsTable('user') },
  CREATE_TABLE_STREAM: { class: 'ddl', rule: createsTable('stream') },
  CREATE_TABLE_SHARED: { class: 'ddl', rule: createsTable('shared') },
  CREATE_TABLE_UNTYPED: { class: 'ddl', rule: createsTable('shared') },
  CREATE_TABLE_SYSTEM: { class: 'ddl', rule: () => refused("Cannot create system table 'system.mine'") },
  DROP_VIEW: { class: 'ddl', byRole: true, rule: admin('Only DBA or System roles can create views') },
  CREATE_STORAGE: { class: 'ddl', byRole: true, rule: admin(STORAGE) },
  ALTER_STORAGE: { class: 'ddl', byRole: true, rule: admin(STORAGE) },
  DROP_STORAGE: { class: 'ddl', byRole: true, rule: admin(STORAGE, refused("Storage 'rb_none' not found")) },
  STORAGE_CHECK: { class: 'other', byRole: true, rule: admin(STORAGE, ok('some')) },
  FLUSH_ALL: { class: 'other', byRole: true, rule: lowest('service', 'STORAGE FLUSH ALL requires Service, DBA, or System role') },
  COMPACT_ALL: { class: 'other', byRole: true, rule: lowest('service', 'STORAGE COMPACT ALL requires Service, DBA, or System role') },
  KILL_JOB: { class: 'other', byRole: true, rule: admin('Admin privileges (DBA or System role) required for job operations', refused('not found')) },
  KILL_LIVE_QUERY: { class: 'other', byRole: true, rule: admin('KILL LIVE QUERY requires DBA or System role', refused('Not found: Live query')) },
  // Not available yet, but denied to those who will never have them.
  BACKUP: { class: 'other', byRole: true, rule: admin(BACKUPS, unavailable('BACKUP DATABASE')) },
  RESTORE: { class: 'other', byRole: true, rule: admin(BACKUPS, unavailable('RESTORE DATABASE')) },
  SHOW_BACKUP: { class: 'show', byRole: true, rule: admin('Admin privileges (DBA or System role) required for SHOW BACKUP', unavailable('SHOW BACKUP')) },
  EXPORT_USER_DATA: { class: 'other', rule: () => unavailable('EXPORT USER DATA') },
  CREATE_TOPIC: { class: 'ddl', byRole: true, rule: admin(TOPICS, unavailable('CREATE TOPIC')) },
  ALTER_TOPIC: { class: 'ddl', byRole: true, rule: admin(TOPICS, unavailable('ALTER TOPIC')) },
  DROP_TOPIC: { class: 'ddl', byRole: true, rule: admin(TOPICS, unavailable('DROP TOPIC')) },
  CLEAR_TOPIC: { class: 'ddl', byRole: true, rule: admin(TOPICS, unavailable('CLEAR TOPIC')) },
  CONSUME: { class: 'other', byRole: true, rule: lowest('service', 'Only service, dba, or system roles can consume from topics', unavailable('CONSUME')) },
  ACK: { class: 'other', byRole: true, rule: lowest('service', 'Only service, dba, or system roles can acknowledge topic offsets', unavailable('ACK')) },
  CLUSTER: { class: 'other', byRole: true, rule: admin('Admin privileges (DBA or System role) required for cluster operations', unavailable('CLUSTER')) },
  SET: { class: 'other', byRole: true, rule: admin('Admin privileges (DBA or System role) required for SET commands') },
  // A transaction of its own: not to be put into another, nor under EXECUTE AS.
  TRANSACTION: { class: 'transaction', rule: () => ok() },
  INSERT_SYSTEM_USER: { class: 'write', rule: () => refused("Cannot insert system table 'system.users'") },
  UPDATE_SYSTEM_USER_ROLE: { class: 'write', rule: () => refused("Cannot update system table 'system.users'") },
  UPDATE_SYSTEM_USER_STORAGE: {
    class: 'write',
    rule: (r) => (isAdmin(r) ? ok('some') : refused("Cannot update system table 'system.users'")),
  },
};

// --- users -----------------------------------------------------------------------------------------

export const TARGETS = ['user', 'service', 'dba', 'system'];
const userDdl = (verb, then) => (actor, target) =>
  isAdmin(actor) ? then(actor, target) : denied(`${verb} USER requires DBA or System role`);
// Only a system user changes one.
const sparesSystem = (actor, target) =>
  target === 'system' && actor !== 'system' ? denied('Only a System user can change a System user') : ok();
const grants = (actor, target) =>
  target === 'system' && actor !== 'system' ? denied('DBA cannot grant System role') : ok();

export const USER_KINDS = {
  CREATE_USER: { class: 'ddl', byRole: true, byTarget: true, rule: userDdl('CREATE', grants), on: TARGETS },
  ALTER_USER_ROLE: { class: 'ddl', byRole: true, byTarget: true, rule: userDdl('ALTER', grants), on: TARGETS },
  ALTER_USER_PASSWORD: { class: 'ddl', byRole: true, byTarget: true, rule: userDdl('ALTER', sparesSystem), on: TARGETS },
  ALTER_USER_EMAIL: { class: 'ddl', byRole: true, byTarget: true, rule: userDdl('ALTER', sparesSystem), on: [...TARGETS, 'self'] },
  DROP_USER: { class: 'ddl', byRole: true, byTarget: true, rule: userDdl('DROP', sparesSystem), on: TARGETS },
};

const MAY_ACT_AS = {
  user: [],
  service: ['user', 'service', 'missing'],
  dba: ['user', 'service', 'dba', 'missing'],
  system: ['user', 'service', 'dba', 'system', 'missing'],
};
const actsAs = (actor, target) =>
  target === 'self' || MAY_ACT_AS[actor].includes(target)
    ? null
    : denied(`EXECUTE AS USER is not authorized: actor 'r_${actor}' with role ${actor} cannot target`);
// inner statement -> what it answers to role user with the rights of the target
const INNER = {
  AS_SELECT_OWN: () => ok(),
  AS_INSERT_OWN: () => ok('some'),
  AS_SELECT_SHARED_PUBLIC: () => ok('some'),
  AS_SELECT_SHARED_PRIVATE: () => denied("Access denied: Role 'User' cannot access table 'rb.s_private'."),
  AS_INSERT_SHARED: () => refused("EXECUTE AS USER is not allowed on SHARED tables (table 'rb.s_public')"),
  AS_SELECT_SYSTEM: () => denied("System tables require 'dba' or 'system' role."),
  AS_CREATE_USER: () => denied('CREATE USER requires DBA or System role'),
  AS_DROP_TABLE: () => denied('Insufficient privileges to drop this table'),
  AS_SHOW_ALL: () => denied('Admin privileges (DBA or System role) required for SHOW ALL'),
};
const SHARED_WRITE = denied("Access denied: Role 'User' cannot access table 'rb.s_public'. Shared table write denied (access_level=Public)");
export const AS_TARGETS = ['self', 'user', 'service', 'dba', 'system', 'missing'];
export const AS_KINDS = Object.fromEntries(
  Object.entries(INNER).map(([kind, inner]) => [
    kind,
    {
      class: kind.includes('INSERT') ? 'write' : kind.includes('CREATE') || kind.includes('DROP') ? 'ddl' : 'read',
      byRole: true,
      // A user who acts as himself is no other than before.
      rule: (actor, target) => actsAs(actor, target) ?? (actor === 'user' && kind === 'AS_INSERT_SHARED' ? SHARED_WRITE : inner()),
    },
  ]),
);

// --- dresses ---------------------------------------------------------------------------------------

// In BEGIN ...; ROLLBACK. Rights that the role alone decides are asked before anything runs; the others
// when the statement's turn comes, and DDL does not get that far.
function inTransaction(role, kind, outcome, object) {
  if (kind.class === 'transaction') return '-';
  if (outcome.what === 'unavailable') return outcome.what; // said before BEGIN runs
  const isByRole = kind.byRole && !(kind.byTarget && isAdmin(role));
  if (outcome.what === 'denied' && (isByRole || kind.class !== 'ddl')) return outcome.what;
  if (kind.class === 'ddl') return 'refused';
  if (kind.class === 'read' || kind.class === 'write') {
    if (object?.kind === 'stream' && outcome.what === 'ok') return 'refused';
    if (object?.kind === 'system' && outcome.what === 'ok') return 'refused';
    return outcome.what;
  }
  return 'any'; // statements that are no part of a transaction: the contract does not say
}

// In EXECUTE AS USER 'rb_target' (...): the rights of role user, if the actor may act as a user at all.
function underExecuteAs(role, kind, name, outcome, object, objectName) {
  if (AS_KINDS[name]) return 'malformed'; // it cannot be nested
  if (kind.class === 'transaction') return '-';
  if (role === 'user') return 'denied';
  const table = TABLE_KINDS[name];
  if (table && ['INSERT', 'UPDATE', 'DELETE'].includes(name) && object.kind === 'shared') return 'refused';
  const asUser = kind.rule('user', table ? object : objectName);
  return asUser.what;
}

function cell(role, name, kind, objectName, object) {
  if (role === 'anonymous') {
    return { role, kind: name, object: objectName, alone: 'unauthenticated', batch: 'unauthenticated', transaction: 'unauthenticated', execute_as: 'unauthenticated', rows: '', text: 'Authentication required' };
  }
  const outcome = kind.rule(role, object ?? objectName);
  return {
    role,
    kind: name,
    object: objectName,
    alone: outcome.what,
    batch: outcome.what,
    transaction: inTransaction(role, kind, outcome, object),
    execute_as: underExecuteAs(role, kind, name, outcome, object, objectName),
    rows: outcome.rows,
    text: outcome.text,
  };
}

export function cells() {
  const list = [];
  for (const role of ROLES) {
    for (const [name, kind] of Object.entries(TABLE_KINDS)) {
      for (const [objectName, object] of Object.entries(OBJECTS)) {
        if (kind.on(object, objectName)) list.push(cell(role, name, kind, objectName, object));
      }
    }
    for (const [name, kind] of Object.entries(PLAIN_KINDS)) list.push(cell(role, name, kind, '-'));
    for (const [name, kind] of Object.entries(USER_KINDS)) {
      for (const target of kind.on) list.push(cell(role, name, kind, target));
    }
    for (const [name, kind] of Object.entries(AS_KINDS)) {
      for (const target of AS_TARGETS) list.push(cell(role, name, kind, target));
    }
  }
  return list;
}

export const COLUMNS = ['role', 'kind', 'object', 'alone', 'batch', 'transaction', 'execute_as', 'rows', 'text'];
const quoted = (text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
export const csv = () =>
  [COLUMNS.join(','), ...cells().map((c) => COLUMNS.map((name) => quoted(c[name])).join(','))].join('\n') + '\n';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('matrix.csv', import.meta.url));
  if (process.argv.includes('--write')) fs.writeFileSync(path, csv());
  else process.stdout.write(csv());
}
