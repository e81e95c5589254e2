// tests/api/limits_test.mjs -- token buckets: queries of a user, messages of a connection,
// subscriptions of a user, log-ins of an address.
// Goal: exactly as many as the settings say, with the contract's codes; one who overdoes it costs
// nobody else anything; what belongs to a connection goes with it. Method: small limits, bursts.
// Nothing is said about how fast buckets refill: tests/unit/auth/rate_test.c does, by a clock of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const withLimits = (rate_limit, more = {}) => startServer({ settings: { rate_limit, ...more } });
const end = async (server) => {
  await server.stop();
  await server.destroy();
};

test('queries of one user are refused with 429 and Retry-After, those of another are not', async () => {
  const server = await withLimits({ max_queries_per_sec: 4 });
  const root = (await server.login()).token;
  const eager = () => server.sql('SELECT 1', { token: root });
  await server.sql("CREATE USER 'ann' WITH PASSWORD 'ann-password-1' ROLE 'user'", { token: root });
  const ann = (await server.login('ann', 'ann-password-1')).token;
  const replies = await Promise.all(Array.from({ length: 40 }, eager));
  const refused = replies.filter(({ status }) => status === 429);
  assert.ok(refused.length > 0);
  assert.ok(replies.every(({ status }) => status === 200 || status === 429));
  for (const reply of refused) {
    assert.equal(reply.headers['retry-after'], '1');
    const { hint, ...error } = reply.body.error;
    assert.deepEqual(error, { code: 'RATE_LIMIT_EXCEEDED', message: 'Too many queries per second. Please slow down.' });
    assert.match(hint, /Retry-After/);
    assert.equal(reply.body.status, 'error');
  }
  assert.equal((await server.sql('SELECT 1', { token: ann })).status, 200);
  await eventually(async () => (await eager()).status === 200, 'a bucket that fills again');
  await end(server);
});

test('a query that is refused did nothing', async () => {
  const server = await withLimits({ max_queries_per_sec: 3 });
  const { token } = await server.login();
  const sure = (sql) => eventually(async () => (await server.sql(sql, { token })).status === 200, sql);
  await sure('CREATE NAMESPACE app');
  await sure('CREATE TABLE app.t (id BIGINT PRIMARY KEY)');
  const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => server.sql(`INSERT INTO app.t (id) VALUES (${i})`, { token })));
  const accepted = replies.filter(({ status }) => status === 200).length;
  assert.ok(accepted < 30);
  let count;
  await eventually(async () => {
    const reply = await server.sql('SELECT count(*) AS n FROM app.t', { token });
    if (reply.status === 200) count = Number(reply.body.results[0].rows[0][0]);
    return reply.status === 200;
  }, 'the count');
  assert.equal(count, accepted);
  await end(server);
});

test('messages are counted per connection: its neighbour and the next one have full buckets', async () => {
  const server = await withLimits({ max_messages_per_sec: 3 });
  const noisy = await connect(server);
  const quiet = await connect(server);
  for (let i = 0; i < 40; i++) noisy.send({ type: 'ping' });
  const error = await noisy.until((message) => message.type === 'error');
  assert.deepEqual(error, { type: 'error', subscription_id: 'rate_limit', code: 'RATE_LIMIT_EXCEEDED', message: 'Too many messages' });
  quiet.send({ type: 'subscribe', subscription: { id: 's', sql: 'SELECT * FROM system.nothing', options: {} } });
  assert.notEqual((await quiet.until((message) => message.type === 'error')).code, 'RATE_LIMIT_EXCEEDED');
  noisy.socket.destroy();
  const again = await connect(server);
  again.send({ type: 'subscribe', subscription: { id: 's', sql: 'SELECT * FROM system.nothing', options: {} } });
  assert.notEqual((await again.until((message) => message.type === 'error')).code, 'RATE_LIMIT_EXCEEDED');
  await end(server);
});

test('subscriptions of one user are exactly as many as allowed, however many sockets ask at once', async () => {
  const server = await withLimits({ max_subscriptions_per_user: 10 }, { server: { workers: 4 } });
  await server.exec('CREATE NAMESPACE app');
  await server.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY) WITH (TYPE='SHARED')");
  await server.exec("ALTER TABLE app.t SET ACCESS LEVEL public").catch(() => {});
  const { token } = await server.login();
  for (let round = 0; round < 5; round++) {
    const sockets = await Promise.all(Array.from({ length: 16 }, () => connect(server, { token })));
    for (const ws of sockets) {
      for (const id of ['a', 'b', 'c']) ws.send({ type: 'subscribe', subscription: { id, sql: 'SELECT * FROM app.t', options: {} } });
    }
    const answers = [];
    for (const ws of sockets) {
      for (let i = 0; i < 3; i++) answers.push(await ws.until((m) => m.type === 'subscription_ack' || m.type === 'error'));
    }
    assert.equal(answers.filter(({ type }) => type === 'subscription_ack').length, 10);
    for (const error of answers.filter(({ type }) => type === 'error')) assert.equal(error.code, 'SUBSCRIPTION_LIMIT_EXCEEDED');
    for (const ws of sockets) ws.socket.destroy();
    // Their places are free once they are gone, all of them.
    await eventually(async () => (await server.rows('SELECT count(*) AS n FROM system.live'))[0].n === '0', 'the end of the sockets');
  }
  // Nor does one that fails keep a place.
  const ws = await connect(server, { token });
  for (let i = 0; i < 30; i++) {
    ws.send({ type: 'subscribe', subscription: { id: `x${i}`, sql: 'SELECT * FROM app.missing', options: {} } });
    assert.notEqual((await ws.until((m) => m.type === 'error')).code, 'SUBSCRIPTION_LIMIT_EXCEEDED');
  }
  ws.socket.destroy();
  await end(server);
});

test('log-ins of one address are refused with 429 and Retry-After, WebSockets share its bucket', async () => {
  const server = await withLimits({ max_auth_requests_per_ip_per_sec: 2 });
  const { token } = await server.login();
  const replies = await Promise.all(Array.from({ length: 20 }, () => server.post('/v1/api/auth/login', { user: 'ann', password: 'x' })));
  const refused = replies.filter(({ status }) => status === 429);
  assert.ok(refused.length > 0);
  for (const reply of refused) {
    assert.equal(reply.headers['retry-after'], '1');
    assert.deepEqual(reply.body, { error: 'rate_limited', message: 'Too many authentication attempts. Please retry shortly.' });
  }
  assert.equal((await server.sql('SELECT 1', { token })).status, 200); // a token in hand is no log-in
  await end(server);
});
