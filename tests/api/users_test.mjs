// tests/api/users_test.mjs -- users over HTTP and WebSocket: CREATE, ALTER, DROP USER in all forms, the rules
// of passwords, soft deletion, the audit log, and how soon a change acts on sessions that are open.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const GOOD = 'Good-password-1!';
let server;

before(async () => {
  server = await startServer({ settings: { auth: { bcrypt_cost: 4, enforce_password_complexity: true } } });
});
after(() => server?.stop());

async function fails(sql, code, text, options) {
  const reply = await server.sql(sql, options);
  assert.equal(reply.body?.error?.code, code, `${sql}\n${reply.text}`);
  assert.ok(reply.body.error.message.includes(text), `${sql}\n${reply.body.error.message}\nwithout ${text}`);
}
const message = async (sql, options) => (await server.exec(sql, options)).message;
const audit = (where) => server.rows(`SELECT actor_user_id, action, target, details, subject_user_id FROM system.audit_log WHERE ${where} ORDER BY CAST(audit_id AS BIGINT)`);

test('CREATE USER in every form says created, and the record is as asked', async () => {
  assert.equal(await message(`CREATE USER alice WITH PASSWORD '${GOOD}' ROLE user EMAIL 'a@example.org'`), "User 'alice' created");
  assert.equal(await message(`CREATE USER 'bob' WITH PASSWORD '${GOOD}' ROLE 'analyst'`), "User 'bob' created");
  assert.equal(await message(`CREATE USER dave WITH OAUTH '{"provider":"x","subject":"s"}' ROLE viewer`), "User 'dave' created");
  assert.equal(await message('CREATE USER erin WITH INTERNAL ROLE admin'), "User 'erin' created");
  const rows = await server.rows("SELECT user_id, role, email, auth_type, auth_data, storage_mode, deleted_at FROM system.users WHERE user_id IN ('alice','bob','dave','erin') ORDER BY user_id");
  assert.deepEqual(rows, [
    { user_id: 'alice', role: 'user', email: 'a@example.org', auth_type: 'password', auth_data: null, storage_mode: 'table', deleted_at: null },
    { user_id: 'bob', role: 'service', email: null, auth_type: 'password', auth_data: null, storage_mode: 'table', deleted_at: null },
    { user_id: 'dave', role: 'user', email: null, auth_type: 'oauth', auth_data: '{"provider":"x","subject":"s"}', storage_mode: 'table', deleted_at: null },
    { user_id: 'erin', role: 'dba', email: null, auth_type: 'internal', auth_data: null, storage_mode: 'table', deleted_at: null },
  ]);
});

test('names that exist, are missing or cannot be are refused with the texts of the contract', async () => {
  await fails(`CREATE USER alice WITH PASSWORD '${GOOD}' ROLE user`, 'SQL_EXECUTION_ERROR', "Already exists: User 'alice' already exists");
  await fails("ALTER USER nobody SET EMAIL 'x'", 'SQL_EXECUTION_ERROR', "User 'nobody' not found");
  await fails('DROP USER nobody', 'SQL_EXECUTION_ERROR', "User 'nobody' not found");
  assert.equal(await message('DROP USER IF EXISTS nobody'), "User 'nobody' does not exist (skipped)");
  for (const name of ['', 'a..b', 'a/b', 'a\\b']) await fails(`CREATE USER '${name}' WITH PASSWORD '${GOOD}' ROLE user`, 'SQL_EXECUTION_ERROR', 'User name');
  await fails(`CREATE USER frank WITH PASSWORD '${GOOD}'`, 'INVALID_SQL', 'CREATE USER requires ROLE');
  await fails(`CREATE USER frank WITH PASSWORD '${GOOD}' ROLE emperor`, 'INVALID_SQL', 'emperor');
  await fails('DROP USER root', 'SQL_EXECUTION_ERROR', "User 'root' cannot be dropped");
});

test('passwords obey the rules when complexity is asked for', async () => {
  const rules = [
    ['Ab1!', 'Password must be at least 8 characters (weak)'],
    ['password', 'Password is too common'],
    ['good-password-1!', 'Password must include at least one uppercase letter'],
    ['GOOD-PASSWORD-1!', 'Password must include at least one lowercase letter'],
    ['Good-password-x!', 'Password must include at least one digit'],
    ['GoodPassword11', 'Password must include at least one special character'],
    [`${'Aa1!'.repeat(18)}x`, 'Password must be at most 72 characters'],
  ];
  for (const [password, text] of rules) {
    await fails(`CREATE USER weak WITH PASSWORD '${password}' ROLE user`, 'SQL_EXECUTION_ERROR', text);
    await fails(`ALTER USER alice SET PASSWORD '${password}'`, 'SQL_EXECUTION_ERROR', text);
  }
  assert.deepEqual(await server.rows("SELECT user_id FROM system.users WHERE user_id = 'weak'"), []);
});

