/**
 * Performs one disk operation in a process that kills itself at its `at`-th step. Prints the number
 * of steps if it completes.
 */
import { runCommand } from '../../node-agent/volumes/command.ts';
import { Disks } from '../../node-agent/volumes/disks.ts';
import { PreparedImages } from '../../node-agent/volumes/prepared.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';

const [operation = '', directory = '', sessionId = '', from = '', at = '0'] = process.argv.slice(2);
let moments = 0;
const moment = () => {
  moments += 1;
  if (moments === Number(at)) process.kill(process.pid, 'SIGKILL');
};
const log = { debug() {}, info() {}, warn() {}, error() {} };
const plan = { sessionId, generation: 1, space: 'default', bytes: 8 * 2 ** 20 };
const prepared = new PreparedImages({ directory, run: runCommand, random: systemRandom, clock: systemClock, log }, plan.bytes);
if (operation === 'create-prepared') await prepared.fill();
const disks = new Disks({
  directory,
  prepared,
  owner: { clusterId: 'c', nodeId: 'n' },
  kind: 'image',
  random: systemRandom,
  log,
  reached: moment,
  async run(...command) {
    moment();
    const printed = await runCommand(...command);
    moment();
    return printed;
  },
});
switch (operation) {
  case 'create':
  case 'create-prepared':
    await disks.create(plan);
    await disks.ready(sessionId);
    break;
  case 'adopt':
    await disks.adopt(plan, from);
    break;
  case 'release':
    await disks.release(sessionId, async () => false);
    break;
  case 'remove':
    await disks.remove(sessionId);
    break;
  default:
    throw new Error(`there is no ${operation}`);
}
prepared.close();
process.stdout.write(String(moments));
