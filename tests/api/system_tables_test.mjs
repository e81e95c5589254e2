// tests/api/system_tables_test.mjs -- system tables, SHOW and DESCRIBE over HTTP: the columns of the contract in
// their order, values that are true, and what each role sees; docs/reference/system-tables.md says the same.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';
import * as reference from '../../tools/system-tables-reference.mjs';

let server;
let user; // token of a plain user

before(async () => {
  server = await startServer({ settings: { logging: { level: 'info', format: 'json', log_to_console: true } } });
  user = (await server.user('ute')).token;
  await server.exec('CREATE NAMESPACE st');
  await server.exec("CREATE TABLE st.notes (id BIGINT PRIMARY KEY, v TEXT DEFAULT 'x', d DECIMAL(10, 2)) WITH (TYPE = 'USER', FLUSH_POLICY = 'rows:7,interval:60')");
  await server.exec("CREATE TABLE st.secrets (id BIGINT PRIMARY KEY) WITH (TYPE = 'SHARED', ACCESS_LEVEL = 'PRIVATE')");
  await server.exec("CREATE TABLE st.events (id BIGINT PRIMARY KEY) WITH (TYPE = 'STREAM', TTL_SECONDS = 60)");
  await server.exec('ALTER TABLE st.notes ADD COLUMN late INT');
  await server.exec("CREATE VIEW st.v AS SELECT 'top secret' AS words");
});
after(() => server?.stop());

const WIRE = { TEXT: 'Text', BIGINT: 'BigInt', INT: 'Int', SMALLINT: 'SmallInt', FLOAT: 'Float', TIMESTAMP: 'Timestamp', JSON: 'Json', BOOLEAN: 'Boolean' };
const fields = (result) => result.schema.map((f) => `${f.name} ${f.data_type}`);
async function fails(sql, code, text, options) {
  const reply = await server.sql(sql, options);
  assert.equal(reply.body?.error?.code, code, `${sql}\n${reply.text}`);
  assert.ok(reply.body.error.message.includes(text), `${sql}\n${reply.body.error.message}`);
}

test('docs/reference/system-tables.md is what the list of the server says', () => {
  assert.equal(fs.readFileSync(reference.path, 'utf8'), reference.text());
});

test('every table of the list answers SELECT * with its columns, and DESCRIBE TABLE with the same', async () => {
  for (const table of reference.tables()) {
    const result = await server.exec(`SELECT * FROM ${table.name} LIMIT 1`);
    assert.deepEqual(fields(result), table.columns.map((c) => `${c.name} ${WIRE[c.type]}`), table.name);
    const described = await server.rows(`DESCRIBE TABLE ${table.name}`);
    assert.deepEqual(described.map((r) => [r.column_name, r.data_type, r.is_nullable, r.is_primary_key, r.schema_version]), table.columns.map((c) => [c.name, c.type, c.isNullable, c.isKey, 1]));
  }
});

test('a plain user reads the open tables only', async () => {
  for (const table of reference.tables()) {
    const reply = await server.sql(`SELECT * FROM ${table.name} LIMIT 1`, { token: user });
    assert.equal(reply.status, table.isOpen ? 200 : 403, table.name);
  }
});

test('no table of the list takes DML', async () => {
  for (const { name, columns } of reference.tables()) {
    const c = columns[0].name;
    await fails(`INSERT INTO ${name} (${c}) VALUES (NULL)`, 'SQL_EXECUTION_ERROR', `Cannot insert system table '${name}'`);
    await fails(`UPDATE ${name} SET ${c} = NULL WHERE ${c} IS NULL`, 'SQL_EXECUTION_ERROR', `Cannot update system table '${name}'`);
    await fails(`DELETE FROM ${name} WHERE ${c} IS NULL`, 'SQL_EXECUTION_ERROR', `Cannot delete system table '${name}'`);
  }
});

