import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { z } from 'zod';
import { RESERVED_PROCESSES } from '../../../proto/reserved-processes.ts';
import type { Conditions } from '../../conditions.ts';
import { exceeds, lesserMost, type Most } from '../../domain/session-most.ts';
import type { Command } from '../../volumes/command.ts';
import { type ParentCgroup, SessionsCgroup } from '../cgroup/sessions-cgroup.ts';
import { type Totals, totalsOf } from '../cgroup/totals.ts';
import type { Capacity } from '../driver.ts';
import { abortable } from './client.ts';

export interface BoundsOptions {
  /** Reserved for the host; by default a tenth of each. */
  readonly reserve?: Partial<Totals>;
  /** The operator's maximum for one session. */
  readonly most?: Partial<Most>;
  /** Size of the file system that holds the sessions' disks. */
  readonly diskBytes: () => Promise<number>;
  readonly run: Command;
}

const info = z.object({ NCPU: z.number(), MemTotal: z.number(), CgroupDriver: z.string() });

/**
 * The totals of all sessions on this host, enforced by one control group, and the maximum of each.
 */
export class DockerBounds {
  readonly #cgroup: ParentCgroup;
  readonly #totals: Totals;
  readonly #options: BoundsOptions;
  readonly #most: Most;

  private constructor(cgroup: ParentCgroup, totals: Totals, options: BoundsOptions) {
    this.#cgroup = cgroup;
    this.#totals = totals;
    this.#options = options;
    const processes = Math.max(1, totals.processes - RESERVED_PROCESSES);
    this.#most = lesserMost({ ...totals, processes, diskBytes: 0 }, options.most ?? {});
  }

  /** Derives the bounds from the engine's host. `name` is the name of the node's group. */
  static async open(
    docker: Docker,
    name: string,
    options: BoundsOptions,
    conditions: Pick<Conditions, 'raise' | 'clear'> | undefined,
    signal: AbortSignal,
  ): Promise<DockerBounds> {
    const { NCPU, MemTotal, CgroupDriver } = info.parse(await abortable(signal, docker.info()));
    const totals = totalsOf({ cpuMillis: NCPU * 1000, memoryBytes: MemTotal, processes: await hostProcesses() }, options.reserve);
    return new DockerBounds(new SessionsCgroup({ name, totals, driver: CgroupDriver, conditions, run: options.run }), totals, options);
  }

  /** The name that the engine uses for the group; undefined if it could not be created. */
  get parent(): string | undefined {
    return this.#cgroup.parent;
  }

  ensure(): Promise<void> {
    return this.#cgroup.ensure();
  }

  remove(): Promise<void> {
    return this.#cgroup.remove();
  }

  async capacity(sessions: number): Promise<Capacity> {
    return { ...this.#totals, sessions, diskBytes: await this.#options.diskBytes(), most: this.#most };
  }

  /**
   * Returns whether a container is outside the group or exceeds the current maximum, so that it
   * must be recreated before it starts.
   */
  isOutside(container: Docker.ContainerInspectInfo): boolean {
    const { CgroupParent, Memory = 0, NanoCpus = 0, PidsLimit } = container.HostConfig;
    const processes = Math.max(0, (PidsLimit ?? 0) - RESERVED_PROCESSES);
    if (exceeds({ memoryBytes: Memory, cpuMillis: NanoCpus / 1_000_000, processes }, this.#most)) return true;
    return this.parent !== undefined && CgroupParent !== this.parent;
  }
}

async function hostProcesses(): Promise<number> {
  const read = async (name: string) => Number((await readFile(`/proc/sys/kernel/${name}`, 'utf8')).trim());
  return Math.min(await read('pid_max'), await read('threads-max'));
}
