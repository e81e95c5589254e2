// tests/api/ws_protocol_test.mjs -- WebSockets themselves (contract http-ws.md 4.1 to 4.3, 4.8 to
// 4.10; checklist 7 and 10). Goal: upgrades, both ways to say who one is, frames, limits, close codes.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect, encodeFrame, encodeMsgpack, JSON_GZIP, open, upgrade } from './ws_client.mjs';

let server;
before(async () => {
  server = await startServer({
    settings: {
      security: { strict_ws_origin_check: false, max_ws_message_size: 65536 },
      websocket: { client_timeout_secs: 4, auth_timeout_secs: 1, heartbeat_interval_secs: 2 },
    },
  });
  await server.login().then(({ token }) => (server.token = token));
  await server.exec('CREATE NAMESPACE app');
  await server.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE='SHARED')");
  await server.exec("INSERT INTO app.t (id, v) VALUES (1, 'a')");
});
after(async () => {
  await server.stop();
  await server.destroy();
});

const status = async (options) => {
  const reply = await upgrade(server, options);
  reply.socket.destroy();
  return reply.status;
};

// --- upgrades

test('an upgrade needs the headers of RFC 6455', async () => {
  assert.equal(await status(), 101);
  assert.equal(await status({ headers: { Upgrade: null, Connection: null } }), 400);
  assert.equal(await status({ headers: { 'Sec-WebSocket-Key': 'short' } }), 400);
  assert.equal(await status({ headers: { 'Sec-WebSocket-Key': null } }), 400);
  const old = await upgrade(server, { headers: { 'Sec-WebSocket-Version': '8' } });
  assert.equal(old.status, 426);
  assert.match(old.head, /sec-websocket-version: 13/i);
  old.socket.destroy();
});

test('permessage-deflate and subprotocols are not agreed on', async () => {
  const reply = await upgrade(server, {
    headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate', 'Sec-WebSocket-Protocol': 'chat' },
  });
  assert.equal(reply.status, 101);
  assert.doesNotMatch(reply.head, /sec-websocket-(extensions|protocol)/i);
  reply.socket.destroy();
});

test('an Origin must be allowed, and may be required', async () => {
  const strict = await startServer({
    settings: { security: { strict_ws_origin_check: true }, 'security.cors': { allowed_origins: ['https://app.example'] } },
  });
  const ask = async (headers) => {
    const reply = await upgrade(strict, { headers });
    const chunk = reply.rest.toString();
    reply.socket.destroy();
    return [reply.status, chunk];
  };
  assert.deepEqual(await ask({ Origin: 'https://evil.example' }), [403, 'Origin not allowed']);
  assert.deepEqual(await ask({}), [403, 'Origin header required']);
  assert.equal((await ask({ Origin: 'https://app.example' }))[0], 101);
  await strict.stop();
  await strict.destroy();
});

// --- who it is

test('a token in the header gives auth_success unasked, as uncompressed text', async () => {
  const ws = await open(server, { token: server.token });
  const first = await ws.nextRaw();
  assert.equal(first.opcode, 1);
  assert.deepEqual(first.message, {
    type: 'auth_success', user: 'root', role: 'system', protocol: { serialization: 'json', compression: 'gzip' },
  });
  assert.deepEqual(await ws.close(), { code: 1000, reason: '' });
});

test('a wrong token in the header is auth_error and 1008', async () => {
  const ws = await open(server, { token: 'no.such.token' });
  assert.deepEqual(await ws.next(), { type: 'auth_error', message: 'Invalid credentials' });
  assert.deepEqual(await ws.closed, { code: 1008, reason: 'Authentication failed' });
});

test('authenticate by message, and again', async () => {
  const ws = await connect(server, { byMessage: true });
  assert.equal(ws.welcome.user, 'root');
  ws.send({ type: 'authenticate', method: 'jwt', token: server.token, protocol: JSON_GZIP });
  assert.deepEqual(await ws.next('auth_success'), ws.welcome);
  await ws.close();
  const wrong = await open(server);
  wrong.send({ type: 'authenticate', method: 'jwt', token: 'x', protocol: JSON_GZIP });
  assert.deepEqual(await wrong.next(), { type: 'auth_error', message: 'Invalid credentials' });
  assert.equal((await wrong.closed).code, 1008);
});

test('a refresh token does not authenticate', async () => {
  const { refresh } = await server.login();
  const ws = await open(server, { token: refresh });
  assert.equal((await ws.next()).type, 'auth_error');
});