test('system.schemas has one row per version, with columns and options as JSON', async () => {
  const rows = await server.rows("SELECT * FROM system.schemas WHERE table_id = 'st:notes' ORDER BY schema_version");
  assert.deepEqual(rows.map((r) => [r.schema_version, r.is_latest, r.table_type, r.storage_id, r.use_user_storage, r.access_level]), [[1, false, 'user', 'local', false, null], [2, true, 'user', 'local', false, null]]);
  const columns = JSON.parse(rows[1].columns);
  assert.deepEqual(columns.slice(0, 4).map((c) => [c.column_name, c.data_type, c.is_nullable, c.is_primary_key, c.default_value]), [
    ['id', 'BigInt', false, true, 'None'],
    ['v', 'Text', true, false, { Literal: 'x' }],
    ['d', { Decimal: { precision: 10, scale: 2 } }, true, false, 'None'],
    ['late', 'Int', true, false, 'None'],
  ]);
  assert.deepEqual(JSON.parse(rows[1].options), {
    table_type: 'USER', storage_id: 'local', use_user_storage: false, flush_policy: { type: 'combined', row_limit: 7, interval_seconds: 60 }, compression: 'zstd',
  });
  const [own] = await server.rows("SELECT options FROM system.schemas WHERE table_id = 'system:users'");
  assert.deepEqual(JSON.parse(own.options), { table_type: 'SYSTEM', read_only: true, enable_cache: true, cache_ttl_seconds: 300, localhost_only: false });
  const [shared] = await server.rows("SELECT options, access_level FROM system.schemas WHERE table_id = 'st:secrets'");
  assert.equal(shared.access_level, 'private');
  assert.equal(JSON.parse(shared.options).access_level, 'Private');
  const [stream] = await server.rows("SELECT options FROM system.schemas WHERE table_id = 'st:events'");
  assert.deepEqual(JSON.parse(stream.options), { table_type: 'STREAM', ttl_seconds: 60, eviction_strategy: 'time_based', max_stream_size_bytes: 0, compression: 'zstd' });
});

test('system.schemas, tables, namespaces and storages say when things were made and changed', async () => {
  const now = () => Date.now() * 1000;
  const before = now();
  await server.exec('CREATE SHARED TABLE default.timed (id BIGINT PRIMARY KEY)');
  const read = async () => (await server.rows("SELECT created_at, updated_at FROM system.schemas WHERE table_id = 'default:timed' AND is_latest"))[0];
  const made = await read();
  assert.ok(made.created_at >= before - 1e6 && made.created_at <= now() + 1e6 && made.updated_at >= made.created_at, JSON.stringify(made));
  await server.exec('ALTER TABLE default.timed ADD COLUMN v TEXT');
  const changed = await read();
  assert.equal(changed.created_at, made.created_at);
  assert.ok(changed.updated_at > made.updated_at);
  assert.deepEqual(await server.rows("SELECT created_at, updated_at FROM system.tables WHERE table_name = 'timed'"), [changed]);
  for (const [table, column] of [['schemas', 'created_at'], ['schemas', 'updated_at'], ['tables', 'created_at'], ['namespaces', 'created_at'], ['storages', 'created_at'], ['storages', 'updated_at'], ['users', 'created_at'], ['users', 'updated_at']]) {
    const rows = await server.rows(`SELECT ${column} AS at FROM system.${table} LIMIT 1000`);
    for (const { at } of rows) assert.ok(at > 1e15 && at <= now() + 1e6, `${table}.${column}: ${at}`);
  }
});

test('DESCRIBE TABLE, with HISTORY and VERSION, DESCRIBE and SHOW COLUMNS have the columns of the contract', async () => {
  const newest = await server.exec('DESCRIBE TABLE st.notes');
  assert.deepEqual(fields(newest), ['column_name Text', 'ordinal_position Int', 'column_id BigInt', 'data_type Text', 'is_nullable Boolean', 'is_primary_key Boolean', 'column_default Text', 'column_comment Text', 'schema_version Int']);
  const names = ['id', 'v', 'd', 'late', '_seq', '_updated', '_deleted'];
  assert.deepEqual(newest.rows.map((r) => r[0]), names);
  assert.deepEqual(newest.rows[2], ['d', 3, newest.rows[2][2], 'DECIMAL(10, 2)', true, false, null, null, 2]);
  const history = await server.rows('DESC TABLE st.notes HISTORY');
  assert.deepEqual(history.map((r) => r.schema_version).filter((v) => v === 1).length, 6);
  assert.equal(history.length, 13);
  assert.deepEqual((await server.rows('DESCRIBE TABLE st.notes VERSION 1')).map((r) => r.column_name), names.filter((n) => n !== 'late'));
  await fails('DESCRIBE TABLE st.notes VERSION 3', 'SQL_EXECUTION_ERROR', 'schema version 3 of table st.notes does not exist');
  await fails('DESCRIBE TABLE st.nothing', 'SQL_EXECUTION_ERROR', "table 'st.nothing' not found");
  // ids are those of the stored schema, one per column and the same in every version
  const stored = (await server.rows("SELECT columns FROM system.schemas WHERE table_name = 'notes' AND namespace_id = 'st' AND is_latest"))[0].columns;
  const ids = JSON.parse(stored).map((c) => [c.column_name, String(c.column_id)]);
  assert.deepEqual(newest.rows.map((r) => [r[0], r[2]]), ids);
  assert.equal(new Set(history.map((r) => r.column_id)).size, names.length);
  assert.deepEqual((await server.exec("SELECT column_name, column_id FROM system.columns WHERE table_name = 'notes' AND namespace_id = 'st' ORDER BY ordinal")).rows, ids);
  const engine = await server.exec('DESCRIBE st.notes');
  assert.deepEqual(fields(engine), ['column_name Text', 'data_type Text', 'is_nullable Text']);
  assert.deepEqual(engine.rows.slice(0, 3), [['id', 'Int64', 'NO'], ['v', 'Utf8', 'YES'], ['d', 'Decimal128(10, 2)', 'YES']]);
  const shown = await server.exec('SHOW COLUMNS FROM st.notes');
  assert.deepEqual(fields(shown).map((f) => f.split(' ')[0]), ['table_catalog', 'table_schema', 'table_name', 'column_name', 'data_type', 'is_nullable']);
  assert.deepEqual(shown.rows[0], ['kalam', 'st', 'notes', 'id', 'Int64', 'NO']);
  assert.ok((await server.exec('DESCRIBE system.users')).rows.length >= 15);
});

