// tests/api/ws_client.mjs -- a WebSocket client that shows everything: frames, masks, gzip, msgpack.
// For:   tests/api/ws_*_test.mjs. Nothing but Node itself.
//
//     const ws = await connect(server, { token, query: '?compress=false' });
//     ws.send({ type: 'subscribe', subscription: { id: 's', sql, options: {} } });
//     const ack = await ws.next('subscription_ack');     // the next message, which must be of the type
//     const message = await ws.until((m) => ...);         // skips what comes before
//     const { code, reason } = await ws.closed;
//     const live = new LiveRows(ws, 's');                 // what an official client would show
import crypto from 'node:crypto';
import net from 'node:net';
import zlib from 'node:zlib';

const WAIT_MS = 20000;

export function encodeFrame(opcode, payload, { fin = true, mask = true, rsv = 0 } = {}) {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload ?? '');
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const bit = mask ? 0x80 : 0;
  if (bytes.length < 126) head.push(bit | bytes.length);
  else if (bytes.length < 65536) head.push(bit | 126, bytes.length >> 8, bytes.length & 255);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    head.push(bit | 127, ...length);
  }
  if (!mask) return Buffer.concat([Buffer.from(head), bytes]);
  const key = crypto.randomBytes(4);
  const masked = Buffer.from(bytes);
  for (let i = 0; i < masked.length; i++) masked[i] ^= key[i & 3];
  return Buffer.concat([Buffer.from(head), key, masked]);
}