test('authenticate without protocol, or half of it, closes 1011', async () => {
  for (const protocol of [undefined, {}, { serialization: 'json' }, { serialization: 'xml', compression: 'gzip' }, 7]) {
    const ws = await open(server);
    ws.send({ type: 'authenticate', method: 'jwt', token: server.token, protocol });
    const { code, reason } = await ws.closed;
    assert.equal(code, 1011);
    assert.match(reason, /^Invalid message: /);
  }
});

test('no word in time is an authentication timeout', async () => {
  const ws = await open(server);
  assert.deepEqual(await ws.next(), {
    type: 'auth_error', message: 'Authentication timeout - no auth message received within 1 seconds',
  });
  assert.deepEqual(await ws.closed, { code: 1008, reason: 'Authentication timeout' });
});

test('before authentication subscribe is refused and the rest ignored', async () => {
  const ws = await open(server);
  ws.send({ type: 'ping' });
  ws.send({ type: 'unsubscribe', subscription_id: 's' });
  ws.send({ type: 'next_batch', subscription_id: 's', last_seq_id: null });
  ws.subscribe('s', 'SELECT * FROM app.t', {});
  assert.deepEqual(await ws.next(), {
    type: 'error', subscription_id: 'subscribe', code: 'AUTH_REQUIRED', message: 'Authentication required before subscribing',
  });
  ws.destroy();
});

// --- messages

test('what is no message closes 1011 with the reason', async () => {
  const bad = [
    '{', '[]', '7', '{"type":"shout"}', '{}', '{"type":7}',
    '{"type":"subscribe"}', '{"type":"subscribe","subscription":[]}', '{"type":"subscribe","subscription":{"id":"s"}}',
    '{"type":"subscribe","subscription":{"id":1,"sql":"x"}}',
    '{"type":"subscribe","subscription":{"id":"s","sql":"x","options":7}}',
    '{"type":"subscribe","subscription":{"id":"s","sql":"x","options":{"from":"12"}}}',
    '{"type":"subscribe","subscription":{"id":"s","sql":"x","options":{"batch_size":-1}}}',
    '{"type":"subscribe","subscription":{"id":"s","sql":"x","options":{"last_rows":1.5}}}',
    '{"type":"next_batch"}', '{"type":"unsubscribe"}', '{"type":"ping"} {"type":"ping"}', '[' .repeat(5000),
  ];
  for (const text of bad) {
    const ws = await connect(server);
    ws.raw(encodeFrame(1, text));
    const { code, reason } = await ws.closed;
    assert.equal(code, 1011, text);
    assert.match(reason, /^Invalid message: /, text);
  }
});

test('binary in JSON mode is an error and the socket stays', async () => {
  const ws = await connect(server);
  ws.raw(encodeFrame(2, Buffer.from([1, 2, 3])));
  assert.deepEqual(await ws.next(), {
    type: 'error', subscription_id: 'protocol', code: 'UNSUPPORTED_DATA', message: 'Binary not supported',
  });
  assert.equal((await ws.load('s', 'SELECT * FROM app.t')).rows.length, 1);
  await ws.close();
});

test('a message above the limit is dropped with an error and the socket stays', async () => {
  const ws = await connect(server);
  ws.raw(encodeFrame(1, Buffer.alloc(65537, 32)));
  assert.deepEqual(await ws.next(), {
    type: 'error', subscription_id: 'protocol', code: 'MESSAGE_TOO_LARGE', message: 'Message exceeds maximum size of 65536 bytes',
  });
  assert.equal((await ws.load('s', 'SELECT * FROM app.t')).rows.length, 1);
  await ws.close();
});

