// tests/fault/workload.mjs -- statements with a memory: what was acknowledged is expected, what got no answer
// may be there or not, what was refused must not be there.
//
//     const work = new Workload(server);   // of tests/api/harness.mjs; work.server after a restart
//     await work.create();                 // namespace f, tables f.s (SHARED) and f.u (USER, of ann)
//     await work.round();                  // inserts, updates, deletes, flushes, compaction, DDL
//     await work.verify();                 // every row of both tables, by scans and by key
//     await arm(server, 'fs.open=eio@1');  // faults from now on; gives the hits since the last call
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { eventually } from '../api/harness.mjs';

export const TABLES = [
  { name: 'f.s', owner: null },
  { name: 'f.u', owner: 'ann' },
];
export const SETTINGS = {
  limits: { max_query_limit: 0, default_query_limit: 0 },
  jobs: { max_retries: 1, retry_backoff_ms: 1 },
};

// Tells a server that was started with `faultsEnv(folder)` its faults from now on.
export const faultsEnv = (folder) => ({ KALAMDB_FAULTS_FILE: path.join(folder, 'faults') });

export async function arm(server, faults) {
  const from = server.output.length;
  fs.writeFileSync(server.options.env.KALAMDB_FAULTS_FILE, faults);
  server.child.kill('SIGUSR2');
  const said = () => / faults changed .*\n/.test(server.output.slice(from)) || server.child.exitCode !== null;
  await eventually(said, 'the faults are changed');
  const text = server.output.slice(from);
  if (server.child.exitCode === null) assert.match(text, / faults changed ok=1 /);
  return new Map([...text.matchAll(/ faults hits name=(\S+) count=(\d+)/g)].map((m) => [m[1], Number(m[2])]));
}

