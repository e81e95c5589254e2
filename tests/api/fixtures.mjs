// tests/api/fixtures.mjs -- a complete environment in one call, and the parts it is made of (requirement T221).
//
//     const env = await completeEnvironment();     // its own server, namespace, users, tables of all kinds, rows
//     await countRows(env.server, env.messages, { token: env.users.ann.token });
//     await env.end();
//
// Data is made from the row's number alone: the same everywhere, no seed to keep.
import { startServer } from './harness.mjs';

// -- tables. Each answers the table's full name. --------------------------------------------------------------------

export async function createNamespace(server, name) {
  await server.exec(`CREATE NAMESPACE ${name}`);
  return name;
}

export async function createMessages(server, namespace) {
  await server.exec(`CREATE USER TABLE ${namespace}.messages (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(),
    conversation TEXT NOT NULL, body TEXT NOT NULL, is_read BOOLEAN DEFAULT false, sent_at TIMESTAMP DEFAULT NOW())`);
  return `${namespace}.messages`;
}

export async function createShared(server, namespace, accessLevel = 'PUBLIC') {
  await server.exec(`CREATE SHARED TABLE ${namespace}.rooms (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price DECIMAL(10, 2))
    WITH (ACCESS_LEVEL = '${accessLevel}')`);
  return `${namespace}.rooms`;
}

export async function createStream(server, namespace, ttlSeconds = 3600) {
  await server.exec(`CREATE STREAM TABLE ${namespace}.typing (conversation TEXT, who TEXT) WITH (TTL_SECONDS = ${ttlSeconds})`);
  return `${namespace}.typing`;
}

// -- data -----------------------------------------------------------------------------------------------------------

const WORDS = ['hello', 'façade', '日本', "it's", 'a "quote"', '🙂 smile', 'semi;colon', ''];

export const messageOf = (i) => ({ id: i, conversation: `c${i % 3}`, body: `${WORDS[i % WORDS.length]} ${i}`, is_read: i % 2 === 0 });
export const roomOf = (i) => ({ id: i, title: `room ${i} ${WORDS[i % WORDS.length]}`, price: i % 5 === 0 ? null : `${i}.25` });
export const eventOf = (i) => ({ conversation: `c${i % 3}`, who: `user ${i}` });
export const rowsOf = (make, count, first = 1) => Array.from({ length: count }, (_, i) => make(first + i));

const literal = (v) => (v === null ? 'NULL' : typeof v === 'string' ? `'${v.replaceAll("'", "''")}'` : String(v));

// One INSERT for all rows; `options` as in server.exec: whose they are.
export async function insertRows(server, table, rows, options) {
  const names = Object.keys(rows[0]);
  const values = rows.map((row) => `(${names.map((name) => literal(row[name])).join(', ')})`);
  await server.exec(`INSERT INTO ${table} (${names.join(', ')}) VALUES ${values.join(', ')}`, options);
}

// -- questions ------------------------------------------------------------------------------------------------------

export async function countRows(server, table, options) {
  const { rows } = await server.exec(`SELECT count(*) FROM ${table}`, options);
  return Number(rows[0][0]);
}

export async function bodiesOf(server, table, options) {
  const { rows } = await server.exec(`SELECT body FROM ${table} ORDER BY id`, options);
  return rows.map(([body]) => body);
}

// -- all of it ------------------------------------------------------------------------------------------------------

// Two users with `count` messages each, the second's under the keys of the first; `count` rooms and events.
export async function completeEnvironment({ count = 10, ...options } = {}) {
  const server = await startServer(options);
  server.token = (await server.login()).token;
  const namespace = await createNamespace(server, 'app');
  const env = {
    server,
    namespace,
    users: { ann: await server.user('ann'), bob: await server.user('bob') },
    messages: await createMessages(server, namespace),
    rooms: await createShared(server, namespace),
    typing: await createStream(server, namespace),
    async end() {
      await server.stop();
      await server.destroy();
    },
  };
  await insertRows(server, env.messages, rowsOf(messageOf, count), { token: env.users.ann.token });
  const ofBob = rowsOf(messageOf, count).map((row) => ({ ...row, body: `bob: ${row.body}` }));
  await insertRows(server, env.messages, ofBob, { token: env.users.bob.token });
  await insertRows(server, env.rooms, rowsOf(roomOf, count));
  await insertRows(server, env.typing, rowsOf(eventOf, count), { token: env.users.ann.token });
  return env;
}