test('SHOW TABLES lists what the caller may see, newest versions only; IN filters', async () => {
  const all = await server.rows('SHOW TABLES IN st');
  assert.deepEqual(all.map((r) => [r.table_name, r.schema_version]).sort(), [['events', 1], ['notes', 2], ['secrets', 1]]);
  const his = await server.rows('SHOW TABLES', { token: user });
  assert.ok(his.some((r) => r.table_name === 'notes') && !his.some((r) => r.table_name === 'secrets' || r.namespace_id === 'system'));
  await fails('SHOW TABLES IN nowhere', 'SQL_EXECUTION_ERROR', "Namespace 'nowhere' does not exist");
});

test('SHOW EXPORT, SHOW ALL, SHOW NAMESPACES and SHOW STORAGES answer; storages are masked for users', async () => {
  assert.deepEqual(fields(await server.exec('SHOW EXPORT', { token: user })), ['job_id Text', 'status Text', 'created_at Timestamp', 'message Text', 'download_url Text']);
  const settings = await server.rows('SHOW ALL');
  assert.ok(settings.some((r) => r.name === 'logging.format' && r.value === 'json'));
  assert.ok((await server.rows('SHOW NAMESPACES', { token: user })).some((r) => r.name === 'st' && r.table_count === 3));
  const [masked] = await server.rows('SHOW STORAGES', { token: user });
  assert.equal(masked.base_directory, '***');
  await fails('SHOW ALL', 'PERMISSION_DENIED', 'Admin privileges (DBA or System role) required for SHOW ALL', { token: user });
});

test('jobs and manifests by key are those of the whole table', async () => {
  await server.exec('CREATE SHARED TABLE st.keyed (id BIGINT PRIMARY KEY)');
  await server.exec('INSERT INTO st.keyed (id) VALUES (1)');
  const said = await server.exec('STORAGE FLUSH TABLE st.keyed');
  const job = /Job ID: (FL-[0-9a-f]+)/.exec(said.message)[1];
  await eventually(async () => (await server.rows(`SELECT status FROM system.jobs WHERE job_id = '${job}'`))[0]?.status === 'completed', 'the flush');
  for (const [table, column, key] of [['jobs', 'job_id', job], ['jobs', 'status', 'completed'], ['job_nodes', 'job_id', job], ['manifest', 'cache_key', 'st:keyed:shared'], ['manifest', 'table_name', 'keyed'], ['manifest', 'sync_state', 'in_sync']]) {
    const whole = (await server.rows(`SELECT * FROM system.${table}`)).filter((row) => row[column] === key);
    assert.equal(whole.length, 1, `${table} by ${column}`);
    assert.deepEqual(await server.rows(`SELECT * FROM system.${table} WHERE ${column} = '${key}'`), whole);
    for (const other of [`${key}x`, key.slice(0, -1), '']) assert.deepEqual(await server.rows(`SELECT * FROM system.${table} WHERE ${column} = '${other}'`), []);
  }
  await server.exec('INSERT INTO st.keyed (id) VALUES (2)'); // the segment does not have it
  assert.deepEqual(await server.rows("SELECT cache_key FROM system.manifest WHERE sync_state = 'pending_write'"), [{ cache_key: 'st:keyed:shared' }]);
  assert.deepEqual(await server.rows("SELECT cache_key FROM system.manifest WHERE sync_state = 'in_sync'"), []);
  const [{ cpu_used: cpu, memory_used: memory }] = await server.rows(`SELECT cpu_used, memory_used FROM system.jobs WHERE job_id = '${job}'`);
  assert.ok(Number(cpu) > 100 && Number(cpu) < 600e6, `µs of CPU: ${cpu}`);
  assert.ok(Number(memory) > 100e3 && Number(memory) < 2 ** 30, `bytes at once, to write a segment: ${memory}`);
  await server.exec('DROP TABLE st.keyed');
});

