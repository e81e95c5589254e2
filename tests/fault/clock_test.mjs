// tests/fault/clock_test.mjs -- a wall clock that is wrong, before and after a restart.
// Goal: _seq and generated ids are unique and grow, whatever the clock says; no write is refused for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../api/harness.mjs';

const DAY_S = 86400;
const JUMPS = [
  ['ten days back', -10 * DAY_S],
  ['a second back', -1],
  ['before the first of all ids', -20 * 365 * DAY_S],
  ['ten years ahead', 10 * 365 * DAY_S],
  ['right again', 0],
];

for (const how of ['a clean end', 'a kill']) {
  test(`after ${how} and a restart with another clock, ids and _seq are greater than all before`, async () => {
    const server = await startServer();
    await server.exec('CREATE NAMESPACE c');
    await server.exec('CREATE SHARED TABLE c.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), n INT)');
    let n = 0;
    let greatest = 0n;
    const write = async () => {
      for (let i = 0; i < 20; i++) await server.exec(`INSERT INTO c.t (n) VALUES (${++n}), (${++n})`);
      await server.exec(`UPDATE c.t SET n = n WHERE n = ${n}`);
      const fresh = await server.rows(`SELECT id, _seq, n FROM c.t WHERE n > ${n - 40} ORDER BY n LIMIT 100`);
      assert.equal(fresh.length, 40);
      let last = greatest;
      for (const row of fresh) {
        assert.ok(BigInt(row.id) > greatest, `id ${row.id} of row ${row.n} is not above ${greatest}`);
        assert.ok(BigInt(row._seq) > greatest, `_seq ${row._seq} of row ${row.n} is not above ${greatest}`);
        assert.ok(BigInt(row._seq) > last, `_seq ${row._seq} of row ${row.n} does not grow`);
        last = BigInt(row._seq);
      }
      greatest = [...fresh.map((row) => BigInt(row.id)), last].reduce((a, b) => (a > b ? a : b));
    };
    await write();
    for (const [, seconds] of JUMPS) {
      if (how === 'a kill') await server.kill();
      await server.restart({ env: { KALAMDB_TEST_CLOCK_OFFSET_S: String(seconds) } });
      const [now] = await server.rows('SELECT now() AS now');
      assert.ok(now.now !== undefined);
      await write();
      await server.exec('STORAGE FLUSH TABLE c.t');
    }
    const [all] = await server.rows('SELECT count(*) AS rows, count(DISTINCT _seq) AS seqs, count(DISTINCT id) AS ids FROM c.t');
    assert.deepEqual([all.rows, all.seqs, all.ids].map(Number), [n, n, n]);
    await server.stop();
    await server.destroy();
  });
}
