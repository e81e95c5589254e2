// tests/api/metrics_test.mjs -- GET /metrics of the running server.
// Goal: figures move by exactly what was done; those may read them who should; no name of a user and
// no value of a row is in them; Prometheus itself takes them. Method: read, act, read again; then
// promtool and a real prometheus (Debian package `prometheus`) on a loopback port.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, startServer } from './harness.mjs';
import { connect } from './ws_client.mjs';

let server;
before(async () => {
  server = await startServer();
  await server.exec('CREATE NAMESPACE app');
});
after(async () => {
  await server.stop();
  await server.destroy();
});

// { 'name{labels}': number }
function parse(text) {
  const values = {};
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    const key = line.slice(0, space);
    assert.ok(!(key in values), `twice: ${key}`);
    values[key] = Number(line.slice(space + 1));
    assert.ok(!Number.isNaN(values[key]), line);
  }
  return values;
}
const scrape = async () => {
  const reply = await server.get('/metrics');
  assert.equal(reply.status, 200);
  return parse(reply.text);
};
const moved = (a, b, key) => (b[key] ?? 0) - (a[key] ?? 0);
const latency = (table, type) => `kalamdb_query_latency_seconds_count{table_name="${table}",query_type="${type}"}`;

test('the seven query types move by exactly the statements that were run', async () => {
  const a = await scrape();
  await server.exec('CREATE TABLE app.m (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec("INSERT INTO app.m (id, v) VALUES (1, 'x'), (2, 'y')");
  await server.exec("INSERT INTO app.m (id, v) VALUES (3, 'z')");
  await server.rows('SELECT v FROM app.m WHERE id = 1');
  await server.rows('SELECT count(*) FROM app.m');
  await server.rows('SELECT v FROM app.m ORDER BY v');
  await server.exec("UPDATE app.m SET v = 'w' WHERE id = 1");
  await server.exec('DELETE FROM app.m WHERE id = 2');
  await server.exec('ALTER TABLE app.m ADD COLUMN n INT');
  await server.exec('DESCRIBE TABLE app.m');
  assert.equal((await server.sql('SELECT nothing FROM app.m')).status, 400);
  assert.equal((await server.sql('SELEC 1')).status, 400);
  const b = await scrape();
  const wanted = { create_table: 1, insert: 2, select: 3, update: 1, delete: 1, alter_table: 1, describe_table: 1 };
  for (const [type, count] of Object.entries(wanted)) assert.equal(moved(a, b, latency('app.m', type)), count, type);
  assert.equal(moved(a, b, 'kalamdb_statements_total{outcome="ok"}'), 10);
  assert.equal(moved(a, b, 'kalamdb_statements_total{outcome="error"}'), 2);
  assert.equal(moved(a, b, 'kalamdb_http_requests_total{route="/v1/api/sql",status="200"}'), 10);
  assert.equal(moved(a, b, 'kalamdb_http_requests_total{route="/v1/api/sql",status="400"}'), 2);
  assert.equal(moved(a, b, 'kalamdb_http_request_duration_seconds_count{route="/v1/api/sql",status="200"}'), 10);
  assert.equal(moved(a, b, 'kalamdb_http_requests_total{route="/metrics",status="200"}'), 1);
});

test('a batch counts each of its statements, and what a missing table is called is no label', async () => {
  const a = await scrape();
  await server.exec('SELECT 1; SELECT 2; SELECT 3');
  assert.equal((await server.sql('SELECT * FROM app.canary_missing_table')).status, 400);
  const b = await scrape();
  assert.equal(moved(a, b, latency('none', 'select')), 3);
  assert.equal(moved(a, b, 'kalamdb_statements_total{outcome="ok"}'), 3);
  assert.ok(!Object.keys(b).some((key) => key.includes('canary_missing_table')));
});

test('commits, syncs and caches are counted', async () => {
  const a = await scrape();
  await server.exec("INSERT INTO app.m (id, v) VALUES (10, 'x')");
  await server.exec("INSERT INTO app.m (id, v) VALUES (11, 'x')");
  const b = await scrape();
  assert.ok(moved(a, b, 'kalamdb_commit_group_requests_sum') >= 2);
  assert.ok(moved(a, b, 'kalamdb_commit_group_duration_seconds_count') >= 2);
  assert.ok(moved(a, b, 'kalamdb_fsync_duration_seconds_count') >= 2);
  assert.ok(moved(a, b, 'kalamdb_cache_hits_total{cache="token"}') >= 2);
  for (const cache of ['token', 'plan', 'schema', 'system', 'bloom']) assert.ok(`kalamdb_cache_entries{cache="${cache}"}` in b, cache);
});

test('a flush is timed, counted as a job, and moves rows from hot to cold', async () => {
  await server.exec('CREATE TABLE app.f (id BIGINT PRIMARY KEY, v TEXT)');
  await server.exec("INSERT INTO app.f (id, v) VALUES (1, 'x'), (2, 'y'), (3, 'z')");
  const a = await scrape();
  const family = 'kalamdb_column_family_size_bytes{cf_type="shared_table",name="app.f"}';
  assert.ok(a[family] > 0);
  await server.exec('STORAGE FLUSH TABLE app.f');
  const key = 'kalamdb_flush_duration_seconds_count{table_name="app.f"}';
  const b = await eventually(async () => {
    const now = await scrape();
    return now[key] === 1 && now['kalamdb_jobs{type="flush",state="completed"}'] === 1 && now;
  }, 'the flush');
  assert.equal(moved(a, b, 'kalamdb_hot_rows'), -3);
  assert.equal(moved(a, b, 'kalamdb_cold_rows'), 3);
  assert.equal(moved(a, b, 'kalamdb_segments'), 1);
  assert.equal(b[family], 0);
  await server.rows('SELECT v FROM app.f WHERE _seq = 1'); // no row is that old: the file need not be opened
  const c = await scrape();
  const listed = moved(b, c, 'kalamdb_segment_files_listed_total'); // a statement may look more than once
  assert.ok(listed >= 1);
  assert.equal(moved(b, c, 'kalamdb_segment_files_pruned_total'), listed);
  assert.equal(moved(a, b, 'kalamdb_job_moves_total{type="flush",state="completed"}'), 1);
});

test('all eight kinds of families are there', async () => {
  await server.exec('CREATE TABLE app.u (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = \'USER\')');
  await server.exec("CREATE TABLE app.s (id BIGINT PRIMARY KEY, v TEXT) WITH (TYPE = 'STREAM', TTL_SECONDS = 60)");
  const keys = Object.keys(await scrape());
  for (const [type, name] of [
    ['user_table', 'app.u'],
    ['shared_table', 'app.m'],
    ['stream_table', 'app.s'],
    ['system_tables', 'system_tables'],
    ['system_namespaces', 'system_namespaces'],
    ['system_live_queries', 'system_live_queries'],
    ['system_storage_locations', 'system_storage_locations'],
    ['system_flush_jobs', 'system_flush_jobs'],
  ]) {
    assert.ok(keys.includes(`kalamdb_column_family_size_bytes{cf_type="${type}",name="${name}"}`), type);
  }
});

test('a dropped table has no series any more', async () => {
  await server.exec('CREATE TABLE app.gone (id BIGINT PRIMARY KEY)');
  await server.exec('INSERT INTO app.gone (id) VALUES (1)');
  assert.ok(latency('app.gone', 'insert') in (await scrape()));
  await server.exec('DROP TABLE app.gone');
  assert.ok(!Object.keys(await scrape()).some((key) => key.includes('app.gone')));
});

test('messages are counted per connection while it lives, subscriptions and events as they happen', async () => {
  const token = (await server.login()).token;
  const a = await scrape();
  const ws = await connect(server, { token });
  ws.send({ type: 'subscribe', subscription: { id: 's1', sql: 'SELECT * FROM app.m WHERE id > 15', options: {} } });
  await ws.until((message) => message.type === 'subscription_ack');
  const b = await eventually(async () => {
    const now = await scrape();
    return now.kalamdb_live_subscriptions === 1 && now;
  }, 'the subscription');
  assert.equal(moved(a, b, 'kalamdb_websocket_connections'), 1);
  assert.equal(moved(a, b, 'kalamdb_live_subscriptions'), 1);
  const ofConnection = (values) => Object.entries(values).filter(([key]) => key.startsWith('kalamdb_websocket_messages_total{'));
  const [[key, sent], ...others] = ofConnection(b);
  assert.match(key, /^kalamdb_websocket_messages_total\{connection_id="\d+"\}$/);
  assert.deepEqual(others, []);
  assert.ok(sent >= 2); // auth_success, subscription_ack
  await server.exec("INSERT INTO app.m (id, v) VALUES (20, 'x')");
  const c = await eventually(async () => {
    const now = await scrape();
    return now[key] === sent + 1 && now;
  }, 'the event');
  assert.equal(moved(b, c, 'kalamdb_live_events_total'), 1);
  assert.equal(moved(b, c, 'kalamdb_live_lag_seconds_count'), 1);
  assert.equal(moved(b, c, 'kalamdb_websocket_sent_messages_total'), 1);
  ws.socket.destroy();
  const d = await eventually(async () => {
    const now = await scrape();
    return now['kalamdb_websocket_connections'] === 0 && now;
  }, 'the end of the connection');
  assert.deepEqual(ofConnection(d), []);
  assert.equal(d.kalamdb_live_subscriptions, 0);
});

test('no name of a user and no value of a row or a statement is in the figures', async () => {
  const canary = 'canaryvalue77';
  const { token } = await server.user('canaryuser77');
  await server.exec(`INSERT INTO app.u (id, v) VALUES (1, '${canary}')`, { token });
  await server.rows(`SELECT * FROM app.u WHERE v = '${canary}'`, { token });
  await server.sql(`SELECT ${canary}`, { token });
  await server.get(`/${canary}`);
  const { text } = await server.get('/metrics');
  assert.ok(!/canary/.test(text), text.split('\n').filter((line) => /canary/.test(line)).join('\n'));
});

test('whoever is not this machine by its name, or comes from a page, needs the token of an admin', async () => {
  const get = async (headers) => (await server.get('/metrics', { headers })).status;
  const root = (await server.login()).token;
  const { token } = await server.user('mallory');
  assert.equal(await get({}), 200);
  assert.equal(await get({ host: 'localhost:1' }), 200);
  assert.equal(await get({ host: '[::1]:1' }), 200);
  assert.equal(await get({ host: 'evil.example' }), 401);
  assert.equal(await get({ origin: 'https://evil.example' }), 401);
  assert.equal(await get({ host: 'evil.example', authorization: `Bearer ${token}` }), 403);
  assert.equal(await get({ host: 'evil.example', authorization: `Bearer ${root}` }), 200);
  assert.equal((await server.post('/metrics', '')).status, 405);
});

test('metrics.access token and off', async () => {
  for (const [access, anonymous, admin] of [['token', 401, 200], ['off', 404, 404]]) {
    const other = await startServer({ settings: { metrics: { access } } });
    const root = (await other.login()).token;
    assert.equal((await other.get('/metrics')).status, anonymous);
    assert.equal((await other.get('/metrics', { headers: { authorization: `Bearer ${root}` } })).status, admin);
    await other.stop();
    await other.destroy();
  }
});

test('the form is that of Prometheus, or OpenMetrics when it is asked for', async () => {
  const plain = await server.get('/metrics');
  assert.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.ok(!plain.text.includes('# EOF'));
  const open = await server.get('/metrics', { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
  assert.equal(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.ok(open.text.endsWith('\n# EOF\n'));
  assert.match(open.text, /# TYPE kalamdb_statements counter\n/);
  assert.match(open.text, /\nkalamdb_statements_total\{outcome="ok"\} \d+\n/);
});

test('what comes too often is counted by its limit', async () => {
  const other = await startServer({ settings: { rate_limit: { max_queries_per_sec: 2, max_auth_requests_per_ip_per_sec: 3 } } });
  const { token } = await other.login();
  let refused = 0;
  while (refused === 0) {
    const replies = await Promise.all(Array.from({ length: 5 }, () => other.sql('SELECT 1', { token })));
    for (const reply of replies.filter(({ status }) => status === 429)) {
      assert.equal(reply.headers['retry-after'], '1');
      assert.equal(reply.body.error.code, 'RATE_LIMIT_EXCEEDED');
      refused++;
    }
  }
  let logins = 0;
  while (logins === 0) {
    const replies = await Promise.all(Array.from({ length: 8 }, () => other.post('/v1/api/auth/login', { user: 'x', password: 'y' })));
    for (const reply of replies.filter(({ status }) => status === 429)) {
      assert.equal(reply.headers['retry-after'], '1');
      assert.equal(reply.body.error, 'rate_limited');
      logins++;
    }
  }
  const values = parse((await other.get('/metrics')).text);
  assert.equal(values['kalamdb_rate_limited_total{limit="queries_per_user"}'], refused);
  assert.equal(values['kalamdb_rate_limited_total{limit="logins_per_address"}'], logins);
  await other.stop();
  await other.destroy();
});

const hasPrometheus = spawnSync('promtool', ['--version']).status === 0;
const needs = { skip: hasPrometheus ? false : "Debian's package prometheus is not installed" };

test('promtool finds nothing to complain about', needs, async () => {
  const { text } = await server.get('/metrics');
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr + checked.stdout);
  assert.equal((checked.stderr + checked.stdout).trim(), '');
});

function freePort() {
  return new Promise((resolve) => {
    const listener = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

test('a real prometheus scrapes the server and answers queries with its figures', needs, async () => {
  const dir = path.join(server.dir, 'prometheus');
  fs.mkdirSync(dir);
  const port = await freePort();
  const config = path.join(dir, 'prometheus.yml');
  fs.writeFileSync(
    config,
    `global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: kalamdb\n    static_configs:\n      - targets: ['127.0.0.1:${server.port}']\n`,
  );
  const prometheus = spawn(
    'prometheus',
    [`--config.file=${config}`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => prometheus.once('exit', resolve));
  try {
    const ask = async (query) => {
      try {
        const reply = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
        return (await reply.json()).data?.result ?? [];
      } catch {
        return []; // it is starting
      }
    };
    await eventually(async () => (await ask('up{job="kalamdb"}'))[0]?.value[1] === '1', 'a scrape', 60000);
    const wanted = (await scrape())[latency('app.m', 'select')];
    const found = await ask('kalamdb_query_latency_seconds_count{table_name="app.m",query_type="select"}');
    assert.equal(Number(found[0].value[1]), wanted);
    const buckets = await ask('histogram_quantile(0.99, sum by (le) (kalamdb_query_latency_seconds_bucket))');
    assert.ok(Number(buckets[0].value[1]) > 0);
    assert.equal((await ask('kalamdb_build_info'))[0].metric.version, '0.4.3');
    const dashboard = JSON.parse(fs.readFileSync(new URL('../../deploy/grafana/kalamdb.json', import.meta.url)));
    for (const panel of dashboard.panels) {
      for (const target of panel.targets ?? []) {
        const query = target.expr.replaceAll('$__rate_interval', '1m');
        const reply = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
        assert.equal(reply.status, 200, `${panel.title}: ${query}`);
      }
    }
  } finally {
    prometheus.kill('SIGTERM');
    await ended;
  }
});

test('every metric of the dashboard is one of the server', async () => {
  const dashboard = fs.readFileSync(new URL('../../deploy/grafana/kalamdb.json', import.meta.url), 'utf8');
  const { text } = await server.get('/metrics');
  const names = new Set(dashboard.match(/\b(kalamdb|process)_[a-z_]+\b/g));
  assert.ok(names.size > 20);
  for (const name of names) {
    const family = name.replace(/_(bucket|sum|count)$/, '');
    assert.ok(text.includes(`# TYPE ${family} `) || text.includes(`# TYPE ${name} `), name);
  }
});