test('system.manifest has the very text of manifest.json', async () => {
  await server.exec("INSERT INTO st.notes (id, v) VALUES (1, 'a'), (2, 'b')");
  const { message } = await server.exec('STORAGE FLUSH TABLE st.notes');
  const job = /Job ID: (\S+)/.exec(message)[1];
  await eventually(async () => (await server.rows(`SELECT status FROM system.jobs WHERE job_id = '${job}'`))[0]?.status === 'completed', 'the flush');
  const [row] = await server.rows("SELECT * FROM system.manifest WHERE namespace_id = 'st'");
  assert.equal(row.cache_key, 'st:notes:root');
  assert.equal(row.sync_state, 'in_sync');
  const manifest = JSON.parse(row.manifest_json);
  assert.equal(manifest.segments.length, 1);
  assert.equal(manifest.segments[0].row_count, 2);
  const file = fs.readdirSync(server.dir, { recursive: true }).find((f) => f.endsWith('manifest.json') && f.includes('notes'));
  assert.deepEqual(manifest, JSON.parse(fs.readFileSync(path.join(server.dir, file), 'utf8')));
  assert.deepEqual(await server.rows('SHOW MANIFEST', { token: user }), []); // not his
});

test('information_schema shows types by their Arrow names, and views without their text to users', async () => {
  const columns = await server.rows("SELECT * FROM information_schema.columns WHERE table_schema = 'st' AND table_name = 'notes' ORDER BY ordinal_position");
  assert.deepEqual(columns.slice(0, 3).map((c) => [c.column_name, c.data_type, c.is_nullable, c.column_default, c.numeric_precision, c.numeric_precision_radix, c.numeric_scale, c.character_octet_length]), [
    ['id', 'Int64', 'NO', null, '64', '2', null, null],
    ['v', 'Utf8', 'YES', 'x', null, null, null, '2147483647'],
    ['d', 'Decimal128(10, 2)', 'YES', null, '10', '10', '2', null],
  ]);
  const [view] = await server.rows("SELECT definition FROM information_schema.views WHERE table_name = 'v'");
  assert.ok(view.definition.includes('top secret'));
  const [his] = await server.rows("SELECT definition FROM information_schema.views WHERE table_name = 'v'", { token: user });
  assert.equal(his.definition, null);
  assert.deepEqual(await server.rows("SELECT table_name FROM information_schema.tables WHERE table_name = 'secrets'", { token: user }), []);
  assert.deepEqual(await server.rows('SELECT * FROM information_schema.df_settings', { token: user }), []);
  assert.ok((await server.rows("SELECT routine_name FROM information_schema.routines WHERE routine_name = 'lower'")).length === 1);
  assert.deepEqual(await server.rows("SELECT routine_name FROM information_schema.routines WHERE routine_name IN ('read_text', 'getenv')"), []);
  assert.deepEqual((await server.rows('SELECT schema_name FROM information_schema.schemata ORDER BY schema_name')).map((r) => r.schema_name), ['dba', 'default', 'information_schema', 'st', 'system']);
});

test('system.sessions lists the sockets that are open', async () => {
  const ws = await connect(server, { token: user });
  const [row] = await server.rows('SELECT * FROM system.sessions');
  assert.match(row.session_id, /^ute-\d+$/);
  assert.deepEqual([row.transport, row.state, row.transaction_has_writes, row.client_addr], ['websocket', 'active', false, '127.0.0.1']);
  assert.ok(row.opened_at > 0 && row.last_seen_at >= row.opened_at);
  ws.destroy?.() ?? ws.socket.destroy();
  await eventually(async () => (await server.rows('SELECT * FROM system.sessions')).length === 0, 'the end of the socket');
});

test('system.server_logs reads the JSON log', async () => {
  await eventually(async () => (await server.rows("SELECT * FROM system.server_logs WHERE message LIKE 'done%' LIMIT 5")).length > 0, 'the line of the flush');
  const [row] = await server.rows("SELECT * FROM system.server_logs WHERE target = 'flush' LIMIT 1");
  assert.equal(row.level, 'INFO');
  assert.match(row.timestamp, /^\d{4}-\d\d-\d\dT/);
  assert.match(row.message, /table=.*st\.notes/);
});

