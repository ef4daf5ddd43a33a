import { existsSync, globSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signal, untilGone } from '../../scripts/machine/process.ts';

const GONE_WITHIN_MS = 10_000;
const FREE_WITHIN_MS = 2_000;

/** Control groups of racks: one below it for each rack, and in that one for each machine's Docker. */
export const RACKS = 'raworc-racks';

const roots = () => ['/sys/fs/cgroup', ...globSync('/sys/fs/cgroup/*')].filter((path) => existsSync(join(path, 'cgroup.procs')));

/** Wakes what is frozen in a group, which would not even die from a SIGKILL. */
export function thaw(group: string): void {
  for (const file of globSync(`/sys/fs/cgroup/freezer/${group}/**/freezer.state`)) writeFileSync(file, 'THAWED');
}

/** Kills what is still in a group, and resolves once it is gone. */
export async function killGroup(group: string): Promise<void> {
  thaw(group);
  const pids = globSync(`/sys/fs/cgroup/{,*/}${group}/**/cgroup.procs`).flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  const members = [...new Set(pids.map(Number))].filter((pid) => pid > 0);
  for (const pid of members) signal(pid, 'SIGKILL');
  await Promise.all(members.map((pid) => untilGone(pid, GONE_WITHIN_MS)));
}

/**
 * Removes a group with everything below it, in every tree. What has members stays. A process that
 * has just died keeps its group busy for a moment.
 */
export async function removeGroup(group: string): Promise<void> {
  const endsAt = performance.now() + FREE_WITHIN_MS;
  for (;;) {
    for (const root of roots()) remove(join(root, group));
    const left = globSync(`/sys/fs/cgroup/{,*/}${group}`);
    if (left.length === 0 || performance.now() > endsAt) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function remove(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) remove(join(directory, entry.name));
  try {
    rmdirSync(directory);
  } catch {
    // In use, or gone meanwhile.
  }
}
