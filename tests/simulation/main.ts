/**
 * `npm run test:sim -- --seed N --runs M` runs the simulation with these seeds and prints faults by
 * phase. `--plant NAME` plants a fault in the product first; `--plants` hunts for every planted
 * fault and prints how it was found, and `--write` writes down the seeds that find them now.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PLANTS } from './plants/catalogue.ts';
import { PLANT_VARIABLE, PLANTING, plantIn } from './plants/environment.ts';
import { huntAll } from './plants/hunt-all.ts';
import { repeatWith, simulate } from './run.ts';
import { Coverage } from './world/coverage.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    /** How many faults; by chance when not given. */
    faults: { type: 'string' },
    plant: { type: 'string' },
    /** Hunts for every planted fault, each with up to 200 seeds. */
    plants: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    /** Prints every step. */
    trace: { type: 'boolean', default: false },
    /** Ends with the first seed that fails. */
    bail: { type: 'boolean', default: false },
  },
});

if (values.plants) process.exit((await huntAll((line) => process.stdout.write(`${line}\n`), values.write)) ? 0 : 1);

const { plant } = values;
if (plant !== undefined && !Object.hasOwn(PLANTS, plant)) {
  process.stderr.write(`there is no plant "${plant}": one of ${Object.keys(PLANTS).join(', ')}\n`);
  process.exit(2);
}
if (plant !== undefined && process.env[PLANT_VARIABLE] === undefined) {
  // As a separate process, since the source is already loaded here without the fault.
  const words = [...PLANTING, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.exit(spawnSync(process.execPath, words, { stdio: 'inherit', env: plantIn(plant) }).status ?? 1);
}

const first = Number(values.seed);
const coverage = new Coverage();
const totals = { runs: 0, failed: 0, commands: 0, messages: 0, faults: 0, simulatedMs: 0 };
const began = performance.now();
// Ended early, it still says what was reached.
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true;
  });
}
for (let seed = first; seed < first + Number(values.runs) && !stopped; seed += 1) {
  const result = await simulate({
    seed,
    ...(values.faults === undefined ? {} : { faults: Number(values.faults) }),
    ...(values.trace ? { print: (line: string) => process.stdout.write(`${line}\n`) } : {}),
  });
  const { digest, commands, messages, slots, simulatedMs, struck, asked, violations, tookMs } = result;
  coverage.add(struck, asked);
  totals.runs += 1;
  totals.commands += commands;
  totals.messages += messages;
  totals.faults += struck.length;
  totals.simulatedMs += simulatedMs;
  const facts = `${commands} commands, ${messages} messages, ${slots.claimed} of ${slots.started} slots taken, ${struck.length} faults, ${Math.round(simulatedMs / 1000)} s in ${Math.round(tookMs)} ms`;
  if (violations.length > 0 || Number(values.runs) <= 20) process.stdout.write(`seed ${seed}: ${facts}, trace ${digest}\n`);
  if (violations.length === 0) continue;
  totals.failed += 1;
  for (const violation of violations) process.stdout.write(`  ${violation}\n`);
  process.stdout.write(`  again: ${repeatWith(seed, plant)}\n`);
  if (values.bail) break;
}
const { runs, failed, commands, messages, faults, simulatedMs } = totals;
if (runs > 1) process.stdout.write(`\n${coverage.table()}\n\n`);
process.stdout.write(
  `${runs} runs, ${failed} failed: ${commands} commands, ${messages} messages and ${faults} faults in ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours, ${Math.round((performance.now() - began) / 1000)} s\n`,
);
process.exit(failed === 0 ? 0 : 1);