test('system.stats has the names that clients insist on, with numbers', async () => {
  const stats = Object.fromEntries((await server.rows('SELECT * FROM system.stats LIMIT 1000')).map((r) => [r.metric_name, r.metric_value]));
  for (const name of ['schema_cache_size', 'schema_registry_size', 'total_users', 'total_tables', 'server_workers_effective', 'max_connections', 'memory_usage_mb', 'pid', 'thread_count', 'open_files_total', 'total_jobs', 'filter_cache_entries', 'filter_cache_bytes', 'filter_cache_hits', 'filter_cache_misses', 'filter_cache_evictions', 'segment_files_listed', 'segment_files_pruned']) {
    assert.match(stats[name] ?? name, /^\d+$/, name);
  }
  assert.ok(stats.server_version.length > 0);
  assert.equal(Number(stats.pid), server.child.pid);
  assert.equal(stats.total_users, '2');
});

// The names of contract sql.md section 6.2. What names a mechanism of theirs that is not here says 0 or 1, and why.
const STATS = `server_uptime_seconds server_uptime_human memory_usage_bytes memory_usage_mb memory_usage_source memory_rss_bytes memory_rss_mb
  memory_rss_gap_bytes memory_rss_gap_mb memory_virtual_bytes memory_virtual_mb memory_physical_footprint_bytes memory_physical_footprint_mb
  cpu_usage_percent system_total_memory_mb system_used_memory_mb thread_count pid cpu_logical_cores cpu_physical_cores server_workers_configured
  server_workers_effective max_connections connection_backlog worker_max_blocking_threads datafusion_query_parallelism datafusion_max_partitions
  datafusion_memory_limit_mb open_files_total open_files_regular open_files_directories open_files_kqueue open_files_unix open_files_ipv4
  open_files_other total_users total_namespaces total_tables storage_backend rocksdb_physical_cf_count rocksdb_estimate_num_keys
  rocksdb_estimate_live_data_size_bytes rocksdb_active_memtable_entries rocksdb_immutable_memtable_entries rocksdb_active_memtable_size_bytes
  rocksdb_live_sst_files_size_bytes rocksdb_total_sst_files_size_bytes rocksdb_memtables_size_bytes rocksdb_pending_compaction_bytes total_jobs
  jobs_running jobs_queued jobs_failed total_storages total_live_queries active_connections active_connections_peak max_connections_configured
  active_subscriptions active_subscriptions_peak websocket_sessions websocket_sessions_peak schema_cache_size schema_registry_size
  schema_cache_total_entries plan_cache_size topic_cache_topic_count topic_cache_table_route_count topic_cache_total_routes
  string_interner_unique_strings node_id server_version server_build_date server_git_branch server_git_commit cluster_mode cluster_id
  cluster_rpc_addr cluster_api_addr user_shards shared_shards raft_group_count`.split(/\s+/);
const of = (base, names) => names.split(' ').map((name) => `${base}.${name}`);
const SETTINGS = [
  ...of('server', 'host port workers public_origin api_version'), 'storage.data_path', 'cluster.cluster_id', 'storage.rocksdb.block_cache_size',
  ...['system_meta', 'system_index', 'hot_data', 'hot_index', 'raft'].flatMap((f) => of(`storage.rocksdb.cf_profiles.${f}`, 'write_buffer_size max_write_buffers')),
  ...of('datafusion', 'memory_limit batch_size query_parallelism max_partitions'), ...of('limits', 'max_message_size max_query_limit default_query_limit'),
  ...of('logging', 'level format logs_path'), ...of('flush', 'default_row_limit default_time_interval check_interval_seconds'),
  ...of('manifest_cache', 'max_entries eviction_ttl_days'), 'retention.default_deleted_retention_hours',
  ...of('stream', 'default_ttl_seconds default_max_buffer eviction_interval_seconds'), ...of('websocket', 'client_timeout_secs heartbeat_interval_secs'),
  ...of('rate_limit', 'max_queries_per_sec max_messages_per_sec max_subscriptions_per_user max_auth_requests_per_ip_per_sec max_connections_per_ip max_requests_per_ip_per_sec request_body_limit_bytes ban_duration_seconds enable_connection_protection cache_max_entries cache_ttl_seconds'),
  ...of('auth', 'bcrypt_cost min_password_length'), ...of('jobs', 'max_concurrent max_retries wal_cleanup_interval_seconds'),
  ...of('execution', 'handler_timeout_seconds max_parameters'), ...of('security', 'max_request_body_size max_ws_message_size'), 'shutdown.flush.timeout',
];
const TEXTS = /_human$|_source$|^storage_backend$|^server_(version|build|git)|^cluster_|^cpu_usage_percent$/;