export function filesBelow(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

export const temporaries = (server) => filesBelow(path.join(server.dir, 'data')).filter((name) => name.endsWith('.tmp'));

const REFUSALS = { STORAGE_FULL: 507, INTERNAL_ERROR: 500, UNAVAILABLE: 503, SERVER_BUSY: 503 };

export class Workload {
  constructor(server) {
    this.server = server;
    this.expected = new Map(TABLES.map((table) => [table.name, new Map()]));
    this.number = 0;
    this.refusals = []; // { sql, code, message } since the last take()
    this.lost = 0; // statements without an answer
  }

  take() {
    const refusals = this.refusals;
    this.refusals = [];
    return refusals;
  }

  async create() {
    await this.server.exec('CREATE NAMESPACE f');
    await this.server.user('ann');
    await this.server.exec('CREATE SHARED TABLE f.s (id BIGINT PRIMARY KEY, v TEXT)');
    await this.server.exec('CREATE USER TABLE f.u (id BIGINT PRIMARY KEY, v TEXT)');
  }

  // 'done', 'refused' with a clean error, or 'lost': the server ended before it answered.
  async say(sql, owner) {
    let reply;
    try {
      reply = await this.server.sql(owner ? `EXECUTE AS USER '${owner}' (${sql})` : sql);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      const { code } = await this.server.ended; // nothing but an end may leave a statement unanswered
      assert.equal(code, 71, `${sql}: ${error.message}\n${this.server.output}`);
      this.lost++;
      return 'lost';
    }
    if (reply.status === 200) return 'done';
    const { code, message } = reply.body.error;
    assert.equal(reply.status, REFUSALS[code], `${sql}: ${reply.text}`);
    assert.ok(!reply.text.includes(this.server.dir), `a path in ${reply.text}`);
    assert.ok(message.length > 0, reply.text);
    this.refusals.push({ sql, code, message });
    return code === 'INTERNAL_ERROR' && /after a restart/.test(message) ? 'lost' : 'refused';
  }

  // One statement on rows of a table; `changes`: [id, value or undefined] of all rows it touches.
  async write(table, sql, changes) {
    const outcome = await this.say(sql, table.owner);
    const map = this.expected.get(table.name);
    const tie = { settled: null }; // all or nothing
    for (const [id, value] of changes) {
      if (outcome === 'lost') map.set(id, { before: map.get(id), after: value, tie });
      else if (outcome === 'done' && value === undefined) map.delete(id);
      else if (outcome === 'done') map.set(id, value);
    }
    return outcome;
  }

  value() {
    return `v${++this.number}`;
  }

  known(table) {
    return [...this.expected.get(table.name)].filter(([, value]) => typeof value === 'string').map(([id]) => id);
  }

  async insert(table, count) {
    const rows = Array.from({ length: count }, () => [++this.number, this.value()]);
    const texts = rows.map(([id, value]) => `(${id}, '${value}')`);
    return this.write(table, `INSERT INTO ${table.name} (id, v) VALUES ${texts.join(', ')}`, rows);
  }

  async update(table, id) {
    const value = this.value();
    return this.write(table, `UPDATE ${table.name} SET v = '${value}' WHERE id = ${id}`, [[id, value]]);
  }

  async delete(table, id) {
    return this.write(table, `DELETE FROM ${table.name} WHERE id = ${id}`, [[id, undefined]]);
  }

  // Queues a job and waits for its end. { outcome, job }: job is its row, when it was queued.
  async job(sql) {
    let reply;
    try {
      reply = await this.server.sql(sql);
    } catch {
      const { code } = await this.server.ended;
      assert.equal(code, 71, this.server.output);
      this.lost++;
      return { outcome: 'lost' };
    }
    if (reply.status !== 200) {
      const { code, message } = reply.body.error;
      assert.ok(['STORAGE_FULL', 'INTERNAL_ERROR', 'UNAVAILABLE', 'SQL_EXECUTION_ERROR'].includes(code), reply.text);
      assert.ok(!reply.text.includes(this.server.dir), `a path in ${reply.text}`);
      this.refusals.push({ sql, code, message });
      return { outcome: 'refused' };
    }
    const { message: said } = reply.body.results.at(-1);
    if (/ skipped: no pending writes /.test(said)) return { outcome: 'skipped' };
    const id = /Job ID: (\S+)/.exec(said)?.[1];
    assert.ok(id, reply.text);
    let job;
    try {
      await eventually(async () => {
        [job] = await this.server.rows(`SELECT * FROM system.jobs WHERE job_id = '${id}'`);
        return ['completed', 'failed', 'skipped', 'cancelled'].includes(job.status);
      }, `the end of job ${id}`);
    } catch (error) {
      if (this.server.child.exitCode === null) throw new Error(`${error.message}: ${JSON.stringify(job)}\n${this.server.output}`);
      assert.equal(this.server.child.exitCode, 71, this.server.output);
      return { outcome: 'lost' };
    }
    if (job.status === 'failed') {
      assert.ok((job.message ?? '').length > 0, JSON.stringify(job));
      assert.ok(!JSON.stringify(job).includes(this.server.dir), `a path in ${JSON.stringify(job)}`);
    }
    return { outcome: job.status, job };
  }

  get isOver() {
    return this.server.child.exitCode !== null;
  }

  // Every kind of work that meets the disk. Ends early when the server does.
  async round() {
    const jobs = [];
    const run = async (sql) => {
      if (!this.isOver) jobs.push({ sql, ...(await this.job(sql)) });
    };
    for (let i = 0; i < 2; i++) {
      for (const table of TABLES) {
        for (let k = 0; k < 3 && !this.isOver; k++) await this.insert(table, 2);
        const ids = this.known(table);
        if (ids.length > 3 && !this.isOver) await this.update(table, ids[0]);
        if (ids.length > 3 && !this.isOver) await this.delete(table, ids[1]);
        await run(`STORAGE FLUSH TABLE ${table.name}`);
      }
    }
    for (const table of TABLES) await run(`STORAGE COMPACT TABLE ${table.name}`);
    const scratch = `f.x${++this.number}`;
    const steps = [
      `CREATE SHARED TABLE ${scratch} (id BIGINT PRIMARY KEY, v TEXT)`,
      `INSERT INTO ${scratch} (id, v) VALUES (1, 'a'), (2, 'b')`,
      `ALTER TABLE ${scratch} ADD COLUMN w TEXT`,
      `STORAGE FLUSH TABLE ${scratch}`,
      `DROP TABLE ${scratch}`,
    ];
    for (const sql of steps) {
      if (this.isOver) break;
      if (sql.startsWith('STORAGE')) await run(sql);
      else if ((await this.say(sql)) !== 'done' && sql.startsWith('CREATE')) break;
    }
    return jobs;
  }

  // Compares all rows; settles what was unknown.
  async verify() {
    for (const table of TABLES) {
      const map = this.expected.get(table.name);
      const as = (sql) => (table.owner ? `EXECUTE AS USER '${table.owner}' (${sql})` : sql);
      const rows = await this.server.rows(as(`SELECT id, v FROM ${table.name} ORDER BY id`));
      const [counts] = await this.server.rows(as(`SELECT count(*) AS a, count(DISTINCT _seq) AS s FROM ${table.name}`));
      assert.equal(Number(counts.a), rows.length, `${table.name}: rows counted and rows read`);
      assert.equal(Number(counts.s), rows.length, `${table.name}: _seq is unique`);
      const found = new Map(rows.map((row) => [Number(row.id), row.v]));
      assert.equal(found.size, rows.length, `${table.name}: a row is doubled`);
      for (const id of found.keys()) assert.ok(map.has(id), `${table.name}: row ${id} came back or was never written`);
      for (const [id, want] of [...map]) {
        const value = found.get(id);
        if (typeof want === 'string') {
          assert.equal(value, want, `${table.name}: acknowledged row ${id}`);
          continue;
        }
        assert.ok([want.before, want.after].includes(value), `${table.name}: row ${id} is ${value}`);
        const settled = value === want.after ? 'after' : 'before';
        want.tie.settled ??= settled;
        assert.equal(settled, want.tie.settled, `${table.name}: the statement of row ${id} is torn`);
        if (value === undefined) map.delete(id);
        else map.set(id, value);
      }
      for (const id of [...map.keys()].slice(-3)) {
        const byKey = await this.server.rows(as(`SELECT v FROM ${table.name} WHERE id = ${id}`));
        assert.equal(byKey[0]?.v, map.get(id), `${table.name}: row ${id} by key`);
      }
    }
  }
}
