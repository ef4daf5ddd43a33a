import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupMounts } from './mounts.ts';
import type { Totals } from './totals.ts';

/** The parent of the nodes' groups: a host can run several nodes. */
const ABOVE = 'raworc';
const PERIOD_US = 100_000;
const CONTROLLERS = ['cpu', 'memory', 'pids'];

interface Bound {
  readonly file: string;
  readonly value: string;
}

/**
 * A control group as files in the kernel's trees. Reads and writes are synchronous: they touch no
 * disk, and the group is checked before each container is created in it.
 */
export class CgroupTree {
  readonly #mounts: CgroupMounts;
  readonly #name: string;
  readonly #totals: Totals;

  constructor(mounts: CgroupMounts, name: string, totals: Totals) {
    this.#mounts = mounts;
    this.#name = name;
    this.#totals = totals;
  }

  /** The name that the engine uses for it. */
  get parent(): string {
    return `/${ABOVE}/${this.#name}`;
  }

  /** Creates or adopts the group and sets its totals. Throws if the kernel refuses. */
  ensure(): void {
    if (this.#bounds().every(isInForce)) return;
    for (const directory of this.#directories()) {
      mkdirSync(join(directory, ABOVE), { recursive: true });
      const hierarchy = join(directory, ABOVE, 'memory.use_hierarchy');
      if (existsSync(hierarchy) && readFileSync(hierarchy, 'utf8').trim() === '0') writeFileSync(hierarchy, '1');
      if (this.#mounts.version === 2) for (const above of [directory, join(directory, ABOVE)]) delegate(above);
      mkdirSync(join(directory, ABOVE, this.#name), { recursive: true });
      if (this.#mounts.version === 2) delegate(join(directory, ABOVE, this.#name));
    }
    for (const bound of this.#bounds()) set(bound);
  }

  /** Removes it unless it is in use. */
  remove(): void {
    for (const directory of this.#mounts.version === 2 ? [this.#mounts.root] : this.#mounts.every)
      for (const path of [join(directory, ABOVE, this.#name), join(directory, ABOVE)])
        try {
          rmdirSync(path);
        } catch {
          // In use, or already removed.
        }
  }

  #directories(): string[] {
    return this.#mounts.version === 2 ? [this.#mounts.root] : [this.#mounts.memory, this.#mounts.pids, this.#mounts.cpu];
  }

  #bounds(): Bound[] {
    const { cpuMillis, memoryBytes, processes } = this.#totals;
    const quota = Math.max(1000, Math.floor((cpuMillis * PERIOD_US) / 1000));
    const memory = String(memoryBytes - (memoryBytes % 4096));
    const at = (directory: string, file: string, value: string): Bound => ({ file: join(directory, ABOVE, this.#name, file), value });
    const mounts = this.#mounts;
    if (mounts.version === 2) {
      return [
        at(mounts.root, 'memory.max', memory),
        at(mounts.root, 'pids.max', String(processes)),
        at(mounts.root, 'cpu.max', `${quota} ${PERIOD_US}`),
        ...swap(at(mounts.root, 'memory.swap.max', '0')),
      ];
    }
    return [
      at(mounts.memory, 'memory.limit_in_bytes', memory),
      ...swap(at(mounts.memory, 'memory.memsw.limit_in_bytes', memory)),
      at(mounts.pids, 'pids.max', String(processes)),
      at(mounts.cpu, 'cpu.cfs_period_us', String(PERIOD_US)),
      at(mounts.cpu, 'cpu.cfs_quota_us', String(quota)),
    ];
  }
}

/** Kernels without swap accounting lack this file. */
const swap = (bound: Bound): Bound[] => (existsSync(bound.file) ? [bound] : []);

function isInForce({ file, value }: Bound): boolean {
  try {
    return readFileSync(file, 'utf8').trim() === value;
  } catch {
    return false;
  }
}

function set(bound: Bound): void {
  if (isInForce(bound)) return;
  try {
    writeFileSync(bound.file, bound.value);
  } catch (error) {
    // The limit of memory with swap can never be below that of memory alone, so the order of the
    // writes depends on whether they grow.
    const both = bound.file.replace(/memory\.limit_in_bytes$/, 'memory.memsw.limit_in_bytes');
    if (both === bound.file || !existsSync(both)) throw error;
    writeFileSync(both, bound.value);
    writeFileSync(bound.file, bound.value);
  }
}

/** Allows bounds on the children of a version 2 group. */
function delegate(directory: string): void {
  const file = join(directory, 'cgroup.subtree_control');
  const has = existsSync(file) ? readFileSync(file, 'utf8').split(/\s+/) : [];
  const wanted = CONTROLLERS.filter((controller) => !has.includes(controller));
  if (wanted.length > 0) writeFileSync(file, wanted.map((controller) => `+${controller}`).join(' '));
}
