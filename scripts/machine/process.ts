import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** Returns the words of a process's command line; none if it does not exist or is a zombie. */
export const commandOf = (pid: number): readonly string[] => read(pid, 'cmdline');

export const isAlive = (pid: number): boolean => commandOf(pid).length > 0;

/** Returns the processes that have `variable=value` in their environment, without this one. */
export function processesWith(variable: string, value: string): readonly number[] {
  return otherProcesses().filter((pid) => read(pid, 'environ').includes(`${variable}=${value}`));
}

/**
 * Whether tests, a controller or a node agent that this process did not start run on this machine.
 */
export function othersAtWork(): boolean {
  const works = /\.test\.ts$|\b(controller|node-agent)\/main\.ts$|scripts\/(up|test)\.ts$/;
  return otherProcesses().some((pid) => commandOf(pid).some((word) => works.test(word)));
}

/** Waits for a process to end, whether it is our child or not. */
export async function untilGone(pid: number, limitMs: number): Promise<void> {
  const endsAt = performance.now() + limitMs;
  while (isAlive(pid) && performance.now() < endsAt) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Signals a process, or its group if the number is negative. Ignores a missing one. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

function read(pid: number, file: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

function otherProcesses(): readonly number[] {
  const pids = readdirSync('/proc').map(Number);
  return pids.filter((pid) => pid > 1 && pid !== process.pid);
}