test('system.stats has every name of the contract once, with figures that are true', async () => {
  const ws = await connect(server, { token: user });
  ws.subscribe('s', 'SELECT * FROM st.notes', {});
  await ws.next('subscription_ack');
  const rows = await server.rows('SELECT * FROM system.stats LIMIT 1000');
  assert.equal(new Set(rows.map((r) => r.metric_name)).size, rows.length);
  const stats = Object.fromEntries(rows.map((r) => [r.metric_name, r.metric_value]));
  assert.deepEqual(STATS.filter((name) => !(name in stats)), []);
  for (const name of STATS.filter((n) => !TEXTS.test(n))) assert.match(stats[name], /^\d+$/, name);
  const n = Object.fromEntries(Object.entries(stats).map(([k, v]) => [k, Number(v)]));
  for (const name of ['total_live_queries', 'active_subscriptions', 'websocket_sessions']) assert.equal(n[name], 1, name);
  for (const name of ['active_subscriptions', 'websocket_sessions', 'active_connections']) assert.ok(n[`${name}_peak`] >= n[name] && n[`${name}_peak`] >= 1, name);
  for (const name of ['rocksdb_physical_cf_count', 'rocksdb_active_memtable_entries', 'rocksdb_memtables_size_bytes', 'cpu_physical_cores', 'memory_physical_footprint_bytes', 'open_files_ipv4', 'worker_max_blocking_threads', 'connection_backlog', 'thread_count']) assert.ok(n[name] > 0, name);
  assert.ok(n.cpu_usage_percent > 0 && n.cpu_physical_cores <= n.cpu_logical_cores);
  assert.ok(n.rocksdb_active_memtable_size_bytes <= n.rocksdb_memtables_size_bytes);
  assert.match(stats.server_git_commit, /^([0-9a-f]{12}|unknown)$/);
  ws.destroy?.() ?? ws.socket.destroy();
  await eventually(async () => (await server.rows("SELECT metric_value FROM system.stats WHERE metric_name = 'websocket_sessions'"))[0].metric_value === '0', 'the end of the socket');
  const [peak] = await server.rows("SELECT metric_value FROM system.stats WHERE metric_name = 'websocket_sessions_peak'");
  assert.equal(peak.metric_value, '1');
});

test('system.settings has every name of the contract once; names of theirs say what holds here', async () => {
  const rows = await server.rows('SELECT * FROM system.settings LIMIT 1000');
  assert.equal(new Set(rows.map((r) => r.name)).size, rows.length);
  const settings = Object.fromEntries(rows.map((r) => [r.name, r]));
  assert.deepEqual(SETTINGS.filter((name) => !(name in settings)), []);
  for (const [theirs, ours] of [
    ['storage.rocksdb.block_cache_size', 'storage.cache_bytes'], ['storage.rocksdb.cf_profiles.hot_data.write_buffer_size', 'storage.write_buffer_bytes'],
    ['datafusion.memory_limit', 'engine.memory_bytes'], ['security.max_request_body_size', 'rate_limit.request_body_limit_bytes'],
  ]) assert.equal(settings[theirs].value, settings[ours].value, theirs);
  for (const r of rows) assert.equal(r.category, r.name.includes('.') ? r.name.split('.')[0] : 'general', r.name);
});

