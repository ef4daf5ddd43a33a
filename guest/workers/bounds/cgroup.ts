import { existsSync, readFileSync } from 'node:fs';

/** Returns limits and use of this container, from cgroup v1 or v2. Undefined: unknown. */
export class Cgroup {
  readonly #memory: { readonly limit: string; readonly kills: string };
  readonly #pids: { readonly limit: string; readonly current: string; readonly events: string };

  constructor(root = '/sys/fs/cgroup') {
    const isV2 = existsSync(`${root}/cgroup.controllers`);
    this.#memory = isV2
      ? { limit: `${root}/memory.max`, kills: `${root}/memory.events` }
      : { limit: `${root}/memory/memory.limit_in_bytes`, kills: `${root}/memory/memory.oom_control` };
    const pids = isV2 ? root : `${root}/pids`;
    this.#pids = { limit: `${pids}/pids.max`, current: `${pids}/pids.current`, events: `${pids}/pids.events` };
  }

  get memoryLimit(): number | undefined {
    return numberIn(this.#memory.limit, /^(\d+)$/);
  }

  /** Processes killed at the memory limit since the container started. */
  get memoryKills(): number | undefined {
    return numberIn(this.#memory.kills, /^oom_kill (\d+)$/m);
  }

  /** Limit of processes and threads. */
  get processLimit(): number | undefined {
    return numberIn(this.#pids.limit, /^(\d+)$/);
  }

  /** How many processes and threads the kernel refused at the limit since the container started. */
  get processesRefused(): number | undefined {
    return numberIn(this.#pids.events, /^max (\d+)$/m);
  }

  /** Processes and threads, including zombies. */
  get processes(): number | undefined {
    return numberIn(this.#pids.current, /^(\d+)$/);
  }
}

function numberIn(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, 'utf8').trim())?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
