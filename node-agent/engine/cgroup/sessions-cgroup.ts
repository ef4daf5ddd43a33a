import { readFileSync } from 'node:fs';
import { messageOf } from '../../../seams/message-of.ts';
import type { Conditions } from '../../conditions.ts';
import type { Command } from '../../volumes/command.ts';
import { cgroupMounts } from './mounts.ts';
import { CgroupSlice } from './slice.ts';
import type { Totals } from './totals.ts';
import { CgroupTree } from './tree.ts';

/** The cgroup of all containers of a node's sessions, copies and builds. */
export interface ParentCgroup {
  /**
   * The group's name for the engine. Undefined: it could not be created, and each container is
   * bounded only on its own.
   */
  readonly parent: string | undefined;
  /** Creates it with its totals, or raises the node's condition. */
  ensure(): Promise<void>;
  /** Removes it unless it is in use. */
  remove(): Promise<void>;
}

export interface SessionsCgroupOptions {
  /** The node's name: a host can run several nodes. */
  readonly name: string;
  readonly totals: Totals;
  /** The engine's cgroup driver. */
  readonly driver: string;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'> | undefined;
  readonly run: Command;
  /** The content of /proc/self/mountinfo. */
  readonly mountinfo?: string;
  readonly units?: string;
}

const CONDITION = 'SessionsUnbounded';

export class SessionsCgroup implements ParentCgroup {
  readonly #options: SessionsCgroupOptions;
  #group: CgroupTree | CgroupSlice | undefined;
  #isThere = false;

  constructor(options: SessionsCgroupOptions) {
    this.#options = options;
  }

  get parent(): string | undefined {
    return this.#isThere ? this.#group?.parent : undefined;
  }

  async ensure(): Promise<void> {
    const { conditions } = this.#options;
    try {
      this.#group ??= this.#make();
      await this.#group.ensure();
      this.#isThere = true;
      conditions?.clear(CONDITION);
    } catch (error) {
      this.#isThere = false;
      const why = messageOf(error);
      const message = `The node agent cannot create the cgroup of its sessions (${why}), so nothing limits them as a whole: together they can use up the processes, memory and CPU of the host. Run the node agent as root with /sys/fs/cgroup writable.`;
      conditions?.raise({ type: CONDITION, message, unschedulable: false });
    }
  }

  async remove(): Promise<void> {
    this.#isThere = false;
    await this.#group?.remove();
  }

  #make(): CgroupTree | CgroupSlice {
    const { name, totals, driver, run, units, mountinfo = readFileSync('/proc/self/mountinfo', 'utf8') } = this.#options;
    if (driver === 'systemd') return new CgroupSlice(name, totals, run, units);
    if (driver !== 'cgroupfs') throw new Error(`the engine's cgroup driver is ${driver}`);
    return new CgroupTree(cgroupMounts(mountinfo), name, totals);
  }
}