test('too many messages a second are dropped with an error', async () => {
  const limited = await startServer({ settings: { rate_limit: { max_messages_per_sec: 50, max_subscriptions_per_user: 3 } } });
  await limited.login().then(({ token }) => (limited.token = token));
  const ws = await connect(limited);
  const pings = Buffer.concat(Array.from({ length: 80 }, () => encodeFrame(1, '{"type":"ping"}')));
  ws.raw(pings);
  assert.deepEqual(await ws.next(), {
    type: 'error', subscription_id: 'rate_limit', code: 'RATE_LIMIT_EXCEEDED', message: 'Too many messages',
  });
  await eventually(async () => (await ws.isSilent(300)) || (ws.messages.length = 0), 'an end of the errors');
  await new Promise((resolve) => setTimeout(resolve, 1100));

  // and so many subscriptions of a user, over all sockets
  await limited.exec('CREATE NAMESPACE app');
  await limited.exec("CREATE TABLE app.t (id BIGINT PRIMARY KEY) WITH (TYPE='SHARED')");
  const other = await connect(limited);
  await ws.load('a', 'SELECT * FROM app.t');
  await ws.load('b', 'SELECT * FROM app.t');
  await other.load('a', 'SELECT * FROM app.t');
  await other.load('a', 'SELECT * FROM app.t WHERE id > 1'); // replaces its own
  other.subscribe('b', 'SELECT * FROM app.t', {});
  assert.deepEqual(await other.next(), {
    type: 'error', subscription_id: 'b', code: 'SUBSCRIPTION_LIMIT_EXCEEDED', message: 'Maximum subscriptions reached',
  });
  await ws.close();
  await eventually(async () => {
    other.subscribe('b', 'SELECT * FROM app.t', {});
    return (await other.next()).type === 'subscription_ack' && (await other.next('initial_data_batch'));
  }, 'the places of a socket that has gone');
  await other.close();
  await limited.stop();
  await limited.destroy();
});

test('a hundred subscriptions on a connection, not more', async () => {
  const ws = await connect(server);
  for (let i = 0; i < 100; i++) ws.subscribe(`s${i}`, 'SELECT * FROM app.t');
  for (let i = 0; i < 100; i++) await ws.next('subscription_ack');
  ws.subscribe('s100', 'SELECT * FROM app.t');
  const error = await ws.next('error');
  assert.equal(error.code, 'SUBSCRIPTION_LIMIT_EXCEEDED');
  assert.equal(error.message, 'Maximum subscriptions reached');
  await ws.close();
});

// --- staying alive

test('silence closes 1000, a ping of either kind keeps alive', async () => {
  const quiet = await connect(server);
  const pinging = await connect(server);
  const byFrame = await connect(server);
  const started = Date.now();
  const timer = setInterval(() => {
    pinging.ping();
    byFrame.raw(encodeFrame(9, 'are you there'));
  }, 1500);
  assert.deepEqual(await quiet.closed, { code: 1000, reason: 'Heartbeat timeout' });
  const tookMs = Date.now() - started;
  assert.ok(tookMs >= 3900 && tookMs < 15000, `${tookMs} ms`);
  clearInterval(timer);
  assert.equal(pinging.isClosed, false);
  assert.equal(pinging.messages.length, 0, 'an application ping is not answered');
  assert.equal(byFrame.isClosed, false);
  assert.equal(byFrame.frames[0].opcode, 10);
  assert.equal(byFrame.frames[0].payload.toString(), 'are you there');
  await pinging.close();
  await byFrame.close();
});

// --- compression and MessagePack

const LONG = 'a long text that compresses well, '.repeat(40);

test('from 512 bytes on frames are gzip when that is smaller', async () => {
  await server.exec(`CREATE TABLE app.long (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE='SHARED')`);
  const plain = await connect(server, { query: '?compress=false' });
  const none = await connect(server, { byMessage: true, protocol: { serialization: 'json', compression: 'none' } });
  const packed = await connect(server);
  for (const ws of [plain, none, packed]) await ws.load('s', 'SELECT * FROM app.long');
  assert.equal(none.welcome.protocol.compression, 'none');
  await server.exec(`INSERT INTO app.long (id, v) VALUES (1, '${LONG}')`);
  await server.exec(`INSERT INTO app.long (id, v) VALUES (2, 'short')`);
  await server.exec(`INSERT INTO app.long (id, v) VALUES (3, '${crypto.randomBytes(900).toString('hex')}')`);
  const messages = {};
  for (const [name, ws] of Object.entries({ plain, none, packed })) {
    messages[name] = [await ws.nextRaw(), await ws.nextRaw(), await ws.nextRaw()];
  }
  assert.deepEqual(messages.plain.map((m) => m.opcode), [1, 1, 1]);
  assert.deepEqual(messages.none.map((m) => m.opcode), [1, 1, 1]);
  assert.deepEqual(messages.packed.map((m) => [m.opcode, m.isGzip]), [[2, true], [1, false], [2, true]]);
  assert.ok(messages.packed[0].bytes < messages.plain[0].bytes / 3);
  for (let i = 0; i < 3; i++) assert.deepEqual(messages.packed[i].message, messages.plain[i].message);
  for (const ws of [plain, none, packed]) await ws.close();
});

