// tests/api/http_test.mjs -- HTTP itself. Goal: one reading of every byte, the contract's answer to
// what is malformed, too large, too slow or not there, and a connection that stays in step.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { parseAnswers, startServer } from './harness.mjs';

let server;
before(async () => {
  server = await startServer({
    settings: {
      performance: { client_request_timeout: 2, request_timeout: 3, keepalive_timeout: 4 },
      security: { trusted_proxy_ranges: [] },
    },
  });
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const HEALTH = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';
const answersOf = async (bytes, options) => parseAnswers((await server.raw(bytes, options)).text);
const post = (body, headers = '', target = '/v1/api/sql') =>
  `POST ${target} HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

// --- heads

const BROKEN = {
  'no version': 'GET /health\r\n\r\n',
  'HTTP/2.0': 'GET /health HTTP/2.0\r\nHost: a\r\n\r\n',
  'h2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'no Host': 'GET /health HTTP/1.1\r\n\r\n',
  'two Hosts': 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'space before colon': 'GET /health HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n',
  'folded line': 'GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n',
  'bare LF': 'GET /health HTTP/1.1\nHost: a\n\n',
  'bare CR in value': 'GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n',
  'NUL in value': 'GET /health HTTP/1.1\r\nHost: a\r\nX: 1\x002\r\n\r\n',
  'control in target': 'GET /hea\x01lth HTTP/1.1\r\nHost: a\r\n\r\n',
  'two Content-Lengths': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  'Content-Length list': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}',
  'signed Content-Length': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}',
  'hex Content-Length': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\n{}',
  'huge Content-Length': `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: ${'9'.repeat(40)}\r\n\r\n{}`,
  'length and coding': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'coding not chunked': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'coding obfuscated': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'coding with tab': 'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 chunked': 'POST /v1/api/sql HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
};
for (const [name, bytes] of Object.entries(BROKEN)) {
  test(`a head with ${name} is refused and the connection ends`, async () => {
    // What follows would be a smuggled request: it must never be answered.
    const reply = await server.raw(bytes + HEALTH);
    const answers = parseAnswers(reply.text);
    assert.equal(answers.length, 1, reply.text);
    assert.ok([400, 413, 501, 505].includes(answers[0].status), reply.text);
    assert.equal(answers[0].headers.connection, 'close');
    assert.ok(reply.closed);
  });
}

test('a head of 17 KiB is 431', async () => {
  const [answer] = await answersOf(`GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17000)}\r\n\r\n`);
  assert.equal(answer.status, 431);
});

test('a head with 101 headers is 431', async () => {
  const [answer] = await answersOf(`GET /health HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(100)}\r\n`);
  assert.equal(answer.status, 431);
});

test('a head that comes byte by byte is answered', async () => {
  const answers = await answersOf([...HEALTH], { gapMs: 1, done: (text) => text.includes('healthy') });
  assert.equal(answers[0].status, 200);
});

test('a head that is not complete in time is 408', async () => {
  const reply = await server.raw('GET /health HTTP/1.1\r\nHost: a\r\n', { timeoutMs: 8000 });
  assert.equal(reply.how, 'closed');
  assert.equal(parseAnswers(reply.text)[0].status, 408);
});

test('a connection that says nothing is closed without an answer', async () => {
  const reply = await server.raw('', { timeoutMs: 8000 });
  assert.equal(reply.how, 'closed');
  assert.equal(reply.text, '');
});

test('a kept connection that says nothing more is closed', async () => {
  const reply = await server.raw(HEALTH, { timeoutMs: 12000 });
  assert.equal(reply.how, 'closed');
  assert.equal(parseAnswers(reply.text).length, 1);
});

// --- bodies

test('a body that stops coming is 408', async () => {
  const { token } = await server.login();
  const head = `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Length: 100\r\n\r\n{"sql":`;
  const reply = await server.raw(head, { timeoutMs: 12000 });
  assert.equal(parseAnswers(reply.text)[0]?.status, 408, reply.text);
  assert.ok(reply.closed);
});

test('a body in chunks is one body', async () => {
  const { token } = await server.login();
  const chunks = ['{"sql":', '"SELECT 1', ' AS one"}'].map((c) => `${c.length.toString(16)};ext=1\r\n${c}\r\n`);
  const head =
    `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  const reply = await server.raw([head, ...chunks, '0\r\nTrailer: 1\r\n\r\n'], { done: (text) => text.includes('"took"') });
  const [answer] = parseAnswers(reply.text);
  assert.equal(answer.status, 200, reply.text);
  assert.equal(JSON.parse(answer.body).results[0].rows[0][0], '1');
});

