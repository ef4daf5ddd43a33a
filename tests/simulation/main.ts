/** `npm run test:sim -- --seed N --runs M`: runs the simulation with these seeds, and says which phases met which faults. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { repeatWith, simulate } from './run.ts';
import { Coverage } from './world/coverage.ts';
import { PLANTS, type PlantName } from './world/plants.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    /** How many faults; by chance when not given. */
    faults: { type: 'string' },
    plant: { type: 'string' },
    /** Prints every step. */
    trace: { type: 'boolean', default: false },
    /** Ends with the first seed that fails. */
    bail: { type: 'boolean', default: false },
  },
});

const isPlant = (name: string): name is PlantName => Object.hasOwn(PLANTS, name);
const { plant } = values;
if (plant !== undefined && !isPlant(plant)) {
  process.stderr.write(`there is no plant "${plant}": one of ${Object.keys(PLANTS).join(', ')}\n`);
  process.exit(2);
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
    ...(plant === undefined ? {} : { plant }),
    ...(values.trace ? { print: (line: string) => process.stdout.write(`${line}\n`) } : {}),
  });
  const { digest, commands, messages, simulatedMs, struck, violations, tookMs } = result;
  coverage.add(struck);
  totals.runs += 1;
  totals.commands += commands;
  totals.messages += messages;
  totals.faults += struck.length;
  totals.simulatedMs += simulatedMs;
  const facts = `${commands} commands, ${messages} messages, ${struck.length} faults, ${Math.round(simulatedMs / 1000)} s in ${Math.round(tookMs)} ms`;
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
