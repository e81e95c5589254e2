// tests/api/isolation_mutants_test.mjs -- Goal: the test of isolation would notice. Method: it runs once per defect that
// src/query/mutant.def plants in a testing build, and must fail each time by what it sees, not by a crash;
// and once without a defect, which must pass.
//   KALAM_SERVER            the server binary, a testing build
//   KALAM_MUTANT_QUERIES    generated queries of each run, default 120
import { spawn } from 'node:child_process';
import fs from 'node:fs';

const QUERIES = process.env.KALAM_MUTANT_QUERIES ?? '120';
const SEED = process.env.KALAM_ISOLATION_SEED ?? '7';
const RUN_MS = 240000;
const mutants = [...fs.readFileSync('src/query/mutant.def', 'utf8').matchAll(/^MUTANT\((\w+), "(.*)"\)$/gm)].map((m) => ({ name: m[1], what: m[2] }));

function run(mutant) {
  return new Promise((resolve) => {
    const env = { ...process.env, KALAM_ISOLATION_QUERIES: QUERIES, KALAM_ISOLATION_SEED: SEED };
    delete env.KALAMDB_MUTANT;
    if (mutant) env.KALAMDB_MUTANT = mutant;
    const child = spawn(process.execPath, ['tests/api/isolation_canary_test.mjs'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { text += d; });
    const timer = setTimeout(() => child.kill('SIGTERM'), RUN_MS);
    child.on('exit', (code) => { clearTimeout(timer); resolve({ code, text }); });
  });
}

let survivors = 0;
if (mutants.length < 5) { console.error(`only ${mutants.length} planted defects are found`); process.exit(1); }
const clean = await run(null);
if (clean.code !== 0) { console.error(`without a defect the test fails:\n${clean.text}`); process.exit(1); }
for (const { name, what } of mutants) {
  const began = Date.now();
  const { code, text } = await run(name);
  const isCaught = code === 1 && /ISOLATION BROKEN|one fails/.test(text);
  if (!isCaught) survivors++;
  console.log(`${isCaught ? 'caught' : 'SURVIVED'}  ${name}: ${what} (${((Date.now() - began) / 1000).toFixed(1)} s)\n    ${text.split('\n')[0].slice(0, 200)}`);
}
if (survivors > 0) { console.error(`${survivors} of ${mutants.length} planted defects are not noticed`); process.exit(1); }
console.log(`all ${mutants.length} planted defects are noticed`);
