import { readdirSync, readFileSync } from 'node:fs';

/**
 * The processes of one group id. Each worker has its own group, which its children cannot leave:
 * that takes a capability.
 */
export interface Family {
  readonly group: number;
  /** Ids of live processes. */
  readonly pids: readonly number[];
  /** Processes and threads, zombies included. */
  readonly count: number;
  /** Memory of these processes that is not of a file. Pages that forks share count in each. */
  readonly memoryBytes: number;
}

/** Returns all processes of this container except its first and this one, by group. */
export function census(proc = '/proc', self = process.pid): Family[] {
  const families = new Map<number, { pids: number[]; count: number; memoryBytes: number }>();
  for (const name of readdirSync(proc)) {
    const pid = Number(name);
    const found = Number.isInteger(pid) && pid !== 1 && pid !== self ? processIn(`${proc}/${name}/status`) : undefined;
    if (found === undefined) continue;
    const family = families.get(found.group) ?? { pids: [], count: 0, memoryBytes: 0 };
    families.set(found.group, family);
    if (found.lives) family.pids.push(pid);
    family.count += found.threads;
    family.memoryBytes += found.memoryBytes;
  }
  return [...families].map(([group, family]) => ({ group, ...family }));
}

/**
 * See https://man7.org/linux/man-pages/man5/proc_pid_status.5.html; the kernel writes line ends in
 * a name as `\n`. A process whose first thread has ended is shown as a zombie, but lives as long as
 * it has other threads.
 */
function processIn(
  path: string,
): { readonly group: number; readonly threads: number; readonly lives: boolean; readonly memoryBytes: number } | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const group = /^Gid:\t(\d+)/m.exec(text)?.[1];
    if (group === undefined) return undefined;
    const threads = Math.max(1, Number(/^Threads:\t(\d+)/m.exec(text)?.[1] ?? 1));
    const memoryBytes = Number(/^RssAnon:\s*(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
    return { group: Number(group), threads, memoryBytes, lives: threads > 1 || !/^State:\t[ZX]/m.test(text) };
  } catch {
    return undefined;
  }
}