test('a dropped user is kept, cannot come in, and his name is taken', async () => {
  await server.exec(`CREATE USER gone WITH PASSWORD '${GOOD}' ROLE user`);
  const { token, refresh } = await server.login('gone', GOOD);
  assert.equal(await message('DROP USER gone'), "User 'gone' dropped (soft delete)");
  const [row] = await server.rows("SELECT deleted_at FROM system.users WHERE user_id = 'gone'");
  assert.ok(row.deleted_at > 0);
  assert.equal((await server.sql('SELECT 1', { token })).status, 401);
  assert.equal((await server.post('/v1/api/auth/login', { user: 'gone', password: GOOD })).status, 401);
  assert.equal((await server.post('/v1/api/auth/refresh', undefined, { headers: { authorization: `Bearer ${refresh}` } })).status, 401);
  await fails(`CREATE USER gone WITH PASSWORD '${GOOD}' ROLE user`, 'SQL_EXECUTION_ERROR', "User 'gone' already exists");
  await fails("ALTER USER gone SET EMAIL 'x'", 'SQL_EXECUTION_ERROR', "User 'gone' not found");
  await fails('DROP USER gone', 'SQL_EXECUTION_ERROR', "User 'gone' not found");
});

// What happens to a token, a refresh token and a socket that are open when the user changes.
async function openSessions(name) {
  const { token, refresh } = await server.login(name, GOOD);
  assert.equal((await server.sql('SHOW NAMESPACES', { token })).status, 200);
  const ws = await connect(server, { token });
  return { token, refresh, ws };
}
async function allEnd(sessions) {
  const started = Date.now();
  assert.equal((await server.sql('SHOW NAMESPACES', { token: sessions.token })).status, 401);
  const refreshed = await server.post('/v1/api/auth/refresh', undefined, { headers: { authorization: `Bearer ${sessions.refresh}` } });
  assert.equal(refreshed.status, 401);
  await sessions.ws.closed;
  assert.ok(Date.now() - started < 10000, 'a second, with tenfold room');
}

test('a new password ends tokens, refresh tokens and sockets at once, and the new one opens others', async () => {
  await server.exec(`CREATE USER pat WITH PASSWORD '${GOOD}' ROLE user`);
  const sessions = await openSessions('pat');
  await server.exec(`ALTER USER pat SET PASSWORD '${GOOD}2'`);
  await allEnd(sessions);
  assert.equal((await server.post('/v1/api/auth/login', { user: 'pat', password: GOOD })).status, 401);
  const { token } = await server.login('pat', `${GOOD}2`);
  assert.equal((await server.sql('SHOW NAMESPACES', { token })).status, 200); // in the very same second, too
  await server.restart();
  assert.equal((await server.sql('SHOW NAMESPACES', { token: sessions.token })).status, 401);
  assert.equal((await server.sql('SHOW NAMESPACES', { token })).status, 200);
});

test('a demotion ends tokens and sockets of the old role', async () => {
  await server.exec(`CREATE USER dana WITH PASSWORD '${GOOD}' ROLE dba`);
  const sessions = await openSessions('dana');
  await server.exec('ALTER USER dana SET ROLE user');
  await allEnd(sessions);
  const { token } = await server.login('dana', GOOD);
  await fails('SHOW JOBS', 'PERMISSION_DENIED', 'Admin privileges', { token });
});

test('a deletion ends tokens and sockets', async () => {
  await server.exec(`CREATE USER ned WITH PASSWORD '${GOOD}' ROLE service`);
  const sessions = await openSessions('ned');
  await server.exec('DROP USER ned');
  await allEnd(sessions);
});

test('an e-mail address may change without ending anything', async () => {
  await server.exec(`CREATE USER mel WITH PASSWORD '${GOOD}' ROLE user`);
  const { token } = await server.login('mel', GOOD);
  assert.equal(await message("ALTER USER mel SET EMAIL 'm@example.org'"), "User 'mel' updated");
  assert.equal((await server.sql('SHOW NAMESPACES', { token })).status, 200);
});

