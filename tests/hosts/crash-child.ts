/** Starts a machine on a network, in a rack that nobody closes, with mounts and a frozen process, and waits to be killed. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { print } from '../../seams/print.ts';
import { RACKS } from './cgroups.ts';
import { DataDisk } from './data-disk.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import { makeRackDirectory, RACK_PREFIX, sharedDirectory } from './sweep.ts';

const [root = ''] = process.argv.slice(2);
const directory = makeRackDirectory(root);
mkdirSync(sharedDirectory(directory));
const name = basename(directory);
const network = await Network.open(name.slice(RACK_PREFIX.length));
const machine = new Machine('dot', join(directory, 'dot'));
await machine.start();
await network.connect(machine, 1);
await new DataDisk(machine, 64 * 2 ** 20).mount();
await machine.run('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib');
const sleeper = machine.launch('sleeper', 'sh', ['-c', 'echo up; sleep infinity; :', name]);
await sleeper.child.untilLine('it to run', (line) => line === 'up');

const trees = '/sys/fs/cgroup/freezer';
const group = join(existsSync(trees) ? trees : '/sys/fs/cgroup', RACKS, name);
mkdirSync(group, { recursive: true });
writeFileSync(join(group, 'cgroup.procs'), String(sleeper.pid));
if (existsSync(trees)) writeFileSync(join(group, 'freezer.state'), 'FROZEN');
else writeFileSync(join(group, 'cgroup.freeze'), '1');
print(directory);
setInterval(() => undefined, 60_000);