test('what system.settings shows is read by the program: no setting is shown that has no effect', () => {
  const files = fs.readdirSync('src', { recursive: true }).filter((f) => /\.[ch]$/.test(f) && !f.endsWith('server/settings.c'));
  const text = files.map((f) => fs.readFileSync(path.join('src', f), 'utf8')).join('\n');
  const used = [...fs.readFileSync('src/server/settings.def', 'utf8').matchAll(/^SETTING\((\w+), (\w+), "([^"]+)"/gm)].filter((m) => m[1] !== 'IGNORED');
  assert.ok(used.length > 80);
  assert.deepEqual(used.filter((m) => !new RegExp(`(->|\\.)${m[2]}\\b`).test(text)).map((m) => m[3]), []);
});

test('flush.default_row_limit and default_time_interval are the policy of tables that say none', async () => {
  const settings = Object.fromEntries((await server.rows("SELECT name, value FROM system.settings WHERE name LIKE 'flush.default%'")).map((r) => [r.name, Number(r.value)]));
  const [own] = await server.rows("SELECT options FROM system.schemas WHERE table_id = 'st:secrets'");
  assert.deepEqual(JSON.parse(own.options).flush_policy, { type: 'combined', row_limit: settings['flush.default_row_limit'], interval_seconds: settings['flush.default_time_interval'] });
});

test('the templates of the configuration are those of storage local', async () => {
  const other = await startServer({ settings: { storage: { shared_tables_template: 'all/{namespace}/{tableName}', user_tables_template: 'own/{namespace}/{table_name}/{user_id}' } } });
  try {
    const [row] = await other.rows("SELECT * FROM system.storages WHERE storage_id = 'local'");
    assert.deepEqual([row.shared_tables_template, row.user_tables_template], ['all/{namespace}/{tableName}', 'own/{namespace}/{tableName}/{userId}']);
  } finally {
    await other.stop();
  }
});

test('dba.stats gets figures of system.stats when that is asked for, and loses rows that are too old', async () => {
  const other = await startServer({ settings: { retention: { enable_dba_stats: true, dba_stats_retention_days: 7 } } });
  try {
    const read = () => other.rows('SELECT * FROM dba.stats ORDER BY id LIMIT 1000');
    await eventually(async () => (await read()).length > 0, 'the first sample');
    const rows = await read();
    assert.ok(rows.length >= 10);
    const now = Number((await other.exec('SELECT NOW() AS n')).rows[0][0]);
    for (const row of rows) {
      assert.match(row.id, new RegExp(`^\\d{13}:1:${row.metric_name}$`));
      assert.equal(row.node_id, '1');
      assert.ok(row.metric_value >= 0 && row.sampled_at <= now && row.sampled_at > now - 600e6);
      assert.ok([null, 'bytes', 'percent'].includes(row.metric_unit));
    }
    const memory = rows.find((r) => r.metric_name === 'memory_usage_bytes');
    assert.ok(memory.metric_value > 1e6 && memory.metric_unit === 'bytes');
    const old = ['1', '2020-01-01T00:00:00Z'];
    const young = ['2', new Date(Date.now() - 6 * 86400e3).toISOString()];
    for (const [id, at] of [old, young]) await other.exec(`INSERT INTO dba.stats (id, node_id, metric_name, metric_value, sampled_at) VALUES ('${id}', 1, 'm', 1, '${at}')`);
    await other.restart(); // removes at the first sample
    await eventually(async () => (await other.rows("SELECT id FROM dba.stats WHERE id = '1'")).length === 0, 'the old row is removed');
    await eventually(async () => (await read()).length >= 2 * rows.length + 1, 'the second sample');
    assert.equal((await other.rows("SELECT id FROM dba.stats WHERE id = '2'")).length, 1);
  } finally {
    await other.stop();
  }
  assert.deepEqual(await server.rows('SELECT * FROM dba.stats'), []); // off where nobody asked
});

test('cluster, cluster_groups, datatypes, settings and the tables without rows', async () => {
  assert.deepEqual((await server.rows('SELECT cluster_id, node_id, role, status, is_self, is_leader FROM system.cluster')), [{ cluster_id: 'standalone', node_id: '1', role: 'leader', status: 'active', is_self: true, is_leader: true }]);
  const [node] = await server.rows('SELECT cpu_usage_percent, memory_mb, memory_usage_mb, hostname, os, arch FROM system.cluster');
  assert.ok(node.cpu_usage_percent > 0 && Number(node.memory_mb) > Number(node.memory_usage_mb) && node.hostname && node.os && node.arch);
  assert.deepEqual((await server.rows('SELECT group_id, group_type, state, current_leader FROM system.cluster_groups')), [{ group_id: '1', group_type: 'meta', state: 'leader', current_leader: '1' }]);
  assert.equal((await server.rows('SELECT * FROM system.datatypes')).length, 17);
  for (const table of ['topics', 'topic_offsets', 'describe']) assert.deepEqual(await server.rows(`SELECT * FROM system.${table}`), []);
});

test('a filter on the key finds its row and no other', async () => {
  const [audit] = await server.rows("SELECT audit_id FROM system.audit_log WHERE action = 'CREATE_NAMESPACE' AND target = 'st'");
  for (const [sql, expected] of [
    ["SELECT user_id AS k FROM system.users WHERE user_id = 'ute'", ['ute']],
    ["SELECT user_id AS k FROM system.users WHERE user_id = 'UTE'", []],
    ["SELECT user_id AS k FROM system.users u WHERE u.user_id = 'ute' AND u.role = 'dba'", []],
    ["SELECT user_id AS k FROM system.users WHERE user_id = 'ute' OR user_id = 'root' ORDER BY 1", ['root', 'ute']],
    ["SELECT a.user_id AS k FROM system.users a JOIN system.users b ON a.role <> b.role WHERE b.user_id = 'ute'", ['root']],
    ["SELECT user_id AS k FROM system.users WHERE role = 'system'", ['root']],
    ["SELECT user_id AS k FROM system.users WHERE role = 'user' ORDER BY user_id", ['ute']],
    ["SELECT user_id AS k FROM system.users WHERE role = 'dba'", []],
    ["SELECT user_id AS k FROM system.users WHERE role = 'admin'", []], // an alias is no role
    ["SELECT namespace_id AS k FROM system.namespaces WHERE namespace_id = 'st'", ['st']],
    ["SELECT storage_id AS k FROM system.storages WHERE storage_id = 'local'", ['local']],
    ["SELECT storage_id AS k FROM system.storages WHERE storage_id = 'loca'", []],
    ["SELECT schema_version AS k FROM system.schemas WHERE table_id = 'st:notes' ORDER BY 1", [1, 2]],
    ["SELECT table_name AS k FROM system.schemas WHERE table_id = 'system:users'", ['users']],
    ["SELECT table_name AS k FROM system.schemas WHERE table_id = 'users'", []],
    ["SELECT job_id AS k FROM system.jobs WHERE idempotency_key = 'flush-st-notes'", []], // it is over
    [`SELECT action AS k FROM system.audit_log WHERE audit_id = '${audit.audit_id}'`, ['CREATE_NAMESPACE']],
    ["SELECT action AS k FROM system.audit_log WHERE audit_id = 'x'", []],
  ]) assert.deepEqual((await server.rows(sql)).map((r) => r.k), expected, sql);
  assert.deepEqual(await server.rows('SELECT user_id FROM system.users WHERE user_id = $1', { params: ['ute'] }), [{ user_id: 'ute' }]);
  assert.deepEqual(await server.rows('SELECT user_id FROM system.users WHERE user_id = $1', { params: [null] }), []);
});

test('look-ups by key and by index do not scan, and EXPLAIN says so; other conditions do', async () => {
  const scan = async (sql) => (await server.rows(`EXPLAIN ${sql}`))[0].plan;
  for (const [table, columns] of Object.entries({
    'system.users': ['user_id', 'role'], 'system.namespaces': ['namespace_id'], 'system.schemas': ['table_id'], 'system.storages': ['storage_id'],
    'system.jobs': ['job_id', 'status', 'idempotency_key'], 'system.job_nodes': ['job_id'], 'system.audit_log': ['audit_id'],
    'system.manifest': ['cache_key', 'table_name', 'sync_state'], 'system.tables': ['table_name'], 'system.columns': ['table_name'],
    'information_schema.tables': ['table_name'], 'information_schema.columns': ['table_name'],
  })) {
    for (const column of columns) {
      assert.equal(await scan(`SELECT * FROM ${table} WHERE ${column} = 'x' ORDER BY ${column} LIMIT 5`), `KeyRead: ${table} by ${column}`);
      assert.equal(await scan(`SELECT * FROM ${table} t WHERE 'x' = t.${column} AND t.${column} <> 'y'`), `KeyRead: ${table} by ${column}`);
      assert.equal(await scan(`SELECT * FROM ${table} WHERE ${column} <> 'x'`), `TableScan: ${table}`);
      assert.equal(await scan(`SELECT * FROM ${table} WHERE ${column} = 'x' OR ${column} = 'y'`), `TableScan: ${table}`);
    }
  }
  // every key of the list but those of tables that have no rows yet is among them
  const keyed = reference.tables().filter((t) => t.columns.some((c) => c.isKey) && !t.name.includes('topic')).map((t) => t.name);
  for (const name of keyed) assert.match(await scan(`SELECT * FROM ${name} WHERE ${reference.tables().find((t) => t.name === name).columns.find((c) => c.isKey).name} = 'x'`), /^KeyRead/, name);
});

test('a role that is given and taken moves its user in the index of roles', async () => {
  await server.exec("CREATE USER mover WITH INTERNAL ROLE user");
  const of = async (role) => (await server.rows(`SELECT user_id FROM system.users WHERE role = '${role}' ORDER BY user_id`)).map((r) => r.user_id);
  for (const [role, wanted] of [['service', ['mover']], ['dba', ['mover']], ['system', ['mover', 'root']], ['user', ['mover', 'ute']]]) {
    await server.exec(`ALTER USER mover SET ROLE ${role}`);
    assert.deepEqual(await of(role), wanted);
    for (const other of ['service', 'dba'].filter((r) => r !== role)) assert.deepEqual(await of(other), []);
  }
  await server.exec('ALTER USER mover SET ROLE service');
  await server.exec('DROP USER mover');
  assert.deepEqual(await of('service'), ['mover']); // deleted, and still a row
  await server.restart();
  assert.deepEqual(await of('service'), ['mover']);
});