for (const [name, chunk] of Object.entries({
  'no size': '\r\nx\r\n',
  'a signed size': '+1\r\nx\r\n',
  'a size of 17 digits': `${'1'.repeat(17)}\r\nx\r\n`,
  'data without line end': '1\r\nxy\r\n',
  'a bare LF': '1\nx\n',
})) {
  test(`a chunk with ${name} is refused and the connection ends`, async () => {
    const { token } = await server.login();
    const head = `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const reply = await server.raw(head + chunk + '0\r\n\r\n' + HEALTH);
    const answers = parseAnswers(reply.text);
    assert.equal(answers.length, 1, reply.text);
    assert.equal(answers[0].status, 400);
    assert.ok(reply.closed);
  });
}

test('a body above 10 MiB is 413 with its size, before anything else is asked', async () => {
  const [answer] = await answersOf('POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n');
  assert.equal(answer.status, 413);
  assert.deepEqual(JSON.parse(answer.body), {
    error: 'BODY_TOO_LARGE',
    message: 'Request body exceeds maximum allowed size',
    size_bytes: 10485761,
    max_bytes: 10485760,
  });
});

test('a chunked body above 10 MiB is 413', async () => {
  const { token } = await server.login();
  const head = `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
  const reply = await server.raw([head, ...Array(11).fill(chunk)], { gapMs: 0, timeoutMs: 20000 });
  assert.equal(parseAnswers(reply.text)[0]?.status, 413, reply.text.slice(0, 200));
});

test('100 Continue is sent to who waits for it, and to nobody else', async () => {
  const { token } = await server.login();
  const body = '{"sql":"SELECT 1"}';
  const head = (extra) =>
    `POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
    `${extra}Content-Length: ${body.length}\r\n\r\n`;
  const done = (text) => text.includes('"took"');
  const waiting = await server.raw([head('Expect: 100-continue\r\n'), body], { done, gapMs: 100 });
  assert.ok(waiting.text.startsWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK'), waiting.text);
  const sent = await server.raw(head('Expect: 100-continue\r\n') + body, { done });
  assert.ok(sent.text.startsWith('HTTP/1.1 200 OK'), sent.text);
});

test('who waits for 100 Continue without rights gets the refusal instead', async () => {
  const reply = await server.raw(
    'POST /v1/api/sql HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n',
  );
  assert.equal(parseAnswers(reply.text)[0].status, 401);
  assert.ok(reply.closed);
});

// --- order

test('a pipeline is answered in order, statements and static answers mixed', async () => {
  const { token } = await server.login();
  const auth = `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const ask = (n) => post(`{"sql":"SELECT ${n} AS n"}`, `${auth}X-Request-ID: id-${n}\r\n`);
  let bytes = '';
  for (let n = 0; n < 20; n++) bytes += ask(n) + HEALTH;
  const reply = await server.raw(bytes, { done: (text) => parseAnswers(text).length === 40, timeoutMs: 30000 });
  const answers = parseAnswers(reply.text);
  assert.equal(answers.length, 40);
  for (let n = 0; n < 20; n++) {
    assert.equal(answers[2 * n].headers['x-request-id'], `id-${n}`);
    assert.equal(JSON.parse(answers[2 * n].body).results[0].rows[0][0], String(n));
    assert.equal(JSON.parse(answers[2 * n + 1].body).status, 'healthy');
  }
});

test('an early refusal with its body at hand keeps the connection in step', async () => {
  const reply = await server.raw(post('{"sql":"SELECT 1"}') + HEALTH, { done: (text) => text.includes('healthy') });
  assert.deepEqual(parseAnswers(reply.text).map((a) => a.status), [401, 200]);
});

test('Connection: close and HTTP/1.0 end after the answer', async () => {
  const closing = await server.raw('GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' + HEALTH);
  assert.equal(parseAnswers(closing.text).length, 1);
  assert.ok(closing.closed);
  const old = await server.raw('GET /health HTTP/1.0\r\n\r\n' + HEALTH);
  assert.equal(parseAnswers(old.text).length, 1);
  assert.ok(old.closed);
});

test('100 requests go over one kept connection', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 100; i++) assert.equal((await server.get('/health', { agent })).status, 200);
  const sockets = Object.values(agent.freeSockets).flat().length;
  agent.destroy();
  assert.equal(sockets, 1);
});