// One frame at the front of `buffer`: { fin, rsv, opcode, payload, bytes }, or null: not whole yet.
export function decodeFrame(buffer) {
  if (buffer.length < 2) return null;
  let length = buffer[1] & 127;
  let at = 2;
  if (length === 126) {
    if (buffer.length < 4) return null;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return null;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if (buffer[1] & 128) throw new Error('a server must not mask');
  if (buffer.length < at + length) return null;
  return {
    fin: (buffer[0] & 128) !== 0,
    rsv: (buffer[0] >> 4) & 7,
    opcode: buffer[0] & 15,
    payload: buffer.subarray(at, at + length),
    bytes: at + length,
  };
}

// MessagePack as far as our server uses it: nil, booleans, integers, floats, strings, arrays, maps.
export function decodeMsgpack(bytes) {
  let at = 0;
  const text = (n) => bytes.subarray(at, (at += n)).toString('utf8');
  const list = (n) => Array.from({ length: n }, () => value());
  const map = (n) => Object.fromEntries(Array.from({ length: n }, () => [value(), value()]));
  const take = (method, n) => {
    const v = bytes[method](at);
    at += n;
    return typeof v === 'bigint' ? Number(v) : v;
  };
  function value() {
    const tag = bytes[at++];
    if (tag < 0x80) return tag;
    if (tag < 0x90) return map(tag & 15);
    if (tag < 0xa0) return list(tag & 15);
    if (tag < 0xc0) return text(tag & 31);
    if (tag >= 0xe0) return tag - 256;
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return take('readFloatBE', 4);
      case 0xcb: return take('readDoubleBE', 8);
      case 0xcc: return take('readUInt8', 1);
      case 0xcd: return take('readUInt16BE', 2);
      case 0xce: return take('readUInt32BE', 4);
      case 0xcf: return take('readBigUInt64BE', 8);
      case 0xd0: return take('readInt8', 1);
      case 0xd1: return take('readInt16BE', 2);
      case 0xd2: return take('readInt32BE', 4);
      case 0xd3: return take('readBigInt64BE', 8);
      case 0xd9: return text(take('readUInt8', 1));
      case 0xda: return text(take('readUInt16BE', 2));
      case 0xdb: return text(take('readUInt32BE', 4));
      case 0xdc: return list(take('readUInt16BE', 2));
      case 0xdd: return list(take('readUInt32BE', 4));
      case 0xde: return map(take('readUInt16BE', 2));
      case 0xdf: return map(take('readUInt32BE', 4));
      default: throw new Error(`msgpack tag 0x${tag.toString(16)}`);
    }
  }
  const found = value();
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes behind the msgpack value`);
  return found;
}

export function encodeMsgpack(value) {
  if (value === null || value === undefined) return Buffer.from([0xc0]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes[0] = Number.isInteger(value) ? 0xd3 : 0xcb;
    if (Number.isInteger(value)) bytes.writeBigInt64BE(BigInt(value), 1);
    else bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    const head = Buffer.alloc(5);
    head[0] = 0xdb;
    head.writeUInt32BE(text.length, 1);
    return Buffer.concat([head, text]);
  }
  const isList = Array.isArray(value);
  const entries = isList ? value : Object.entries(value).flat();
  const head = Buffer.alloc(5);
  head[0] = isList ? 0xdd : 0xdf;
  head.writeUInt32BE(isList ? value.length : entries.length / 2, 1);
  return Buffer.concat([head, ...entries.map(encodeMsgpack)]);
}

export class WsClient {
  constructor(socket) {
    this.socket = socket;
    this.messages = []; // { message, opcode, isGzip, isMsgpack, bytes }, not yet taken
    this.frames = []; // control frames: { opcode, payload }
    this.waiting = [];
    this.buffer = Buffer.alloc(0);
    this.isClosed = false;
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
    this.keepAlive = null;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', () => this.end(1006, 'socket error'));
    socket.on('close', () => this.end(1006, 'socket closed'));
  }

  end(code, reason) {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.keepAlive);
    this.resolveClosed({ code, reason });
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  take(chunk) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk]) : chunk;
    for (let frame = decodeFrame(this.buffer); frame; frame = decodeFrame(this.buffer)) {
      this.buffer = this.buffer.subarray(frame.bytes);
      this.takeFrame(frame);
    }
  }

  takeFrame({ fin, rsv, opcode, payload }) {
    if (rsv !== 0) throw new Error('reserved bits are set');
    if (opcode === 8) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      const reason = payload.subarray(2).toString('utf8');
      this.end(code, reason);
      this.socket.end();
      return;
    }
    if (opcode === 9 || opcode === 10) {
      this.frames.push({ opcode, payload });
    } else {
      if (!fin) throw new Error('our server does not fragment');
      this.messages.push(this.decode(opcode, payload));
    }
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  decode(opcode, payload) {
    const isGzip = opcode === 2 && payload[0] === 0x1f && payload[1] === 0x8b;
    const plain = isGzip ? zlib.gunzipSync(payload) : payload;
    const isMsgpack = opcode === 2 && plain[0] !== 0x7b;
    const message = isMsgpack ? decodeMsgpack(plain) : JSON.parse(plain.toString('utf8'));
    return { message, opcode, isGzip, isMsgpack, bytes: payload.length };
  }

  raw(bytes) {
    this.socket.write(bytes);
  }

  send(message) {
    this.raw(encodeFrame(1, JSON.stringify(message)));
  }

  ping() {
    this.send({ type: 'ping' });
  }

  // Pings so that the server does not take us for gone.
  stayAlive(everyMs = 3000) {
    this.keepAlive = setInterval(() => this.ping(), everyMs);
    this.keepAlive.unref();
    return this;
  }

  wait(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  // The whole of the next message: { message, opcode, isGzip ... }.
  async nextRaw(timeoutMs = WAIT_MS) {
    const until = Date.now() + timeoutMs;
    while (this.messages.length === 0) {
      const left = until - Date.now();
      if (left <= 0) throw new Error('no message in time');
      if (this.isClosed) throw new Error(`closed: ${JSON.stringify(await this.closed)}`);
      await this.wait(left);
    }
    return this.messages.shift();
  }

  async next(type, timeoutMs = WAIT_MS) {
    const { message } = await this.nextRaw(timeoutMs);
    if (type !== undefined && message.type !== type) {
      throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
    }
    return message;
  }

  async until(check, timeoutMs = WAIT_MS) {
    for (;;) {
      const message = await this.next(undefined, timeoutMs);
      if (check(message)) return message;
    }
  }

  // True: nothing came within `ms`.
  async isSilent(ms) {
    const until = Date.now() + ms;
    while (Date.now() < until && this.messages.length === 0 && !this.isClosed) await this.wait(until - Date.now());
    return this.messages.length === 0;
  }

  // Sends a marker and takes what comes before its answer: all that was on its way.
  async settle() {
    const id = `settle-${crypto.randomUUID()}`;
    const found = [];
    this.send({ type: 'next_batch', subscription_id: id, last_seq_id: null });
    for (;;) {
      const message = await this.next();
      if (message.type === 'error' && message.subscription_id === id) return found;
      found.push(message);
    }
  }

  subscribe(id, sql, options) {
    const subscription = { id, sql };
    if (options !== undefined) subscription.options = options;
    this.send({ type: 'subscribe', subscription });
  }

  // Subscribes and takes everything up to `ready`: { ack, batches, rows }.
  async load(id, sql, options = {}) {
    this.subscribe(id, sql, options);
    const ack = await this.until((m) => m.subscription_id === id);
    if (ack.type === 'error') throw Object.assign(new Error(ack.message), { code: ack.code });
    const batches = [];
    while (options !== null && (batches.length === 0 || batches.at(-1).batch_control.has_more)) {
      if (batches.length > 0 && options.batch_size !== undefined) {
        this.send({ type: 'next_batch', subscription_id: id, last_seq_id: batches.at(-1).batch_control.last_seq_id });
      }
      batches.push(await this.until((m) => m.subscription_id === id && m.type !== 'change'));
      if (batches.at(-1).type === 'error') throw new Error(batches.at(-1).message);
    }
    return { ack, batches, rows: batches.flatMap((b) => b.rows) };
  }

  async close(code = 1000) {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    if (!this.isClosed) this.raw(encodeFrame(8, payload));
    const end = await this.closed;
    this.socket.destroy();
    return end;
  }

  destroy() {
    this.socket.destroy();
    this.end(1006, 'destroyed');
  }
}

// The rows of a subscription as the official clients keep them.
export class LiveRows {
  constructor(key = 'id') {
    this.key = key;
    this.rows = new Map();
    this.lastSeq = 0n;
    this.events = 0;
  }

  note(row) {
    if (row._seq !== undefined && BigInt(row._seq) > this.lastSeq) this.lastSeq = BigInt(row._seq);
  }

  take(message) {
    if (message.type === 'initial_data_batch') {
      for (const row of message.rows) {
        this.rows.set(row[this.key], row);
        this.note(row);
      }
    } else if (message.type === 'change') {
      this.events++;
      for (const row of message.old_values ?? []) {
        this.rows.delete(row[this.key]);
        this.note(row);
      }
      for (const row of message.rows ?? []) {
        this.rows.set(row[this.key], row);
        this.note(row);
      }
    }
  }

  // Rows as SELECT would give them: the named columns, by key.
  show(columns) {
    const by = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return [...this.rows.values()]
      .sort((a, b) => by(Number(a[this.key]), Number(b[this.key])) || by(a[this.key], b[this.key]))
      .map((row) => columns.map((c) => row[c] ?? null));
  }
}

export function handshake({ host, port, path = '/v1/ws', headers = {} }) {
  const lines = {
    Host: `${host}:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
    ...headers,
  };
  const head = Object.entries(lines)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return { text: `GET ${path} HTTP/1.1\r\n${head}\r\n`, key: lines['Sec-WebSocket-Key'] };
}

