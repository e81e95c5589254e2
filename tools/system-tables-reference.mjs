// tools/system-tables-reference.mjs -- writes docs/reference/system-tables.md: columns from
// src/query/system_tables.def, what the tables hold from the texts below. A test compares the two.
//     node tools/system-tables-reference.mjs --write
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const DEF = new URL('src/query/system_tables.def', root);
const OUT = new URL('docs/reference/system-tables.md', root);

const TEXTS = {
  'system.users': 'Every user, the dropped ones too (`deleted_at` is set). `role`: user, service, dba, system. `auth_type`: password, oauth, internal. `last_seen` is the last log-in. `password_hash` is bcrypt.',
  'system.namespaces': 'Every role may read it: clients ask for it when they start.',
  'system.schemas': 'One row per version of every table; `is_latest` marks the newest. `columns` is a JSON array, `options` a JSON object.',
  'system.tables': 'The newest version of every table, and views (`table_type` view).',
  'system.columns': 'The columns of the newest version of every table, those of the system (`_seq`, `_updated`, `_deleted`) last.',
  'system.storages': 'Where cold files lie. In SHOW STORAGES `base_directory`, `credentials` and `config_json` are `***` for others than dba and system.',
  'system.jobs':
    'The newest 1,000 jobs; those that were over for `jobs.retention_days` (7) have gone. `status`: queued, running, retrying, completed, failed, cancelled, skipped. ' +
    '`cpu_used`: µs of CPU that the thread of the job took, the SQL engine with it; the committer and the threads of the hot store are left out. `memory_used`: the most ' +
    'bytes that this thread held at once, of the SQL engine and (where the server is linked with jemalloc, as a release is) of the server. Both are NULL before a job has run.',
  'system.job_nodes': 'The same jobs by node; there is one node.',
  'system.live': 'Subscriptions that are open now.',
  'system.manifest': 'One row per table and partition that has segments. `scope` is the user, or `shared`. `manifest_json` is the text of `manifest.json`, as it is now. `sync_state`: pending_write while rows are in no segment yet, else in_sync. ' +
    'No cache stands between: `in_memory` is true, and `last_accessed` is `last_refreshed`.',
  'system.cluster': 'One row: this server. What only a replicated log has is NULL.',
  'system.cluster_groups': 'One row: the one group that this server leads. What only a replicated log has is NULL.',
  'system.settings': 'The settings in effect; secrets are not shown. Names of 0.4.3 that are no settings here say what holds instead, and `description` why.',
  'system.stats':
    'Counters and gauges of this moment, as texts, under all names of 0.4.3. `cpu_usage_percent` is of one core, the mean since the start; ' +
    '`memory_usage_*` is what is resident, so `memory_rss_gap_*` is 0; `memory_physical_footprint_*` is what is in no file; `*_peak` the most since the start; `topic_cache_*`, ' +
    '`string_interner_unique_strings` and `open_files_kqueue` are 0 and `*_shards` and `raft_group_count` 1, as there are no others.',
  'system.datatypes': 'The types of columns and their names.',
  'system.audit_log':
    'Who did what to whom, newest first: DDL, changes of users, KILL, acting as another user, log-ins of dba and system. ' +
    '`action` is the statement with underscores (`CREATE_USER`), or `EXECUTE_AS_USER`, `EXECUTE_AS_USER_DENIED`, `LOGIN`, `LOGIN_FAILED`, `SETUP`. ' +
    'A change of the catalog and its record are one commit: neither is ever there alone. No password, hash or SQL text is in it. The newest 100,000 records are kept.',
  'system.topics': 'Topics. There are none yet.',
  'system.topic_offsets': 'What consumer groups have acknowledged. There are none yet.',
  'system.sessions': 'WebSockets that are authenticated. `session_id` is `{user}-{connection}`, as the start of `system.live.live_id`. A request over HTTP is no session.',
  'system.transactions': 'Transactions that are open now; one ends with its request.',
  'system.server_logs': 'The last lines of the log file, newest first, when `logging.format` is `json`; no rows otherwise.',
  'system.describe': 'Has columns and never a row.',
  'information_schema.tables': 'What the caller may read; system tables for dba and system.',
  'information_schema.columns': '`data_type` is the Arrow name.',
  'information_schema.views': '`definition` is NULL for others than dba and system.',
  'information_schema.schemata': '',
  'information_schema.df_settings': 'The settings in effect, for dba and system; no rows for others.',
  'information_schema.routines': 'The functions that a statement may call.',
  'information_schema.parameters': 'No rows: functions are not described by parameter.',
};

// [{ name, isView, isOpen, columns: [{ name, type, isNullable, isKey }] }] in the order of the list.
export function tables() {
  const list = [];
  for (const line of fs.readFileSync(DEF, 'utf8').split('\n')) {
    const table = /^TABLE\((\w+), (\w+), \w+, ([01]), ([01])\)$/.exec(line);
    const column = /^COLUMN\((\w+), (\w+), ([01]), ([01])\)$/.exec(line);
    if (table) list.push({ name: `${table[1]}.${table[2]}`, isView: table[3] === '1', isOpen: table[4] === '1', columns: [] });
    if (column) list.at(-1).columns.push({ name: column[1], type: column[2], isNullable: column[3] === '1', isKey: column[4] === '1' });
  }
  return list;
}

export function text() {
  const lines = [
    '# System tables',
    'Written by `tools/system-tables-reference.mjs` from the list that the server uses; a test compares the two.',
    '',
    'Only dba and system read `system.*`; tables marked *open* are for every role, with the rows that the caller may see.',
    'No statement writes them; `UPDATE system.users SET storage_mode = …, storage_id = … WHERE user_id = …` by an admin is taken as',
    'ALTER USER. A filter `key = constant` on a key column reads one record, not all of them; so do `role` of system.users (roles above user), `status`',
    'and `idempotency_key` of system.jobs, `table_name` and `sync_state` of system.manifest, `table_name` of system.tables, system.columns and',
    'information_schema: no other rows are made. EXPLAIN says `KeyRead: system.users by role`, or `TableScan: system.users`.',
    '',
  ];
  for (const table of tables()) {
    const what = TEXTS[table.name];
    if (what === undefined) throw new Error(`no text for ${table.name}`);
    lines.push(`## ${table.name}${table.isOpen ? ' (open)' : ''}`);
    if (what !== '') lines.push(what, '');
    lines.push('| column | type | |', '|---|---|---|');
    for (const c of table.columns) lines.push(`| ${c.name} | ${c.type} | ${c.isKey ? 'key' : c.isNullable ? 'may be NULL' : ''} |`);
    lines.push('');
  }
  return lines.join('\n');
}

export const path = fileURLToPath(OUT);
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--write')) fs.writeFileSync(path, text());
  else process.stdout.write(text());
}