test('a client that goes away in the middle of a statement harms nobody', async () => {
  const { token } = await server.login();
  const body = JSON.stringify({ sql: 'SELECT count(*) FROM range(20000000) a' });
  const bytes = post(body, `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n`);
  for (let i = 0; i < 8; i++) await server.raw(bytes, { timeoutMs: 30 });
  assert.equal((await server.get('/health')).status, 200);
});

// --- routes

const METHODS = [
  ['GET', '/v1/api/sql', 404],
  ['PUT', '/v1/api/topics/consume', 404],
  ['GET', '/v1/api/topics/ack', 404],
  ['POST', '/v1/files/a/b/f0001/x', 404],
  ['POST', '/v1/exports/u/e', 404],
  ['POST', '/v1/ws', 404],
  ['GET', '/v1/api/auth/login', 405],
  ['GET', '/v1/api/auth/setup', 405],
  ['POST', '/v1/api/auth/me', 405],
  ['POST', '/v1/api/auth/status', 405],
  ['DELETE', '/health', 405],
  ['POST', '/v1/api/healthcheck', 405],
  ['POST', '/v1/api/cluster/health', 405],
  ['GET', '/', 404],
  ['GET', '/v1/api/version', 404],
  ['GET', '/v1/api/sql/', 404],
  ['GET', '/healthz', 404],
];
for (const [method, target, status] of METHODS) {
  test(`${method} ${target} is ${status}`, async () => {
    const reply = await server.request(method, target);
    assert.equal(reply.status, status);
    assert.equal(reply.headers.allow !== undefined, status === 405);
  });
}

