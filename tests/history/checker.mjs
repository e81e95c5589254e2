// tests/history/checker.mjs -- is a history of list-append transactions possible under snapshot isolation?
// Source:   Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020), for how
//           lists give the order of versions; Cerone and Gotsman, "Analysing Snapshot Isolation" (PODC 2016), for the rule: a
//           history is one of (strong session) SI exactly when (session | ww | wr) ; rw? has no cycle, one of strong SI with real time in the bracket.
// History:  [{ client, index, outcome: 'ok' | 'failed' | 'unknown', ops: [['append', key, value] | ['read', key, list | null]] }];
//           values are unique; lists are arrays of values; reads of 'unknown' and 'failed' transactions are null. With `began` and
//           `ended` (any clock that never stands still), what was answered before another began must be in that one's snapshot.
// Answers:  [{ kind, text }], empty: no anomaly above strong snapshot isolation (write skew is allowed).

const MAX_REPORTED = 20;

class Report {
  constructor() {
    this.found = [];
  }
  add(kind, text) {
    if (this.found.length < MAX_REPORTED) this.found.push({ kind, text });
  }
}

const name = (t) => `client ${t.client} transaction ${t.index}`;

// value -> { writer, isLast: the writer's last append to that key }
function writersOf(history) {
  const writers = new Map();
  for (const t of history) {
    const last = new Map();
    for (const [op, key, value] of t.ops) {
      if (op !== 'append') continue;
      if (writers.has(value)) throw new Error(`value ${value} is written twice: not a history of ours`);
      const entry = { writer: t, key, isLast: true };
      if (last.has(key)) last.get(key).isLast = false;
      last.set(key, entry);
      writers.set(value, entry);
    }
  }
  return writers;
}

// The longest list that was read of each key: the order of its versions.
function ordersOf(history, final) {
  const orders = new Map([...final].map(([key, list]) => [key, list]));
  for (const t of history) {
    for (const [op, key, list] of t.ops) {
      if (op === 'read' && list !== null && list.length > (orders.get(key)?.length ?? 0)) {
        // own appends that were not committed do not belong to the order
        if (t.outcome === 'ok') orders.set(key, list);
      }
    }
  }
  return orders;
}

const isPrefix = (list, of) => list.length <= of.length && list.every((v, i) => v === of[i]);

// Within one transaction: own writes are seen, and nothing moves.
function checkOwn(t, report) {
  const seen = new Map(); // key -> the list that must be read next
  const appended = new Map();
  for (const [op, key, value] of t.ops) {
    if (op === 'append') {
      appended.set(key, [...(appended.get(key) ?? []), value]);
      if (seen.has(key)) seen.get(key).push(value);
      continue;
    }
    if (value === null) continue;
    const own = appended.get(key) ?? [];
    if (own.length > 0 && !own.every((v, i) => value[value.length - own.length + i] === v)) {
      report.add('own write not seen', `${name(t)} reads ${key} = [${value.slice(-5)}] after appending ${own}`);
    }
    if (seen.has(key) && JSON.stringify(seen.get(key)) !== JSON.stringify(value)) {
      report.add('non-repeatable read', `${name(t)} reads ${key} = [${value.slice(-5)}], expected [${seen.get(key).slice(-5)}]`);
    }
    seen.set(key, [...value]);
  }
}

// What a read saw of others: the list without its own appends.
function foreign(t, key, list, writers) {
  let end = list.length;
  while (end > 0 && writers.get(list[end - 1])?.writer === t) end--;
  return list.slice(0, end);
}

function checkReads(history, writers, orders, report) {
  for (const t of history) {
    if (t.outcome !== 'ok') continue;
    checkOwn(t, report);
    for (const [op, key, list] of t.ops) {
      if (op !== 'read' || list === null) continue;
      if (new Set(list).size !== list.length) report.add('duplicate value', `${name(t)} reads ${key} = [${list.slice(-10)}]`);
      if (!isPrefix(list, orders.get(key) ?? [])) {
        report.add('incompatible order', `${name(t)} reads ${key} = [${list.slice(-5)}], others [${(orders.get(key) ?? []).slice(0, list.length).slice(-5)}]`);
      }
      for (const value of list) {
        const by = writers.get(value);
        if (by === undefined || by.key !== key) report.add('value from nowhere', `${name(t)} reads ${value} in ${key}`);
        else if (by.writer.outcome === 'failed') report.add('aborted read (G1a)', `${name(t)} reads ${value} of ${name(by.writer)}, which failed`);
      }
      const others = foreign(t, key, list, writers);
      const last = writers.get(others.at(-1));
      if (last !== undefined && !last.isLast) report.add('intermediate read (G1b)', `${name(t)} reads ${key} in the middle of ${name(last.writer)}`);
    }
  }
}

function checkFinal(history, writers, final, report) {
  for (const [key, list] of final) {
    if (new Set(list).size !== list.length) report.add('duplicate value', `at the end ${key} = [${list.slice(-10)}]`);
    for (const value of list) {
      const by = writers.get(value);
      if (by === undefined || by.key !== key) report.add('value from nowhere', `at the end ${value} in ${key}`);
      else if (by.writer.outcome === 'failed') report.add('aborted read (G1a)', `at the end ${value} of ${name(by.writer)}, which failed`);
    }
  }
  const there = new Map([...final].map(([key, list]) => [key, new Set(list)]));
  for (const t of history) {
    const appends = t.ops.filter(([op]) => op === 'append');
    const kept = appends.filter(([, key, value]) => there.get(key)?.has(value));
    if (t.outcome === 'ok' && kept.length < appends.length) report.add('lost write', `${name(t)}: ${appends.find((a) => !kept.includes(a))}`);
    if (t.outcome === 'unknown' && kept.length > 0 && kept.length < appends.length) report.add('torn transaction', `${name(t)} is there by half`);
  }
}

