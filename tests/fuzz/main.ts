/** `npm run test:fuzz -- --seed N --runs M`: that many generated requests to REST, a quarter as many to the listener for the SDKs of E2B, and what came of them. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { fuzzE2b } from './e2b/run.ts';
import { fuzz, mib } from './run.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string', default: '10000' } } });
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
process.stdout.write(`seed ${seed}\n`);
const print = (line: string) => void process.stdout.write(`${line}\n`);
const runs = Number(values.runs);
const e2b = await fuzzE2b({ seed, runs: Math.ceil(runs / 4), print });
for (const failure of [...e2b.failures, ...e2b.missing.map((one) => `nothing reached ${one}`)]) print(`✗ E2B: ${failure}`);
const { sent, failures, missing, tally, slowestMs, tookMs, heapBytes } = await fuzz({
  ...{ seed, runs, print },
});
for (const failure of failures) process.stdout.write(`✗ ${failure}\n`);
if (missing.length > 0) process.stdout.write(`documented answers that did not come:\n${missing.map((one) => `  ${one}\n`).join('')}`);
const heap = heapBytes.length === 0 ? '' : `, heap ${mib(heapBytes[0] ?? 0)} to ${mib(heapBytes.at(-1) ?? 0)}`;
process.stdout.write(
  `${sent} requests in ${Math.round(tookMs / 1000)} s, slowest ${Math.round(slowestMs)} ms, ${tally} documented answers${heap}; ${failures.length} failures\n`,
);
const count = failures.length + missing.length + e2b.failures.length + e2b.missing.length;
if (count > 0) process.stdout.write(`again: npm run test:fuzz -- --seed ${seed} --runs ${values.runs}\n`);
process.exit(count === 0 ? 0 : 1);