test('HEAD is GET without the body', async () => {
  const [get] = await answersOf(HEALTH, { done: (text) => text.includes('healthy') });
  const reply = await server.raw('HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const head = reply.text.slice(0, reply.text.indexOf('\r\n\r\n') + 4);
  assert.equal(head.length, reply.text.length);
  assert.ok(head.includes(`Content-Length: ${get.headers['content-length']}\r\n`));
});

test('OPTIONS tells the methods', async () => {
  const reply = await server.request('OPTIONS', '/v1/api/sql');
  assert.equal(reply.status, 204);
  assert.equal(reply.headers.allow, 'POST');
});

test('a fit X-Request-ID comes back, an unfit one is replaced', async () => {
  assert.equal((await server.get('/health', { headers: { 'x-request-id': 'abc-1' } })).headers['x-request-id'], 'abc-1');
  for (const id of ['a"b', 'a b', 'x'.repeat(64)]) {
    assert.match((await server.get('/health', { headers: { 'x-request-id': id } })).headers['x-request-id'], /^[0-9a-f]{16}$/);
  }
});

// --- what is not there yet says so

for (const [method, target] of [
  ['POST', '/v1/api/topics/consume'],
  ['POST', '/v1/api/topics/ack'],
  ['GET', '/v1/files/ns/table/f0001/name'],
  ['GET', '/api/v1/files/ns/table/f0001/name'],
  ['GET', '/v1/exports/root/e1'],
]) {
  test(`${method} ${target} answers NOT_IMPLEMENTED, and 401 to strangers`, async () => {
    const { token } = await server.login();
    const known = await server.request(method, target, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(known.status, 400);
    assert.deepEqual(Object.keys(known.body), ['error', 'code', 'hint']);
    assert.match(known.body.error, /^Not implemented: (topics|files|exports) are not available yet$/);
    assert.equal(known.body.code, 'NOT_IMPLEMENTED');
    const stranger = await server.request(method, target);
    assert.equal(stranger.status, 401);
    assert.equal(stranger.body.error.code, 'MISSING_AUTHORIZATION');
  });
}

// --- health (contract checklist 13)

test('health and cluster health have their shapes', async () => {
  for (const target of ['/health', '/v1/api/healthcheck']) {
    const { status, body } = await server.get(target);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['status', 'version', 'api_version', 'build_date']);
    assert.equal(body.status, 'healthy');
    assert.equal(body.api_version, 'v1');
  }
  const { body } = await server.get('/v1/api/cluster/health');
  assert.equal(body.is_cluster_mode, false);
  assert.equal(body.nodes.length, 1);
  assert.deepEqual([body.nodes[0].role, body.nodes[0].status, body.nodes[0].is_self], ['leader', 'active', true]);
});

const FROM_OUTSIDE = { 'x-forwarded-for': '203.0.113.9' };
test('health is for this machine only', async () => {
  const health = await server.get('/v1/api/healthcheck', { headers: FROM_OUTSIDE });
  assert.equal(health.status, 403);
  assert.deepEqual(health.body, { error: 'Access denied. Health endpoint is localhost-only.' });
  const cluster = await server.get('/v1/api/cluster/health', { headers: FROM_OUTSIDE });
  assert.deepEqual(cluster.body, { error: 'Access denied. Cluster health is localhost-only.' });
});

test('a proxy header that names this machine does not make a stranger local', async () => {
  assert.equal((await server.get('/health', { headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 200);
  assert.equal((await server.get('/health', { headers: { 'x-forwarded-for': '127.0.0.1, 203.0.113.9' } })).status, 403);
  assert.equal((await server.get('/health', { headers: { 'x-forwarded-for': 'garbage' } })).status, 403);
  assert.equal((await server.get('/health', { headers: { 'x-real-ip': '203.0.113.9' } })).status, 403);
});

// --- CORS

test('any origin is echoed when none is configured; a preflight is answered', async () => {
  const origin = 'https://app.example';
  const plain = await server.get('/health', { headers: { origin } });
  assert.equal(plain.headers['access-control-allow-origin'], origin);
  const preflight = await server.request('OPTIONS', '/v1/api/sql', {
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' },
  });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers['access-control-allow-origin'], origin);
  assert.equal(preflight.headers['access-control-max-age'], '3600');
  assert.match(preflight.headers['access-control-allow-methods'], /POST/);
  assert.match(preflight.headers['access-control-allow-headers'], /Authorization/);
  assert.match(preflight.headers.vary, /Origin/);
  const odd = await server.request('OPTIONS', '/v1/api/sql', {
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-odd' },
  });
  assert.equal(odd.status, 400);
});

test('only configured origins are let in, with credentials when the section says nothing', async () => {
  const other = await startServer({ settings: { 'security.cors': { allowed_origins: ['https://good.example'] } } });
  const good = await other.get('/health', { headers: { origin: 'https://good.example' } });
  assert.equal(good.headers['access-control-allow-origin'], 'https://good.example');
  assert.equal(good.headers['access-control-allow-credentials'], 'true');
  const bad = await other.get('/health', { headers: { origin: 'https://bad.example' } });
  assert.equal(bad.status, 200);
  assert.equal(bad.headers['access-control-allow-origin'], undefined);
  const preflight = await other.request('OPTIONS', '/v1/api/sql', {
    headers: { origin: 'https://bad.example', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.status, 400);
  await other.stop();
  await other.destroy();
});

// --- connection protection

test('addresses that overdo it get 429, then a ban; this machine is exempt', async () => {
  const other = await startServer({ settings: { rate_limit: { max_requests_per_ip_per_sec: 5, ban_duration_seconds: 300 } } });
  const ask = () => other.get('/v1/api/auth/status', { headers: FROM_OUTSIDE });
  const statuses = [];
  let reply;
  for (let i = 0; i < 30; i++) {
    reply = await ask();
    statuses.push(reply.status);
  }
  assert.equal(statuses[0], 403); // let in, and refused by the route
  assert.equal(reply.status, 429);
  assert.deepEqual(reply.body, {
    error: 'IP_BANNED',
    message: 'Your IP has been temporarily banned due to excessive requests',
    retry_after_seconds: 300,
  });
  assert.equal(reply.headers['retry-after'], '300');
  for (let i = 0; i < 30; i++) assert.equal((await other.get('/health')).status, 200);
  const second = '203.0.113.10';
  let limited;
  for (let i = 0; i < 8; i++) limited = await other.get('/health', { headers: { 'x-forwarded-for': second } });
  assert.equal(limited.status, 429);
  assert.equal(limited.body.error, 'RATE_LIMIT_EXCEEDED');
  assert.equal(limited.headers['x-ratelimit-reset'], '1');
  await other.stop();
  await other.destroy();
});