test('UPDATE system.users as the admin page sends it changes the storage, and nothing else', async () => {
  const reply = await server.exec("UPDATE system.users SET storage_mode = 'region', storage_id = 'local' WHERE user_id = 'alice'");
  assert.equal(reply.message, 'Updated 1 row(s)');
  assert.deepEqual(await server.rows("SELECT storage_mode, storage_id FROM system.users WHERE user_id = 'alice'"), [{ storage_mode: 'region', storage_id: 'local' }]);
  assert.equal(await message("UPDATE system.users SET storage_mode = $1 WHERE user_id = $2", { params: ['table', 'nobody'] }), 'Updated 0 row(s)');
  for (const set of ["role = 'system'", "password_hash = 'x'", "deleted_at = NULL"]) {
    await fails(`UPDATE system.users SET ${set} WHERE user_id = 'alice'`, 'SQL_EXECUTION_ERROR', "Cannot update system table 'system.users'");
  }
  await fails("UPDATE system.users SET storage_mode = 'moon' WHERE user_id = 'alice'", 'SQL_EXECUTION_ERROR', 'storage_mode must be');
  await fails("UPDATE system.users SET storage_id = 'nowhere' WHERE user_id = 'alice'", 'SQL_EXECUTION_ERROR', "Storage 'nowhere' not found");
});

test('the audit log says who did what to whom, never a password, and outlives a restart', async () => {
  await server.exec(`CREATE USER aud WITH PASSWORD '${GOOD}' ROLE dba EMAIL 'aud@example.org'`);
  const { token } = await server.login('aud', GOOD);
  await server.exec('CREATE NAMESPACE audited', { token });
  await server.exec("CREATE TABLE audited.t (id BIGINT PRIMARY KEY) WITH (TYPE = 'USER')", { token });
  await server.exec("EXECUTE AS USER 'alice' (INSERT INTO audited.t VALUES (1))", { token });
  await fails("EXECUTE AS USER 'root' (SELECT 1)", 'PERMISSION_DENIED', 'not authorized', { token });
  await server.exec(`ALTER USER aud SET PASSWORD '${GOOD}3'`);
  await fails('CREATE NAMESPACE audited', 'SQL_EXECUTION_ERROR', 'already exists'); // what did not happen is not told
  await server.exec('DROP NAMESPACE audited');
  const expected = [
    { actor_user_id: 'root', action: 'CREATE_USER', target: 'aud', details: '{"role":"dba","password":"***","email":"aud@example.org"}', subject_user_id: 'aud' },
    { actor_user_id: 'aud', action: 'LOGIN', target: 'aud', details: null, subject_user_id: null },
    { actor_user_id: 'aud', action: 'CREATE_NAMESPACE', target: 'audited', details: null, subject_user_id: null },
    { actor_user_id: 'aud', action: 'CREATE_TABLE', target: 'audited.t', details: null, subject_user_id: null },
    { actor_user_id: 'aud', action: 'EXECUTE_AS_USER', target: 'alice', details: '{"statement":"INSERT"}', subject_user_id: 'alice' },
    { actor_user_id: 'aud', action: 'EXECUTE_AS_USER_DENIED', target: 'root', details: null, subject_user_id: 'root' },
    { actor_user_id: 'root', action: 'ALTER_USER', target: 'aud', details: '{"password":"***"}', subject_user_id: 'aud' },
    { actor_user_id: 'root', action: 'DROP_NAMESPACE', target: 'audited', details: null, subject_user_id: null },
  ];
  const where = "target IN ('aud', 'audited', 'audited.t', 'root', 'alice') AND (actor_user_id = 'aud' OR target IN ('aud', 'audited'))";
  assert.deepEqual(await audit(where), expected);
  await server.restart();
  assert.deepEqual(await audit(where), expected);
  const all = await server.sql('SELECT * FROM system.audit_log LIMIT 1000');
  assert.ok(!all.text.includes(GOOD) && !all.text.includes('$2b$'));
});

