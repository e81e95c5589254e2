// tests/history/checker_test.mjs -- Goal: the checker finds every planted anomaly, and nothing in good histories. Method: a simulated
// store with snapshot isolation makes a good history; each anomaly is a few transactions on keys of its own, put into it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './checker.mjs';

let state = 12345;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % n;
};

// 8 clients, snapshots of different age, the first committer wins.
function goodHistory(count) {
  const lists = new Map();
  const changed = new Map(); // key -> number of the commit that changed it last
  const history = [];
  const open = new Map();
  let value = 0;
  let commits = 0;
  for (let i = 0; history.length < count; i++) {
    const client = random(8);
    const t = open.get(client);
    if (t === undefined) {
      open.set(client, { ops: [], snapshot: new Map([...lists].map(([k, v]) => [k, v])), committed: commits, began: i, appends: new Map() });
    } else if (t.ops.length < 4 && random(3) > 0) {
      const key = `k${Math.floor(history.length / 40) + random(4)}`;
      const seen = [...(t.snapshot.get(key) ?? []), ...(t.appends.get(key) ?? [])];
      if (random(2)) t.ops.push(['read', key, seen]);
      else {
        value++;
        t.ops.push(['append', key, value]);
        t.appends.set(key, [...(t.appends.get(key) ?? []), value]);
      }
    } else {
      open.delete(client);
      const fails = [...t.appends.keys()].some((key) => (changed.get(key) ?? 0) > t.committed);
      const entry = { client, index: history.length, outcome: fails ? 'failed' : 'ok', ops: t.ops, began: t.began, ended: i };
      if (!fails) {
        commits++;
        for (const [key, added] of t.appends) {
          lists.set(key, [...(lists.get(key) ?? []), ...added]);
          changed.set(key, commits);
        }
      }
      history.push(entry);
    }
  }
  return { history, final: lists };
}

const t = (client, outcome, ...ops) => ({ client, outcome, ops });
const timed = (began, ended, entry) => ({ ...entry, began, ended });
const a = (key, value) => ['append', key, value];
const r = (key, ...list) => ['read', key, list];
// name -> [transactions, final lists of their keys, the kind that is reported when it is not the name]
const PLANTED = {
  'lost write': [[t(90, 'ok', a('x', 9001))], { x: [] }],
  'aborted read (G1a)': [[t(90, 'failed', a('x', 9001)), t(91, 'ok', r('x', 9001))], { x: [] }],
  'aborted write kept': [[t(90, 'failed', a('x', 9001))], { x: [9001] }, 'aborted read (G1a)'],
  'intermediate read (G1b)': [[t(90, 'ok', a('x', 9001), a('x', 9002)), t(91, 'ok', r('x', 9001))], { x: [9001, 9002] }],
  'duplicate value': [[t(90, 'ok', a('x', 9001))], { x: [9001, 9001] }],
  'incompatible order': [[t(90, 'ok', a('x', 9001)), t(91, 'ok', a('x', 9002)), t(92, 'ok', r('x', 9002, 9001))], { x: [9001, 9002] }],
  'own write not seen': [[t(90, 'ok', a('x', 9001), r('x'))], { x: [9001] }],
  'non-repeatable read': [[t(90, 'ok', a('x', 9001)), t(91, 'ok', r('x'), r('x', 9001))], { x: [9001] }],
  'value from nowhere': [[t(91, 'ok', r('x', 9009))], { x: [9009] }],
  'torn transaction': [[t(90, 'unknown', a('x', 9001), a('y', 9002))], { x: [9001], y: [] }],
  'lost update': [[t(90, 'ok', r('x'), a('x', 9001)), t(91, 'ok', r('x'), a('x', 9002))], { x: [9001, 9002] }, 'cycle'],
  'read skew (G-single)': [[t(90, 'ok', a('x', 9001), a('y', 9002)), t(91, 'ok', r('x'), r('y', 9002))], { x: [9001], y: [9002] }, 'cycle'],
  'dirty write (G0)': [[t(90, 'ok', a('x', 9001), a('y', 9002)), t(91, 'ok', a('x', 9003), a('y', 9004))], { x: [9001, 9003], y: [9004, 9002] }, 'cycle'],
  'circular information (G1c)': [[t(90, 'ok', a('x', 9001), r('y', 9002)), t(91, 'ok', a('y', 9002), r('x', 9001))], { x: [9001], y: [9002] }, 'cycle'],
  'stale session': [[t(90, 'ok', a('x', 9001)), t(90, 'ok', r('x'))], { x: [9001] }, 'cycle'],
  'stale snapshot': [[timed(1e9, 1e9 + 1, t(90, 'ok', a('x', 9001))), timed(1e9 + 2, 1e9 + 3, t(91, 'ok', r('x')))], { x: [9001] }, 'cycle'],
  'stale snapshot of a writer': [[timed(1e9, 1e9 + 1, t(90, 'ok', a('x', 9001))), timed(1e9 + 2, 1e9 + 3, t(91, 'ok', r('x'), a('y', 9002)))], { x: [9001], y: [9002] }, 'cycle'],
  'half of an unknown transaction': [[t(90, 'unknown', a('shared', 9001), a('mine', 9002)), t(91, 'ok', r('shared', 9001), r('mine'))], { shared: [9001], mine: [9002] }, 'cycle'],
  'long fork': [[t(90, 'ok', a('x', 9001)), t(91, 'ok', a('y', 9002)), t(92, 'ok', r('x', 9001), r('y')), t(93, 'ok', r('y', 9002), r('x'))], { x: [9001], y: [9002] }, 'cycle'],
};

function withPlanted(transactions, lists) {
  const { history, final } = goodHistory(400);
  transactions.forEach((entry, i) => history.splice(100 + 50 * i, 0, { ...entry, index: 1000 + i }));
  for (const [key, list] of Object.entries(lists)) final.set(key, list);
  return check(history, final);
}

test('good histories have no anomaly', () => {
  for (let i = 0; i < 20; i++) {
    const { history, final } = goodHistory(1000);
    assert.deepEqual(check(history, final), []);
  }
});

test('a transaction that began before another was answered may miss it', () => {
  const transactions = [timed(1e9, 1e9 + 2, t(90, 'ok', a('x', 9001))), timed(1e9 + 1, 1e9 + 3, t(91, 'ok', r('x')))];
  assert.deepEqual(withPlanted(transactions, { x: [9001] }), []);
});

test('write skew and unknown outcomes are no anomalies', () => {
  assert.deepEqual(withPlanted([t(90, 'ok', r('x'), a('y', 9001)), t(91, 'ok', r('y'), a('x', 9002))], { x: [9002], y: [9001] }), []);
  assert.deepEqual(withPlanted([t(90, 'unknown', a('x', 9001), a('y', 9002))], { x: [9001], y: [9002] }), []);
  assert.deepEqual(withPlanted([t(90, 'unknown', a('x', 9001), a('y', 9002))], { x: [], y: [] }), []);
});

for (const [planted, [transactions, lists, kind = planted]] of Object.entries(PLANTED)) {
  test(`planted: ${planted}`, () => {
    const found = withPlanted(transactions, lists).map((anomaly) => anomaly.kind);
    assert.ok(found.includes(kind), `found: ${found}`);
  });
}
