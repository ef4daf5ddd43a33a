/**
 * Measures what sessions, the controller and the node agent take at rest: private memory, and
 * processor time, beside a bare Node.js process in a container like a session's, and a bare Python.
 * `npm run bench -- footprint [seconds]`.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deploy, writeAgent } from '../tests/cluster/agents.ts';
import { sessionImage } from '../tests/cluster/docker.ts';
import { Follower } from '../tests/cluster/follow.ts';
import { startCluster } from '../tests/cluster/harness.ts';
import { expect } from '../tests/cluster/rest.ts';
import { BareNode } from './cold/bare-node.ts';
import { benchmark } from './figures/benchmark.ts';
import { median } from './figures/figures.ts';

const ECHO = { 'main.py': 'def process_message(message, context):\n    return message\n' };
const PYTHON = ['python3', '-c', 'import time\nwhile True: time.sleep(1000)'];
/** MiB without a worker, and percent of a core. */
const GOALS = { sessionMib: 11, daemonPercent: 1 };
/** So long a process gives back what its start took. */
const SETTLES_MS = 10_000;
const SESSIONS = 5;
const run = promisify(execFile);
const seconds = Number(process.argv[2] ?? 30);
if (!Number.isInteger(seconds) || seconds < 1) throw new Error('the number of seconds is a positive integer');

await benchmark(async ({ signal, scope, ends, figure, goal }) => {
  const cluster = await startCluster(scope, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 33 }], nats: true });
  const { rest } = cluster;
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => rest.createSession()));
  const containers = sessions.map(({ container_id }) => container_id ?? '');
  const bare = await BareNode.like(sessions[0]?.id ?? '');
  ends(() => bare.removeAll());
  for (let at = 0; at < SESSIONS; at += 1) await bare.up();
  const settled = () => setTimeout(SETTLES_MS, undefined, { signal });
  const each = async (ids: readonly string[]) => median(await Promise.all(ids.map(privateMib)));

  await settled();
  const node = await each(bare.ids);
  figure('a bare Node.js process in a container, MiB', node);
  goal('an idle session without a worker, MiB', await each(containers), { most: GOALS.sessionMib });
  const cpu = { controller: cpuMs(cluster.controller.pid), 'node agent': cpuMs(cluster.node('node-1').process.pid) };
  await setTimeout(seconds * 1000, undefined, { signal });
  const percent = (pid: number, before: number) => ((cpuMs(pid) - before) / (seconds * 1000)) * 100;
  goal('the controller at rest, percent of a core', percent(cluster.controller.pid, cpu.controller), { most: GOALS.daemonPercent });
  goal(`the node agent beside ${SESSIONS} sessions, percent of a core`, percent(cluster.node('node-1').process.pid, cpu['node agent']), {
    most: GOALS.daemonPercent,
  });
  figure('the controller, MiB', privateOf(cluster.controller.pid));
  figure('the node agent, MiB', privateOf(cluster.node('node-1').process.pid));

  await deploy(rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), ECHO));
  const talking = await Promise.all(Array.from({ length: SESSIONS }, () => rest.createSession()));
  for (const { id } of talking) await rest.say(id, 'hello');
  const args = ['--label', `raworc.cluster=${cluster.id}`, '--network', 'none', '--entrypoint', PYTHON[0] ?? ''];
  const { stdout } = await run('docker', ['run', '-d', '--init', ...args, await sessionImage(), ...PYTHON.slice(1)]);
  await settled();
  const python = await privateMib(stdout.trim());
  figure('a bare Python process in a container, MiB', python);
  const withWorker = await each(talking.map(({ container_id }) => container_id ?? ''));
  goal('an idle session with a Python worker, less the bare Python, MiB', withWorker - python, { most: GOALS.sessionMib });
  for (const { id } of talking) {
    const life = await Follower.of(rest, id);
    expect(await rest.call('POST', `/sessions/${id}/pause`), 200, 'pause');
    await life.settled('paused');
    life.close();
  }
  figure('a paused session with a Python worker, MiB', await each(talking.map(({ container_id }) => container_id ?? '')));
});

/** Returns the private memory of a container's processes. */
async function privateMib(container: string): Promise<number> {
  const { stdout } = await run('docker', ['top', container, '-o', 'pid']);
  const pids = stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
  return pids.reduce((sum, pid) => sum + privateOf(pid), 0);
}

/** Returns the MiB that no other process shares. */
function privateOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, amount]) => sum + Number(amount), 0);
  return kib / 1024;
}

/** Returns the processor time of a process so far. Linux counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
