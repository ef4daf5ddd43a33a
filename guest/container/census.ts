import { readdirSync, readFileSync } from 'node:fs';

/** Processes that belong together: an agent's worker with all that it started, or those of which nobody knows any more who started them. */
export interface Family {
  /** The process id of the worker; undefined for strays. */
  readonly worker: number | undefined;
  /** Those that live. */
  readonly pids: readonly number[];
  /** Processes and threads, those that ended and were not waited for among them. */
  readonly count: number;
}

interface Found {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly threads: number;
  readonly lives: boolean;
}

/** All processes of this container but its first and this one, by family. A worker leads a session of its own, which its children are in or descend from. */
export function census(workers: ReadonlySet<number>, proc = '/proc', self = process.pid): Family[] {
  const all = new Map<number, Found>();
  for (const name of readdirSync(proc)) {
    const found = /^\d+$/.test(name) ? processIn(`${proc}/${name}/stat`) : undefined;
    if (found !== undefined && found.pid !== 1 && found.pid !== self) all.set(found.pid, found);
  }
  const families = new Map<number | undefined, { pids: number[]; count: number }>();
  for (const found of all.values()) {
    const worker = workerOf(found, all, workers);
    const family = families.get(worker) ?? { pids: [], count: 0 };
    families.set(worker, family);
    if (found.lives) family.pids.push(found.pid);
    family.count += found.threads;
  }
  return [...families].map(([worker, family]) => ({ worker, ...family }));
}

function workerOf(found: Found, all: ReadonlyMap<number, Found>, workers: ReadonlySet<number>): number | undefined {
  for (let one: Found | undefined = found; one !== undefined; one = all.get(one.parent)) {
    if (workers.has(one.pid)) return one.pid;
    if (workers.has(one.session)) return one.session;
  }
  return undefined;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name, which may hold anything, ends with the last bracket. */
function processIn(path: string): Found | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const numberAt = (field: number) => Number(fields[field - 3]);
    const lives = fields[0] !== 'Z' && fields[0] !== 'X';
    return { pid: Number.parseInt(text, 10), parent: numberAt(4), session: numberAt(6), threads: Math.max(1, numberAt(20)), lives };
  } catch {
    return undefined;
  }
}
