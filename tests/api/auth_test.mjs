// tests/api/auth_test.mjs -- who asks (contract http-ws.md section 3, 2.9; checklist 1 and 2). Goal:
// the exact answers of every route, and that a token is worth only what its user is worth now.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';
import { ROOT_PASSWORD, startServer } from './harness.mjs';

const SECRET = 'a-secret-of-the-test-with-more-than-32-characters';
const OUTSIDE = { 'x-forwarded-for': '203.0.113.9' };
let server;
before(async () => {
  server = await startServer({ env: { KALAMDB_JWT_SECRET: SECRET } });
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
function sign(claims, { secret = SECRET, header = { typ: 'JWT', alg: 'HS256' } } = {}) {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
}
const now = () => Math.floor(Date.now() / 1000);
const claims = (more = {}) => ({
  sub: 'root', iss: 'kalamdb', exp: now() + 600, iat: now(), email: null, role: 'system', token_type: 'access', ...more,
});
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const login = (body, options) => server.post('/v1/api/auth/login', body, options);

// --- log-in

test('login answers with user, tokens and cookies', async () => {
  const reply = await login({ user: 'root', password: ROOT_PASSWORD });
  assert.equal(reply.status, 200);
  assert.deepEqual(Object.keys(reply.body), [
    'user', 'admin_ui_access', 'expires_at', 'access_token', 'refresh_token', 'refresh_expires_at',
  ]);
  assert.deepEqual(Object.keys(reply.body.user), ['id', 'role', 'email', 'created_at', 'updated_at']);
  assert.equal(reply.body.user.id, 'root');
  assert.equal(reply.body.user.role, 'system');
  assert.equal(reply.body.admin_ui_access, true);
  for (const text of [reply.body.expires_at, reply.body.refresh_expires_at, reply.body.user.created_at]) {
    assert.match(text, RFC3339);
  }
  const hours = (Date.parse(reply.body.expires_at) - Date.now()) / 3600000;
  const refreshHours = (Date.parse(reply.body.refresh_expires_at) - Date.now()) / 3600000;
  assert.ok(Math.abs(hours - 24) < 0.1 && Math.abs(refreshHours - 168) < 0.1);
  const cookies = reply.headers['set-cookie'];
  assert.equal(cookies.length, 2);
  assert.ok(cookies[0].startsWith(`kalamdb_auth=${reply.body.access_token}; HttpOnly; Path=/; SameSite=Strict; Expires=`));
  assert.ok(cookies[1].startsWith(`kalamdb_refresh=${reply.body.refresh_token}; HttpOnly; Path=/; SameSite=Strict; Expires=`));
  assert.ok(!cookies.join().includes('Secure'));
});

test('login takes username as an alias; behind https the cookies are Secure', async () => {
  const reply = await login({ username: 'root', password: ROOT_PASSWORD }, { headers: { 'x-forwarded-proto': 'https' } });
  assert.equal(reply.status, 200);
  assert.ok(reply.headers['set-cookie'].every((cookie) => cookie.endsWith('; Secure')));
});

test('the claims of a token are the contract’s', async () => {
  const { body } = await login({ user: 'root', password: ROOT_PASSWORD });
  const [header, payload] = body.access_token.split('.').slice(0, 2).map((text) => JSON.parse(Buffer.from(text, 'base64url')));
  assert.deepEqual(header, { typ: 'JWT', alg: 'HS256' });
  assert.deepEqual(Object.keys(payload).sort(), ['email', 'exp', 'iat', 'iss', 'role', 'sub', 'token_type']);
  assert.deepEqual([payload.sub, payload.iss, payload.role, payload.token_type], ['root', 'kalamdb', 'system', 'access']);
});

for (const [name, body] of Object.entries({
  'an unknown field': { user: 'root', password: 'x', extra: 1 },
  'no user': { password: 'x' },
  'no password': { user: 'root' },
  'both names': { user: 'root', username: 'root', password: 'x' },
  'a number as user': { user: 5, password: 'x' },
  'null as password': { user: 'root', password: null },
  'an array': [],
  'a text': '"root"',
  'no JSON': '{"user":',
  'a user of 129 bytes': { user: 'u'.repeat(129), password: 'x' },
  'a password of 257 bytes': { user: 'root', password: 'p'.repeat(257) },
})) {
  test(`login with ${name} is 400 in plain text`, async () => {
    const reply = await login(body, { headers: { 'content-type': 'application/json' } });
    assert.equal(reply.status, 400, reply.text);
    assert.match(reply.headers['content-type'], /^text\/plain/);
    assert.match(reply.text, /^Json deserialize error: /);
  });
}

test('login without a JSON content type is 400, with 2 MiB and more 413', async () => {
  const reply = await login('{"user":"root","password":"x"}', { headers: { 'content-type': 'text/plain' } });
  assert.deepEqual([reply.status, reply.text], [400, 'Content type error']);
  const large = await login({ user: 'root', password: 'x'.repeat(2097152) });
  assert.equal(large.status, 413);
});

const REFUSED = { error: 'unauthorized', message: 'Invalid credentials' };
test('a wrong password, an unknown and a deleted user are told apart by nobody', async () => {
  await server.user('gone', 'dba');
  await server.exec("DROP USER 'gone'");
  for (const [user, password] of [['root', 'wrong'], ['nobody', 'wrong'], ['gone', 'user-password-1'], ['root', '']]) {
    const reply = await login({ user, password });
    assert.equal(reply.status, 401);
    assert.deepEqual(reply.body, REFUSED);
  }
});

test('five failures lock an account, a success in between resets the count', async () => {
  await server.user('shaky', 'user', 'right-password');
  const fail = () => login({ user: 'shaky', password: 'wrong' });
  for (let i = 0; i < 4; i++) await fail();
  await server.login('shaky', 'right-password');
  for (let i = 0; i < 5; i++) assert.deepEqual((await fail()).body, REFUSED);
  const locked = await login({ user: 'shaky', password: 'right-password' });
  assert.equal(locked.status, 401);
  assert.equal(locked.body.error, 'account_locked');
  assert.match(locked.body.message, /15 minute\(s\)/);
  const [row] = await server.rows("SELECT failed_login_attempts, locked_until FROM system.users WHERE user_id = 'shaky'");
  assert.equal(row.failed_login_attempts, 5);
  assert.ok(row.locked_until / 1000 > Date.now());
});

test('a log-in is recorded and leaves updated_at alone', async () => {
  await server.user('seen', 'user', 'right-password');
  const before = await server.rows("SELECT updated_at, last_login_at FROM system.users WHERE user_id = 'seen'");
  await server.login('seen', 'right-password');
  const after = await server.rows("SELECT updated_at, last_login_at FROM system.users WHERE user_id = 'seen'");
  assert.equal(after[0].updated_at, before[0].updated_at);
  assert.ok(after[0].last_login_at > before[0].last_login_at);
});

test('log-ins are limited per address', async () => {
  const other = await startServer({ settings: { rate_limit: { max_auth_requests_per_ip_per_sec: 3 } } });
  const replies = [];
  for (let i = 0; i < 6; i++) replies.push(await other.post('/v1/api/auth/refresh'));
  assert.equal(replies[0].status, 401);
  assert.equal(replies.at(-1).status, 429);
  assert.deepEqual(replies.at(-1).body, {
    error: 'rate_limited',
    message: 'Too many authentication attempts. Please retry shortly.',
  });
  await other.stop();
  await other.destroy();
});

// --- refresh, me, log-out

test('refresh takes its cookie or a bearer token, and no access token', async () => {
  const { token, refresh } = await server.login();
  const byHeader = await server.post('/v1/api/auth/refresh', undefined, { headers: { authorization: `Bearer ${refresh}` } });
  assert.equal(byHeader.status, 200);
  assert.equal(byHeader.body.user.id, 'root');
  const byCookie = await server.post('/v1/api/auth/refresh', undefined, {
    headers: { cookie: `a=b; kalamdb_refresh=${refresh}`, authorization: `Bearer ${token}` },
  });
  assert.equal(byCookie.status, 200);
  assert.equal(byCookie.headers['set-cookie'].length, 2);
  const wrong = await server.post('/v1/api/auth/refresh', undefined, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(wrong.status, 401);
  assert.deepEqual(wrong.body, { error: 'unauthorized', message: 'Refresh endpoint requires a refresh token' });
  for (const headers of [{}, { authorization: 'Bearer x' }, { cookie: 'kalamdb_refresh=x.y.z' }]) {
    const reply = await server.post('/v1/api/auth/refresh', undefined, { headers });
    assert.deepEqual([reply.status, reply.body], [401, REFUSED]);
  }
});

test('me takes the header (any case of Bearer) or the auth cookie', async () => {
  const { token } = await server.login();
  for (const headers of [{ authorization: `bearer ${token}` }, { cookie: `kalamdb_auth=${token}` }]) {
    const reply = await server.get('/v1/api/auth/me', { headers });
    assert.equal(reply.status, 200);
    assert.deepEqual(Object.keys(reply.body), ['user', 'admin_ui_access']);
    assert.equal(reply.body.user.id, 'root');
  }
  for (const headers of [{}, { cookie: 'kalamdb_auth=x' }, { authorization: 'Basic cm9vdDp4' }]) {
    const reply = await server.get('/v1/api/auth/me', { headers });
    assert.deepEqual([reply.status, reply.body], [401, REFUSED]);
  }
});

test('logout clears both cookies and asks nobody', async () => {
  const reply = await server.post('/v1/api/auth/logout');
  assert.deepEqual([reply.status, reply.body], [200, { message: 'Logged out successfully' }]);
  assert.equal(reply.headers['set-cookie'].length, 2);
  for (const cookie of reply.headers['set-cookie']) assert.match(cookie, /^kalamdb_(auth|refresh)=; .*Expires=Thu, 01 Jan 1970/);
});

// --- tokens on SQL: status, code, message, and the order of keys

async function refused(headers, status, code, message) {
  const reply = await server.post('/v1/api/sql', { sql: 'SELECT 1' }, { headers });
  assert.equal(reply.status, status);
  assert.deepEqual(Object.keys(reply.body), ['status', 'error', 'results', 'took']);
  const { hint, ...error } = reply.body.error;
  assert.deepEqual(error, { code, message });
  assert.match(hint, /\w/);
  assert.deepEqual(reply.body.results, []);
}
const bearer = (token) => ({ authorization: `Bearer ${token}` });

test('SQL without Authorization is MISSING_AUTHORIZATION', () =>
  refused({}, 401, 'MISSING_AUTHORIZATION', 'Authentication required'));
test('an expired access token is TOKEN_EXPIRED', () =>
  refused(bearer(sign(claims({ exp: now() - 120, iat: now() - 600 }))), 401, 'TOKEN_EXPIRED', 'Invalid credentials'));
test('a token within the leeway of 60 s still works', async () => {
  const reply = await server.sql('SELECT 1', { token: sign(claims({ exp: now() - 30, iat: now() - 600 })) });
  assert.equal(reply.status, 200);
});

const WORTHLESS = {
  'Basic credentials': { authorization: 'Basic cm9vdDp4' },
  'bearer in lower case': { authorization: 'bearer x' },
  'an empty token': { authorization: 'Bearer ' },
  'two words': { authorization: 'Bearer a b' },
};
for (const [name, headers] of Object.entries(WORTHLESS)) {
  test(`SQL with ${name} is INVALID_CREDENTIALS`, () => refused(headers, 401, 'INVALID_CREDENTIALS', 'Invalid credentials'));
}
const FORGED = {
  'another secret': () => sign(claims(), { secret: 'x'.repeat(40) }),
  'no signature': () => `${sign(claims()).split('.').slice(0, 2).join('.')}.`,
  'alg none': () => `${part({ typ: 'JWT', alg: 'none' })}.${part(claims())}.`,
  'alg none, signed': () => sign(claims(), { header: { typ: 'JWT', alg: 'none' } }),
  'alg HS384': () => sign(claims(), { header: { typ: 'JWT', alg: 'HS384' } }),
  'a crit header': () => sign(claims(), { header: { typ: 'JWT', alg: 'HS256', crit: ['x'] } }),
  'a refresh token': () => sign(claims({ token_type: 'refresh' })),
  'no token type': () => sign(claims({ token_type: undefined })),
  'no sub': () => sign(claims({ sub: undefined })),
  'another issuer': () => sign(claims({ iss: 'https://evil.example' })),
  'an iat in the future': () => sign(claims({ iat: now() + 600 })),
  'an nbf in the future': () => sign(claims({ nbf: now() + 600 })),
  'a user who does not exist': () => sign(claims({ sub: 'nobody' })),
  'another role': () => sign(claims({ role: 'dba' })),
  'a role that does not exist': () => sign(claims({ role: 'emperor' })),
  'a changed payload': () => {
    const [header, , signature] = sign(claims({ role: 'user' })).split('.');
    return `${header}.${part(claims())}.${signature}`;
  },
  'four parts': () => `${sign(claims())}.x`,
  'garbage': () => 'garbage',
  '9 KiB': () => 'x'.repeat(9000),
};
for (const [name, make] of Object.entries(FORGED)) {
  test(`SQL with a token with ${name} is INVALID_CREDENTIALS`, () =>
    refused(bearer(make()), 401, 'INVALID_CREDENTIALS', 'Invalid credentials'));
}

test('two Authorization headers are refused', async () => {
  const { token } = await server.login();
  const reply = await server.raw(
    `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`,
    { done: (text) => text.includes('took') },
  );
  assert.ok(reply.text.startsWith('HTTP/1.1 401 '), reply.text);
});

test('a demoted and a deleted user lose their tokens at once', async () => {
  const { token } = await server.user('climber', 'dba');
  assert.equal((await server.sql('SELECT user_id FROM system.users', { token })).status, 200);
  await server.exec("ALTER USER 'climber' SET ROLE user");
  await refused(bearer(token), 401, 'INVALID_CREDENTIALS', 'Invalid credentials');
  const again = await server.login('climber', 'user-password-1');
  assert.equal((await server.sql('SELECT 1', { token: again.token })).status, 200);
  await server.exec("DROP USER 'climber'");
  await refused(bearer(again.token), 401, 'INVALID_CREDENTIALS', 'Invalid credentials');
  const refresh = await server.post('/v1/api/auth/refresh', undefined, { headers: bearer(again.refresh) });
  assert.equal(refresh.status, 401);
});

test('queries are limited per user, not per address', async () => {
  const other = await startServer({ settings: { rate_limit: { max_queries_per_sec: 3 } } });
  const root = await other.login();
  let limited;
  for (let i = 0; i < 6; i++) limited = await other.sql('SELECT 1', { token: root.token });
  assert.equal(limited.status, 429);
  assert.equal(limited.body.error.code, 'RATE_LIMIT_EXCEEDED');
  assert.equal(limited.body.error.message, 'Too many queries per second. Please slow down.');
  await other.stop();
  await other.destroy();
});

// --- setup

test('a fresh server is set up once, from this machine only', async () => {
  const fresh = await startServer({ env: { KALAMDB_ROOT_PASSWORD: null } });
  const path = '/v1/api/auth/setup';
  const body = { user: 'boss', password: 'long enough 1', root_password: 'long enough 2', email: 'b@example.org' };

  const status = await fresh.get('/v1/api/auth/status');
  assert.deepEqual(status.body, {
    needs_setup: true,
    message:
      'Server requires initial setup. Call POST /v1/api/auth/setup with user, password, root_password, and optional email.',
  });
  const away = await fresh.get('/v1/api/auth/status', { headers: OUTSIDE });
  assert.deepEqual([away.status, away.body], [
    403, { error: 'forbidden', message: 'Setup status can only be checked from localhost' },
  ]);
  // The probe of the command line works from everywhere.
  for (const headers of [{}, OUTSIDE]) {
    const probe = await fresh.post('/v1/api/auth/login', { user: 'root', password: '' }, { headers });
    assert.deepEqual([probe.status, probe.body], [
      428, { error: 'setup_required', message: 'Server requires initial setup. Root password is not configured.' },
    ]);
  }
  const guess = await fresh.post('/v1/api/auth/login', { user: 'root', password: 'x' });
  assert.equal(guess.status, 401);
  const remote = await fresh.post('/v1/api/auth/login', { user: 'root', password: 'x' }, { headers: OUTSIDE });
  assert.deepEqual([remote.status, remote.body.error], [403, 'forbidden']);

  const stranger = await fresh.post(path, body, { headers: OUTSIDE });
  assert.deepEqual([stranger.status, stranger.body], [
    403, { error: 'forbidden', message: 'Server setup can only be performed from localhost' },
  ]);
  const bad = [
    [{ ...body, password: 'short' }, 'weak_password', /^DBA user password: /],
    [{ ...body, root_password: 'password123' }, 'weak_password', /^Root password: /],
    [{ ...body, password: 'x'.repeat(73) }, 'weak_password', /^DBA user password: /],
    [{ ...body, user: 'root' }, 'invalid_user', /./],
    [{ ...body, user: 'a/b' }, 'invalid_user', /./],
    [{ ...body, user: '' }, 'invalid_user', /./],
  ];
  for (const [wrong, error, message] of bad) {
    const reply = await fresh.post(path, wrong);
    assert.equal(reply.status, 400, reply.text);
    assert.equal(reply.body.error, error);
    assert.match(reply.body.message, message);
  }
  assert.equal((await fresh.post(path, { ...body, extra: 1 })).status, 400);

  // Two at once: exactly one wins.
  const both = await Promise.all([fresh.post(path, body), fresh.post(path, { ...body, user: 'boss2' })]);
  const codes = both.map((reply) => reply.status).sort();
  assert.equal(codes[0], 200);
  assert.ok([409, 429].includes(codes[1]), JSON.stringify(codes));
  const won = both.find((reply) => reply.status === 200);
  assert.deepEqual(Object.keys(won.body), ['user', 'message']);
  assert.equal(won.body.user.role, 'dba');
  assert.equal(won.body.user.email, 'b@example.org');
  assert.equal(won.headers['set-cookie'], undefined);

  const late = await fresh.post(path, { ...body, user: 'other' });
  assert.deepEqual([late.status, late.body], [
    409, { error: 'already_configured', message: 'Server has already been configured. Root password is set.' },
  ]);
  assert.deepEqual((await fresh.get('/v1/api/auth/status')).body, {
    needs_setup: false, message: 'Server is configured and ready.',
  });
  await fresh.login(won.body.user.id, 'long enough 1');
  await fresh.login('root', 'long enough 2');
  // KALAMDB_ROOT_PASSWORD is a first password only. (The mem store forgets at the end.)
  if (process.env.KALAMDB_TEST_BACKEND === 'mem') {
    await fresh.stop();
    await fresh.destroy();
    return;
  }
  await fresh.restart({ env: { KALAMDB_ROOT_PASSWORD: 'another password' } });
  await fresh.login('root', 'long enough 2');
  await fresh.stop();
  await fresh.destroy();
});

test('no password and no token is in the log', async () => {
  const { token, refresh } = await server.login();
  await login({ user: 'root', password: 'canary-password' });
  await server.sql('SELECT 1', { token: `${token}x` });
  for (const secret of ['canary-password', ROOT_PASSWORD, token, refresh, SECRET]) {
    assert.ok(!server.output.includes(secret));
  }
});