test('every kind of DDL, KILL and what admins do to users leaves its record, with whom and what', async () => {
  const done = [
    ["CREATE NAMESPACE ak", 'CREATE_NAMESPACE', 'ak'], ["ALTER NAMESPACE ak SET OPTIONS (a = 'b')", 'ALTER_NAMESPACE', 'ak'],
    ['CREATE SHARED TABLE ak.t (id BIGINT PRIMARY KEY)', 'CREATE_TABLE', 'ak.t'], ['ALTER TABLE ak.t ADD COLUMN v TEXT', 'ALTER_TABLE', 'ak.t'],
    ['CREATE VIEW ak.w AS SELECT id FROM ak.t', 'CREATE_VIEW', 'ak.w'], ['DROP VIEW ak.w', 'DROP_VIEW', 'ak.w'], ['DROP TABLE ak.t', 'DROP_TABLE', 'ak.t'],
    ["CREATE STORAGE aks TYPE filesystem NAME 'n' PATH 'aks'", 'CREATE_STORAGE', 'aks'], ["ALTER STORAGE aks SET NAME 'm'", 'ALTER_STORAGE', 'aks'], ['DROP STORAGE aks', 'DROP_STORAGE', 'aks'],
    ['CREATE USER aku WITH INTERNAL ROLE user', 'CREATE_USER', 'aku'], ['ALTER USER aku SET ROLE dba', 'ALTER_USER', 'aku'], ['DROP USER aku', 'DROP_USER', 'aku'],
    ['DROP NAMESPACE ak', 'DROP_NAMESPACE', 'ak'],
  ];
  const kinds = [...fs.readFileSync('src/sql/statements.def', 'utf8').matchAll(/^STATEMENT\((\w+), (\w+), DDL,/gm)].filter((m) => m[2] !== 'TOPIC').map((m) => m[1]);
  assert.deepEqual(kinds.filter((kind) => !done.some(([, action]) => action === kind)), [], 'kinds of DDL that this test forgets');
  const [{ n }] = await server.rows('SELECT MAX(CAST(audit_id AS BIGINT)) AS n FROM system.audit_log');
  for (const [sql] of done) await server.exec(sql);
  const ws = await connect(server, { token: (await server.login()).token });
  ws.subscribe('ak', 'SELECT * FROM dba.notifications', {});
  await ws.next('subscription_ack');
  const [{ live_id: id }] = await server.rows("SELECT live_id FROM system.live WHERE subscription_id = 'ak'");
  await server.exec(`KILL LIVE QUERY '${id}'`);
  ws.destroy();
  await eventually(async () => (await audit(`action = 'KILL_LIVE_QUERY' AND target = '${id}'`)).length === 1, 'the record of KILL, which is written when it has happened');
  const records = (await audit(`CAST(audit_id AS BIGINT) > ${n} AND actor_user_id = 'root' AND action <> 'LOGIN'`)).map((r) => [r.action, r.target]);
  assert.deepEqual(records, [...done.map(([, action, target]) => [action, target]), ['KILL_LIVE_QUERY', id]]);
});

test('the audit log and password hashes are for admins only', async () => {
  const { token } = await server.login('alice', GOOD);
  await fails('SELECT * FROM system.audit_log', 'PERMISSION_DENIED', "System tables require 'dba' or 'system' role.", { token });
  await fails('SELECT password_hash FROM system.users', 'PERMISSION_DENIED', "System tables require 'dba' or 'system' role.", { token });
  await fails('INSERT INTO system.audit_log (audit_id) VALUES (1)', 'SQL_EXECUTION_ERROR', "Cannot insert system table 'system.audit_log'");
  await fails("DELETE FROM system.audit_log WHERE audit_id = '1'", 'SQL_EXECUTION_ERROR', "Cannot delete system table 'system.audit_log'");
});

test('failed log-ins of admins are in the audit log, five lock the account', async () => {
  await server.exec(`CREATE USER lock WITH PASSWORD '${GOOD}' ROLE dba`);
  for (let i = 0; i < 5; i++) assert.equal((await server.post('/v1/api/auth/login', { user: 'lock', password: 'wrong' })).status, 401);
  const reply = await server.post('/v1/api/auth/login', { user: 'lock', password: GOOD });
  assert.equal(reply.body.error, 'account_locked');
  await eventually(async () => (await audit("actor_user_id = 'lock' AND action = 'LOGIN_FAILED'")).length === 5, 'five failures told');
  await server.exec(`ALTER USER lock SET PASSWORD '${GOOD}9'`); // ends the lock-out
  await server.login('lock', `${GOOD}9`);
});

test('many CREATE USER at once leave room for others', async () => {
  const made = Promise.all(Array.from({ length: 16 }, (_, i) => server.exec(`CREATE USER many${i} WITH PASSWORD '${GOOD}' ROLE user`)));
  assert.equal((await server.sql('SHOW NAMESPACES')).status, 200);
  await made;
  assert.deepEqual(await server.rows("SELECT COUNT(*) AS n FROM system.users WHERE user_id LIKE 'many%'"), [{ n: '16' }]);
});
