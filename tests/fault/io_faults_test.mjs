// tests/fault/io_faults_test.mjs -- every call to the disk fails once or for good, with EIO or ENOSPC.
// Goal: an error is told or ends the server with 71, never swallowed; nothing acknowledged is lost, nothing
// refused is there; a failed flush leaves its rows hot; a failed job says so; no temporary file outlives a
// restart; and once the fault is over all works again, without a restart unless the server ended.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT_PASSWORD, eventually, startServer } from '../api/harness.mjs';
import { SETTINGS, Workload, arm, faultsEnv, temporaries } from './workload.mjs';

const POINTS = ['kv.write', 'fs.open', 'fs.write', 'fs.fsync', 'fs.rename', 'fs.fsync_dir', 'fs.unlink'];
const ERRORS = ['eio', 'enospc'];
const TIMES = ['@1', '@2', '@5', '@1+'];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kalam-faults-'));
let server;
let work;

before(async () => {
  server = await startServer({ settings: SETTINGS, env: faultsEnv(folder) });
  work = new Workload(server);
  await work.create();
  await work.round();
  await work.verify();
  assert.deepEqual(work.take(), []);
});

after(async () => {
  await server.stop();
  await server.destroy();
  fs.rmSync(folder, { recursive: true, force: true });
});

// After a fault: writes, flushes and DDL work, and no job hangs.
async function worksAgain() {
  const jobs = await work.round();
  assert.deepEqual(work.take(), []);
  assert.ok(jobs.every((job) => ['completed', 'skipped'].includes(job.outcome)), JSON.stringify(jobs));
  await eventually(
    async () => (await server.rows("SELECT job_id FROM system.jobs WHERE status IN ('queued', 'running', 'retrying', 'new')")).length === 0,
    'no job is under way',
  );
}

let cell = 0;
for (const point of POINTS) {
  for (const error of ERRORS) {
    for (const time of TIMES) {
      test(`${point}=${error}${time}`, async () => {
        const isFatal = point === 'kv.write' && error === 'eio';
        await arm(server, `${point}=${error}${time}`);
        const jobs = await work.round();
        // Files that wait for readers are removed by a later job: the 5th call may take a second round.
        if (time === '@5' && !work.isOver) jobs.push(...(await work.round()));
        const refusals = work.take();
        if (work.isOver) {
          assert.ok(isFatal, `${point}=${error} ended the server\n${server.output}`);
          assert.equal(server.child.exitCode, 71, server.output);
        } else {
          assert.ok(!isFatal, 'a store that cannot write must end the server');
          await work.verify(); // the rows of a failed flush are hot and readable
          const hits = await arm(server, '');
          assert.ok((hits.get(point) ?? 0) >= Number.parseInt(time.slice(1), 10), `${point} was hit ${hits.get(point)} times`);
          const told = refusals.length + jobs.filter((job) => job.outcome === 'failed').length;
          if (point === 'kv.write') assert.ok(refusals.every((refusal) => refusal.code === 'STORAGE_FULL'), JSON.stringify(refusals));
          if (time.endsWith('+') && point !== 'fs.unlink' && point !== 'fs.write') assert.ok(told > 0, 'a fault for good is told');
          await worksAgain();
          await work.verify();
        }
        if (cell % 2 === 0) await server.kill();
        await server.restart();
        await work.verify();
        assert.deepEqual(temporaries(server), []);
        if (cell++ % 4 === 0) await worksAgain();
      });
    }
  }
}

// Starts with faults. { code, stderr } when it did not start, else { hits } of the start-up; killed in any case.
async function startOnce(faults) {
  const env = { ...process.env, ...faultsEnv(folder), KALAMDB_FAULTS: faults, KALAMDB_ROOT_PASSWORD: ROOT_PASSWORD };
  fs.writeFileSync(env.KALAMDB_FAULTS_FILE, '');
  const child = spawn(process.env.KALAM_SERVER, [server.tomlPath], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let stderr = '';
  let isReady = false;
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    if (/ faults changed /.test(stderr)) child.kill('SIGKILL');
  });
  child.stdout.on('data', () => {
    isReady = true;
    child.kill('SIGUSR2');
  });
  const code = await ended;
  const hits = new Map([...stderr.matchAll(/ faults hits name=(\S+) count=(\d+)/g)].map((m) => [m[1], Number(m[2])]));
  return { isReady, code, stderr, hits };
}

// The N-th call of the start-up itself, until no call is left to fail.
for (const point of POINTS) {
  for (const error of ERRORS) {
    test(`${point}=${error} while starting: refused with a reason, or started, and whole afterwards`, async () => {
      for (let n = 1; ; n++) {
        assert.ok(n <= 30, 'a start has an end');
        await server.kill();
        const started = await startOnce(`${point}=${error}@${n}`);
        if (!started.isReady) {
          assert.ok([1, 71].includes(started.code), `${n}: code ${started.code}\n${started.stderr}`);
          assert.match(started.stderr, started.code === 1 ? /kalamdb-server: (cannot start|configuration|log): .+/ : / fail_stop /);
        }
        await server.restart();
        if (started.isReady && (started.hits.get(point) ?? 0) < n) break;
      }
      await work.verify();
      assert.deepEqual(temporaries(server), []);
      await worksAgain();
    });
  }
}