// Asks for an upgrade: { status, head, socket, rest } whatever the answer is.
export function upgrade(server, { query = '', headers = {}, path = '/v1/ws' } = {}) {
  const { text, key } = handshake({ host: server.host, port: server.port, path: path + query, headers });
  return new Promise((resolve, reject) => {
    const socket = net.connect(server.port, server.host);
    let buffer = Buffer.alloc(0);
    socket.on('connect', () => socket.write(text));
    socket.on('error', reject);
    const onData = (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      const end = buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', onData);
      socket.pause();
      const head = buffer.subarray(0, end).toString('latin1');
      const accept = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
      const rest = buffer.subarray(end + 4);
      const isAccepted = head.includes(accept);
      socket.off('error', reject);
      resolve({ status: Number(head.split(' ')[1]), head, socket, rest, isAccepted });
    };
    socket.on('data', onData);
  });
}

// A socket after the upgrade; `token`: in the Authorization header. auth_success is not taken.
export async function open(server, { token, query = '', headers = {} } = {}) {
  const all = token ? { Authorization: `Bearer ${token}`, ...headers } : headers;
  const { status, head, socket, rest, isAccepted } = await upgrade(server, { query, headers: all });
  if (status !== 101 || !isAccepted) {
    socket.destroy();
    throw new Error(`no upgrade: ${head}`);
  }
  const ws = new WsClient(socket);
  if (rest.length > 0) ws.take(rest);
  socket.resume();
  return ws;
}

export const JSON_GZIP = { serialization: 'json', compression: 'gzip' };

// A socket that is authenticated: by header, or (byMessage) as browsers do.
export async function connect(server, { token, query = '', headers = {}, byMessage = false, protocol = JSON_GZIP } = {}) {
  const own = token ?? server.token ?? (await server.login()).token;
  const ws = await open(server, { token: byMessage ? undefined : own, query, headers });
  if (byMessage) ws.send({ type: 'authenticate', method: 'jwt', token: own, protocol });
  ws.welcome = await ws.next('auth_success');
  return ws;
}
