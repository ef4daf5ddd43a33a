import { readFileSync } from 'node:fs';
import process from 'node:process';

/** Whether the process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^\S+ [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
  } catch {
    return false;
  }
}

/** The words of a process's command; empty when there is no such process. */
export function commandOf(pid: number): readonly string[] {
  if (!isAlive(pid)) return [];
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Waits for a process that is not our child to end. False when the time was up first. */
export async function untilGone(pid: number, limitMs: number): Promise<boolean> {
  const endsAt = performance.now() + limitMs;
  while (isAlive(pid)) {
    if (performance.now() > endsAt) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** Signals a process group, or a process; what is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone.
  }
}