test('msgpack mode: maps with the same names, errors stay JSON', async () => {
  const json = await connect(server);
  const packed = await connect(server, { query: '?serialization=MsgPack' });
  const bare = await connect(server, { query: '?serialization=msgpack&compression=NONE' });
  const byMessage = await connect(server, { byMessage: true, protocol: { serialization: 'msgpack', compression: 'gzip' } });
  assert.deepEqual(packed.welcome.protocol, { serialization: 'msgpack', compression: 'gzip' });
  assert.deepEqual(bare.welcome.protocol, { serialization: 'msgpack', compression: 'none' });
  const wanted = await json.load('s', 'SELECT * FROM app.t');
  for (const ws of [packed, bare, byMessage]) {
    ws.subscribe('s', 'SELECT * FROM app.t', {});
    const ack = await ws.nextRaw();
    const batch = await ws.nextRaw();
    assert.ok(ack.isMsgpack && batch.isMsgpack);
    assert.deepEqual(ack.message, wanted.ack);
    assert.deepEqual(batch.message, wanted.batches[0]);
  }
  await server.exec(`UPDATE app.t SET v = '${LONG}' WHERE id = 1`);
  const change = await json.next('change');
  const raw = await packed.nextRaw();
  assert.ok(raw.isMsgpack && raw.isGzip);
  assert.deepEqual(raw.message, change);
  assert.deepEqual(Object.keys(raw.message), ['type', 'subscription_id', 'change_type', 'rows', 'old_values']);
  const plain = await bare.nextRaw();
  assert.ok(plain.isMsgpack && !plain.isGzip);

  packed.subscribe('x', 'SELECT * FROM app.nowhere', {});
  const error = await packed.nextRaw();
  assert.equal(error.opcode, 1);
  assert.equal(error.message.code, 'NOT_FOUND');

  // the client may speak it too, gzipped or not; JSON stays allowed
  const say = { type: 'subscribe', subscription: { id: 'm', sql: 'SELECT id FROM app.t', options: { last_rows: 1 } } };
  packed.raw(encodeFrame(2, encodeMsgpack(say)));
  assert.equal((await packed.next('subscription_ack')).subscription_id, 'm');
  await packed.next('initial_data_batch');
  packed.raw(encodeFrame(2, zlib.gzipSync(encodeMsgpack({ type: 'unsubscribe', subscription_id: 'm' }))));
  packed.raw(encodeFrame(2, Buffer.from([0xc1])));
  const refused = await packed.next('error');
  assert.equal(refused.code, 'UNSUPPORTED_DATA');
  assert.match(refused.message, /^Invalid MessagePack: /);
  packed.raw(encodeFrame(2, zlib.gzipSync(Buffer.alloc(10 << 20)))); // a bomb
  assert.equal((await packed.next('error')).code, 'UNSUPPORTED_DATA');
  await server.exec("UPDATE app.t SET v = 'a' WHERE id = 1");
  assert.equal((await packed.next('change')).subscription_id, 's', 'm was ended');
  for (const ws of [json, packed, bare, byMessage]) await ws.close();
});

// --- RFC 6455, frame by frame

