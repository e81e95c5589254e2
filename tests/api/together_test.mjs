// tests/api/together_test.mjs -- everything at once, for some seconds: writers, readers, log-ins, subscribers,
// flushes, compactions, tables that come and go. Goal: every row is what its writer wrote last, every statement
// is answered, and a TSan build sees the threads of the server meet.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

const WRITERS = 6;
const KEYS = 40; // of each writer
const WORK_MS = Number(process.env.KALAM_TOGETHER_MS ?? 8000);

let server;
before(async () => {
  server = await startServer({
    settings: { limits: { max_query_limit: 0, default_query_limit: 0 }, flush: { check_interval_seconds: 1 } },
  });
  server.token = (await server.login()).token;
  await server.exec('CREATE NAMESPACE app');
  await server.user('ann');
  await server.exec("CREATE SHARED TABLE app.s (id BIGINT PRIMARY KEY, v TEXT, n BIGINT) WITH (FLUSH_POLICY = 'rows:100')");
  await server.exec("CREATE USER TABLE app.u (id BIGINT PRIMARY KEY, v TEXT, n BIGINT) WITH (FLUSH_POLICY = 'interval:1')");
});
after(async () => {
  await server.stop();
  await server.destroy();
});

test('writers, readers, subscribers, jobs and DDL do not disturb each other', async () => {
  const until = Date.now() + WORK_MS;
  const isOver = () => Date.now() > until;
  const tables = [
    { name: 'app.s', as: (sql) => sql, rows: new Map() },
    { name: 'app.u', as: (sql) => `EXECUTE AS USER 'ann' (${sql})`, rows: new Map() },
  ];
  let statements = 0;
  // SERVER_BUSY is an answer; so is a conflict with DDL on the table that comes and goes.
  const say = async (sql, mayFail = /^$/) => {
    const reply = await server.sql(sql);
    statements++;
    if (reply.status === 200) return reply.body.results.at(-1);
    assert.ok(reply.status === 503 || mayFail.test(reply.body?.error?.message), `${sql}: ${reply.status} ${reply.text}`);
    return null;
  };
  const writer = async (w) => {
    for (let i = 0; !isOver(); i++) {
      const { name, as, rows } = tables[i % 2];
      const id = w * KEYS + ((i * 7) % KEYS);
      const value = `${w}-${i}`;
      if (!rows.has(id)) {
        if (await say(as(`INSERT INTO ${name} (id, v, n) VALUES (${id}, '${value}', ${w})`))) rows.set(id, value);
      } else if (i % 5 === 0) {
        if (await say(as(`DELETE FROM ${name} WHERE id = ${id}`))) rows.delete(id);
      } else if (i % 7 === 0) {
        const all = [...rows.keys()].filter((key) => Math.floor(key / KEYS) === w);
        if (await say(as(`UPDATE ${name} SET v = '${value}' WHERE n = ${w}`))) for (const key of all) rows.set(key, value);
      } else if (await say(as(`UPDATE ${name} SET v = '${value}' WHERE id = ${id}`))) rows.set(id, value);
    }
  };
  const reader = async () => {
    for (let i = 0; !isOver(); i++) {
      const { name, as } = tables[i % 2];
      await say(as(`SELECT n, count(*), max(v) FROM ${name} GROUP BY n ORDER BY n`));
      await say(as(`SELECT v FROM ${name} WHERE id = ${i % (WRITERS * KEYS)}`));
      await say('SELECT job_id, status FROM system.jobs LIMIT 5');
      await say('SELECT table_name FROM system.tables');
    }
  };
  const keeper = async () => {
    for (let i = 0; !isOver(); i++) {
      await say(`STORAGE FLUSH TABLE ${tables[i % 2].name}`, /already|under way|running/);
      await say(`STORAGE COMPACT TABLE ${tables[(i + 1) % 2].name}`, /already|under way|running/);
      const gone = /not found|changed or dropped|Already exists|Conflict/i;
      await say(`CREATE SHARED TABLE app.x${i} (id BIGINT PRIMARY KEY, v TEXT)`);
      await say(`INSERT INTO app.x${i} (id, v) VALUES (1, 'a')`, gone);
      await say(`ALTER TABLE app.x${i} ADD COLUMN w TEXT`, gone);
      await say(`SELECT w FROM app.x${i}`, gone);
      await say(`DROP TABLE app.x${i}`, gone);
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const subscriber = async () => {
    while (!isOver()) {
      const ws = await connect(server, { token: server.token });
      ws.send({ type: 'subscribe', subscription: { id: 's', sql: 'SELECT * FROM app.s', options: {} } });
      await ws.next('subscription_ack');
      await ws.until((message) => message.type === 'change').catch((error) => assert.ok(isOver(), String(error)));
      ws.close();
      await ws.closed;
    }
  };
  const visitor = async () => {
    while (!isOver()) {
      const { token } = await server.login('ann', 'user-password-1');
      const reply = await server.sql('SELECT count(*) FROM app.u', { token });
      assert.ok([200, 503].includes(reply.status), reply.text);
    }
  };
  await Promise.all([...Array.from({ length: WRITERS }, (_, w) => writer(w)), reader(), reader(), keeper(), subscriber(), subscriber(), visitor()]);
  assert.ok(statements > 100, `${statements} statements`);
  for (const { name, as, rows } of tables) {
    const found = await server.rows(as(`SELECT id, v FROM ${name} ORDER BY id`));
    const wanted = [...rows].sort((a, b) => a[0] - b[0]).map(([id, v]) => ({ id: String(id), v }));
    assert.deepEqual(found, wanted, name);
  }
});
