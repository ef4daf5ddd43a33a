/**
 * Times what a session's disk adds to its creation: creating a disk, a container on it and starting
 * it, compared with the same on a volume of the engine. They take turns in one run, since absolute
 * times drift. The containers run only a shell. `npm run bench -- disk [turns]`.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { containerOptions } from '../node-agent/engine/docker/container.ts';
import { runCommand } from '../node-agent/volumes/command.ts';
import { PreparedImages } from '../node-agent/volumes/prepared.ts';
import type { Log } from '../seams/log.ts';
import { systemClock, systemRandom } from '../seams/system.ts';
import { docker, sessionImage } from '../tests/cluster/docker.ts';
import { testDisks, unmountDisks } from '../tests/host/test-disks.ts';
import { figures, median, row, timed } from './figures/figures.ts';

const turns = Number(process.argv[2] ?? 25);
if (!Number.isInteger(turns) || turns < 1) throw new Error('the number of turns is a positive integer');

const directory = mkdtempSync('/tmp/rd-');
const owner = { clusterId: `bench-${randomUUID()}`, nodeId: 'node' };
const limits = { cpuMillis: 500, memoryBytes: 512 * 2 ** 20, diskBytes: 2 ** 30, processes: 256 };
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const image = await sessionImage();
const parts = { volume: [] as number[], prepared: [] as number[], unprepared: [] as number[], measured: [] as number[] };
const at = { directory: join(directory, 'disks'), run: runCommand, random: systemRandom, clock: systemClock, log: quiet };
const prepared = new PreparedImages(at, limits.diskBytes);
const whole = { volume: [] as number[], prepared: [] as number[], unprepared: [] as number[], measured: [] as number[] };

async function once(how: keyof typeof whole, count: boolean): Promise<void> {
  const sessionId = randomUUID();
  const plan = { sessionId, generation: 1, space: 'bench', image, limits, uid: 2_010_000_000, socketDirectory: directory };
  const disks = testDisks(directory, owner, how === 'measured' ? 'measured' : 'image', quiet, how === 'prepared' ? prepared : undefined);
  await prepared.fill();
  const volume = `raworc_bench_${sessionId}`;
  let remove: () => Promise<void> = async () => undefined;
  const took = await timed(async () => {
    let path = '';
    const made = await timed(async () => {
      if (how === 'volume') {
        await docker.createVolume({ Name: volume });
        await docker.getVolume(volume).inspect();
      } else {
        await disks.create({ ...plan, bytes: limits.diskBytes });
        path = (await disks.ready(sessionId)).path;
      }
    });
    const options = containerOptions(owner, plan, { guest: directory, disk: path, passwd: '/etc/passwd' });
    const Mounts =
      how === 'volume' ? [{ Type: 'volume', Source: volume, Target: '/session' } as const] : (options.HostConfig?.Mounts ?? []);
    // The network is not part of the comparison, and would cost more than all else.
    const HostConfig = { ...options.HostConfig, Mounts: [...Mounts], NetworkMode: 'none' };
    const container = await docker.createContainer({ ...options, Entrypoint: ['sleep', '1000'], HostConfig });
    remove = () => container.remove({ force: true });
    await container.start();
    if (count) parts[how].push(made);
  });
  if (count) whole[how].push(took);
  await remove();
  if (how === 'volume') await docker.getVolume(volume).remove();
  else await disks.remove(sessionId);
}

try {
  for (let turn = -2; turn < turns; turn += 1)
    for (const how of ['volume', 'prepared', 'unprepared', 'measured'] as const) await once(how, turn >= 0);
  const NAMES = {
    volume: 'a volume of the engine',
    prepared: 'an image that was prepared',
    unprepared: 'an image that was not',
    measured: 'a directory that is measured',
  };
  process.stdout.write(`${row('create and start, ms', ['p50', 'p95', 'p99', 'disk p50'], 36)}\n`);
  for (const how of ['volume', 'prepared', 'unprepared', 'measured'] as const)
    process.stdout.write(`${row(`on ${NAMES[how]}`, [...figures(whole[how], 1), median(parts[how]).toFixed(1)], 36)}\n`);
  const more = (median(whole.prepared) - median(whole.volume)).toFixed(1);
  process.stdout.write(
    `a prepared image costs ${more} ms more than a volume (${turns} of each, taking turns; load average ${loadavg()[0]?.toFixed(1)})\n`,
  );
} finally {
  prepared.close();
  unmountDisks(directory);
  rmSync(directory, { recursive: true, force: true });
}
