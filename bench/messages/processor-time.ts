import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Cluster } from '../../tests/cluster/harness.ts';

const run = promisify(execFile);
/** Of the kernel, whose unit of processor time is fixed at 1/100 s for programs. */
const TICK_MS = 10;

export interface Process {
  readonly name: string;
  /** Several of the same kind count together. */
  readonly pids: readonly number[];
}

/** Returns the processes that a message passes on its way to the agents in these containers, and this one, the sender. */
export async function processesOf(cluster: Cluster, containers: readonly string[]): Promise<readonly Process[]> {
  const guests: number[] = [];
  const workers: number[] = [];
  for (const container of containers) {
    const { stdout } = await run('docker', ['top', container, '-o', 'pid,args']);
    // Not docker-init, whose arguments are the same.
    for (const [, pid] of stdout.matchAll(/^\s*(\d+)\s+\S*\/node .*guest\.mjs/gm)) guests.push(Number(pid));
    for (const [, pid] of stdout.matchAll(/^\s*(\d+)\s+\S*python3? .*worker\.py/gm)) workers.push(Number(pid));
  }
  return [
    { name: 'controller', pids: [cluster.controller.pid] },
    { name: 'nats-server', pids: cluster.nats === undefined ? [] : [cluster.nats.process.pid] },
    { name: 'node agent', pids: [...cluster.nodes.values()].map((node) => node.process.pid) },
    { name: 'guest', pids: guests },
    { name: 'worker', pids: workers },
    { name: 'sender', pids: [process.pid] },
  ];
}

/** Returns the processor time that each has used so far, with all its threads. */
export function processorMs(processes: readonly Process[]): readonly { readonly name: string; readonly ms: number }[] {
  return processes.map(({ name, pids }) => ({ name, ms: pids.reduce((sum, pid) => sum + usedMs(pid), 0) }));
}

function usedMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, can contain spaces.
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * TICK_MS;
}
