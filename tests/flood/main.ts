/** `npm run test:flood`: what an honest client and the controller's memory feel of a flood by strangers, accounts and a node. */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import { GOAL, verdict } from './verdict.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '4' },
    requests: { type: 'string', default: '1500' },
    connections: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
  },
});
const plan = {
  rounds: Number(values.rounds),
  requests: Number(values.requests),
  connections: Number(values.connections),
  only: values.only,
};
const measured = await measure({ ...plan, print: (line) => process.stdout.write(`${line}\n`) });
for (const [attack, endings] of Object.entries(measured.tallies)) {
  const told = Object.entries(endings).toSorted(([, a], [, b]) => b - a);
  process.stdout.write(
    `${attack}: ${
      told
        .slice(0, 5)
        .map(([how, times]) => `${times} × ${how}`)
        .join(', ') || 'nothing'
    }\n`,
  );
}
const { lines, isGood, isNoisy } = verdict(measured, GOAL);
if (isNoisy) process.stdout.write('! something else keeps this machine busy: the time of requests says little\n');
for (const line of lines) process.stdout.write(`${line}\n`);
process.exit(isGood ? 0 : 1);
