// tests/api/fixtures_test.mjs -- Goal: the complete environment of fixtures.mjs is what it says: tables of all kinds, rows
// that read back as they were made, each user's apart, hot and flushed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { bodiesOf, completeEnvironment, countRows, insertRows, messageOf, roomOf, rowsOf } from './fixtures.mjs';
import { eventually } from './harness.mjs';

const COUNT = 12;
let env;
before(async () => {
  env = await completeEnvironment({ count: COUNT });
});
after(() => env.end());

const tokenOf = (name) => ({ token: env.users[name].token });

test('tables of all three kinds are there', async () => {
  const { rows } = await env.server.exec(`SELECT table_name, table_type FROM system.tables WHERE namespace_id = '${env.namespace}' ORDER BY table_name`);
  assert.deepEqual(rows, [['messages', 'user'], ['rooms', 'shared'], ['typing', 'stream']]);
});

test('each user has their own messages, under the same keys', async () => {
  const made = rowsOf(messageOf, COUNT).map((row) => row.body);
  assert.deepEqual(await bodiesOf(env.server, env.messages, tokenOf('ann')), made);
  assert.deepEqual(await bodiesOf(env.server, env.messages, tokenOf('bob')), made.map((body) => `bob: ${body}`));
  assert.equal(await countRows(env.server, env.messages), 0); // root's own
});

test('shared rows are everybody\'s, events their writer\'s', async () => {
  const { rows } = await env.server.exec(`SELECT id, title, price FROM ${env.rooms} ORDER BY id`, tokenOf('bob'));
  assert.deepEqual(rows, rowsOf(roomOf, COUNT).map((room) => [String(room.id), room.title, room.price]));
  assert.equal(await countRows(env.server, env.typing, tokenOf('ann')), COUNT);
  assert.equal(await countRows(env.server, env.typing, tokenOf('bob')), 0);
});

test('flushed rows and newer ones read as one table', async () => {
  await env.server.exec(`STORAGE FLUSH TABLE ${env.rooms}`);
  await eventually(async () => (await env.server.exec("SELECT count(*) FROM system.jobs WHERE job_type = 'flush' AND status = 'completed'")).rows[0][0] !== '0', 'the flush');
  await insertRows(env.server, env.rooms, rowsOf(roomOf, 3, COUNT + 1));
  assert.equal(await countRows(env.server, env.rooms), COUNT + 3);
});
