import process from 'node:process';
import { parseArgs } from 'node:util';
import { simulate } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    faults: { type: 'string' },
  },
});
const first = Number(values.seed);
let failed = 0;
const began = performance.now();
for (let seed = first; seed < first + Number(values.runs); seed += 1) {
  const at = performance.now();
  const result = await simulate({
    seed,
    ...(values.faults === undefined ? {} : { faults: Number(values.faults) }),
    ...(values.trace ? { print: (line: string) => process.stdout.write(`${line}\n`) } : {}),
  });
  const { digest, commands, messages, simulatedMs, steps, violations } = result;
  process.stdout.write(
    `seed ${seed}: ${digest} ${commands} commands, ${messages} messages, ${Math.round(simulatedMs / 1000)} s, ${steps} steps in ${Math.round(performance.now() - at)} ms\n`,
  );
  if (violations.length === 0) continue;
  failed += 1;
  for (const violation of violations) process.stdout.write(`  ${violation}\n`);
}
process.stdout.write(`${failed} failed in ${Math.round(performance.now() - began)} ms\n`);
process.exit(failed === 0 ? 0 : 1);