// Strong snapshot isolation: an edge from the last transaction of each client that was answered before another began.
function addRealTime(history, committed, addDep) {
  const starting = history.filter((t) => t.began !== undefined && committed(t)).sort((x, y) => x.began - y.began);
  const ending = history.filter((t) => t.ended !== undefined && t.outcome === 'ok').sort((x, y) => x.ended - y.ended);
  const last = new Map(); // client -> its last one answered so far
  let at = 0;
  for (const t of starting) {
    for (; at < ending.length && ending[at].ended < t.began; at++) last.set(ending[at].client, ending[at]);
    for (const before of last.values()) addDep(before, t);
  }
}

// Edges: dep = session, real time, ww, wr; rw apart.
function edgesOf(history, writers, orders, final) {
  const number = new Map(history.map((t, i) => [t, i]));
  const dep = history.map(() => new Map());
  const rw = history.map(() => new Map());
  const add = (edges, from, to, why) => {
    if (from !== undefined && to !== undefined && from !== to && !edges[number.get(from)].has(number.get(to))) edges[number.get(from)].set(number.get(to), why);
  };
  const committed = (t) => t.outcome === 'ok' || t.ops.some(([op, key, value]) => op === 'append' && final.get(key)?.includes(value));
  const next = new Map(); // value -> the value after it in its list
  const first = new Map(); // key -> its first value
  for (const [key, list] of orders) {
    if (list.length > 0) first.set(key, list[0]);
    for (let i = 0; i + 1 < list.length; i++) {
      next.set(list[i], list[i + 1]);
      add(dep, writers.get(list[i])?.writer, writers.get(list[i + 1])?.writer, `ww ${key}`);
    }
  }
  addRealTime(history, committed, (from, to) => add(dep, from, to, 'real time'));
  const sessions = new Map();
  for (const t of history) {
    if (!committed(t)) continue;
    if (t.outcome === 'ok') {
      add(dep, sessions.get(t.client), t, 'session');
      sessions.set(t.client, t);
    }
    for (const [op, key, list] of t.ops) {
      if (op !== 'read' || list === null) continue;
      const others = foreign(t, key, list, writers);
      if (others.length > 0) add(dep, writers.get(others.at(-1))?.writer, t, `wr ${key}`);
      let after = others.length > 0 ? next.get(others.at(-1)) : first.get(key);
      while (after !== undefined && writers.get(after)?.writer === t) after = next.get(after);
      add(rw, t, writers.get(after)?.writer, `rw ${key}`);
    }
  }
  return { dep, rw };
}

// dep ; rw?  -- from -> Map(to -> why)
function compose({ dep, rw }) {
  return dep.map((edges) => {
    const all = new Map();
    for (const [middle, why] of edges) {
      if (!all.has(middle)) all.set(middle, why);
      for (const [to, then] of rw[middle]) if (!all.has(to)) all.set(to, `${why} -> ${middle} ${then}`);
    }
    return all;
  });
}

// Tarjan's strongly connected components without recursion; calls `found` with each that has a cycle.
function cycles(edges, found) {
  const order = new Int32Array(edges.length).fill(-1);
  const low = new Int32Array(edges.length);
  const onStack = new Uint8Array(edges.length);
  const stack = [];
  let count = 0;
  for (let root = 0; root < edges.length; root++) {
    if (order[root] >= 0) continue;
    const work = [];
    const enter = (v) => {
      order[v] = low[v] = count++;
      stack.push(v);
      onStack[v] = 1;
      work.push({ v, rest: edges[v].keys() });
    };
    enter(root);
    while (work.length > 0) {
      const top = work.at(-1);
      const { value: to, done } = top.rest.next();
      if (!done) {
        if (order[to] < 0) enter(to);
        else if (onStack[to]) low[top.v] = Math.min(low[top.v], order[to]);
        continue;
      }
      work.pop();
      if (work.length > 0) low[work.at(-1).v] = Math.min(low[work.at(-1).v], low[top.v]);
      if (low[top.v] !== order[top.v]) continue;
      const members = [];
      let v;
      do {
        v = stack.pop();
        onStack[v] = 0;
        members.push(v);
      } while (v !== top.v);
      if (members.length > 1 || edges[top.v].has(top.v)) found(members);
    }
  }
}

// `final`: Map(key -> list) as read at the end, when nothing runs.
export function check(history, final) {
  const report = new Report();
  const writers = writersOf(history);
  const orders = ordersOf(history, final);
  checkReads(history, writers, orders, report);
  checkFinal(history, writers, final, report);
  const composed = compose(edgesOf(history, writers, orders, final));
  cycles(composed, (members) => {
    const lines = members.slice(0, 6).map((v) => `${name(history[v])}: ${[...composed[v]].filter(([to]) => members.includes(to)).slice(0, 3).map(([to, why]) => `${why} -> ${name(history[to])}`).join('; ')}`);
    report.add('cycle', `${members.length} transactions\n  ${lines.join('\n  ')}`);
  });
  return report.found;
}
