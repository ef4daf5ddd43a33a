/** `npm run test:fuzz -- --seed N --runs M`: that many generated requests to a controller, and which documented answers came. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { fuzz, mib } from './run.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string', default: '10000' } } });
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
process.stdout.write(`seed ${seed}\n`);
const { sent, failures, missing, tally, slowestMs, tookMs, heapBytes } = await fuzz({
  ...{ seed, runs: Number(values.runs) },
  print: (line) => process.stdout.write(`${line}\n`),
});
for (const failure of failures) process.stdout.write(`✗ ${failure}\n`);
if (missing.length > 0) process.stdout.write(`documented answers that did not come:\n${missing.map((one) => `  ${one}\n`).join('')}`);
const heap = heapBytes.length === 0 ? '' : `, heap ${mib(heapBytes[0] ?? 0)} to ${mib(heapBytes.at(-1) ?? 0)}`;
process.stdout.write(
  `${sent} requests in ${Math.round(tookMs / 1000)} s, slowest ${Math.round(slowestMs)} ms, ${tally} documented answers${heap}; ${failures.length} failures\n`,
);
if (failures.length + missing.length > 0) process.stdout.write(`again: npm run test:fuzz -- --seed ${seed} --runs ${values.runs}\n`);
process.exit(failures.length + missing.length === 0 ? 0 : 1);