test('frames of RFC 6455', async (t) => {
  const ping = '{"type":"ping"}';
  const cases = {
    'a masked text is taken': { send: [encodeFrame(1, ping)], stays: true },
    'an unmasked frame is a protocol error': { send: [encodeFrame(1, ping, { mask: false })], code: 1002 },
    'reserved bits are a protocol error': { send: [encodeFrame(1, ping, { rsv: 4 })], code: 1002 },
    'a reserved opcode is a protocol error': { send: [encodeFrame(3, ping)], code: 1002 },
    'a reserved control opcode too': { send: [encodeFrame(11, '')], code: 1002 },
    'a fragmented text is put together': {
      send: [encodeFrame(1, '{"type":', { fin: false }), encodeFrame(9, 'in between'), encodeFrame(0, '"ping"}')],
      stays: true, pongs: ['in between'],
    },
    'a continuation without a start is a protocol error': { send: [encodeFrame(0, ping)], code: 1002 },
    'a new text inside a fragmented one is a protocol error': {
      send: [encodeFrame(1, '{', { fin: false }), encodeFrame(1, ping)], code: 1002,
    },
    'a fragmented ping is a protocol error': { send: [encodeFrame(9, 'x', { fin: false })], code: 1002 },
    'a ping of 126 bytes is a protocol error': { send: [encodeFrame(9, Buffer.alloc(126))], code: 1002 },
    'a ping of 125 bytes is answered whole': {
      send: [encodeFrame(9, Buffer.alloc(125, 65))], stays: true, pongs: ['A'.repeat(125)],
    },
    'an unasked pong is passed over': { send: [encodeFrame(10, 'x')], stays: true },
    'a text that is not UTF-8 is 1007': { send: [encodeFrame(1, Buffer.from([0xc3, 0x28]))], code: 1007 },
    'a close of one byte is a protocol error': { send: [encodeFrame(8, Buffer.from([3]))], code: 1002 },
    'a close with a code that may not be sent is a protocol error': {
      send: [encodeFrame(8, Buffer.from([0x03, 0xed]))], code: 1002, // 1005
    },
    'a close is answered with its code': { send: [encodeFrame(8, Buffer.from([0x0f, 0xa1]))], code: 4001 },
    'an empty close is answered with an empty close': { send: [encodeFrame(8, '')], code: 1005 },
    'a length beyond every limit is refused at once': {
      send: [Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])], code: 1009,
    },
  };
  for (const [name, { send, code, stays, pongs = [] }] of Object.entries(cases)) {
    await t.test(name, async () => {
      for (const split of [false, true]) {
        const ws = await connect(server);
        const bytes = Buffer.concat(send);
        if (split) for (const byte of bytes) ws.raw(Buffer.from([byte]));
        else ws.raw(bytes);
        if (stays) {
          assert.deepEqual(await ws.settle(), []);
          assert.deepEqual(ws.frames.map((f) => f.payload.toString()), pongs);
          await ws.close();
        } else {
          assert.equal((await ws.closed).code, code);
          ws.destroy();
        }
      }
    });
  }
});

test('a flood of pings is ended', async () => {
  const ws = await connect(server);
  ws.raw(Buffer.concat(Array.from({ length: 5000 }, () => encodeFrame(9, ''))));
  assert.equal((await ws.closed).code, 1008);
});

// --- users that change, and the end

test('sockets of a user who changed are closed within a second', async () => {
  const cases = {
    demoted: (name) => `ALTER USER ${name} SET ROLE 'user'`,
    repassworded: (name) => `ALTER USER ${name} SET PASSWORD 'another-password-2'`,
    dropped: (name) => `DROP USER ${name}`,
  };
  for (const [name, sql] of Object.entries(cases)) {
    const { token } = await server.user(name, 'service');
    const ws = await connect(server, { token });
    await server.login(name, 'user-password-1'); // writes the record, changes nothing of this
    await ws.settle();
    const started = Date.now();
    await server.exec(sql(name));
    assert.deepEqual(await ws.closed, { code: 1008, reason: 'Authentication failed' }, name);
    assert.ok(Date.now() - started < 1000, name);
  }
});

test('a socket is closed when its token expires, and no other', async () => {
  const secret = 'a secret of thirty-two characters';
  const other = await startServer({ settings: { auth: { jwt_secret: secret } } });
  const sign = (claims) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(claims)}`;
    return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const seconds = Math.floor(Date.now() / 1000);
  // Accepted for a minute after `exp`: of that, five seconds are left.
  const claims = { sub: 'root', iss: 'kalamdb', iat: seconds - 600, exp: seconds - 55, token_type: 'access' };
  const short = await connect(other, { token: sign(claims) });
  const byMessage = await connect(other, { token: sign(claims), byMessage: true });
  const long = await connect(other, { token: sign({ ...claims, exp: seconds + 600 }) });
  for (const ws of [short, byMessage]) {
    await ws.until((message) => message.type === 'auth_error');
    assert.deepEqual(await ws.closed, { code: 1008, reason: 'Token expired' });
  }
  assert.ok(Date.now() / 1000 >= seconds + 5);
  await long.settle();
  await other.stop();
  await other.destroy();
});

test('the server says 1001 when it stops', async () => {
  const other = await startServer();
  await other.login().then(({ token }) => (other.token = token));
  const ws = await connect(other);
  const greeting = await open(other);
  const stopped = other.stop();
  assert.deepEqual(await ws.closed, { code: 1001, reason: 'Server shutting down' });
  assert.equal((await greeting.closed).code, 1001);
  await stopped;
  await other.destroy();
});
