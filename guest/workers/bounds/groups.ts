import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import type { User } from '../user.ts';
import { census, type Family } from './census.ts';

/**
 * Above the user ids of sessions. The kernel limits nothing by group id, so all sessions use the
 * same ones.
 */
const FIRST = 2_140_000_000;
const COUNT = 4096;
/** How many unused ids one look at the processes finds. */
const FOUND_AT_ONCE = 64;
/**
 * Maximum number of rounds: processes can fork while others are being stopped, but each round finds
 * fewer.
 */
const MAX_ROUNDS = 10;
const ENDING_MS = 10_000;

type RunToEnd = (command: string, args: readonly string[], options: SpawnSyncOptions) => { readonly error?: Error | undefined };

/**
 * Identifies the processes of each program of an agent: each program has its own group id. No fork,
 * `setsid` or changed environment escapes it, because agents lack the capability to change groups
 * and set-group-id programs do not work. Only for a container, where all other processes belong to
 * agents.
 */
export class Groups {
  readonly #user: User;
  readonly #run: RunToEnd;
  readonly #look: () => readonly Family[];
  readonly #taken = new Set<number>();
  /**
   * Found unused, in the order in which they are taken. They stay unused until then: only this
   * class gives a process its group.
   */
  #unused: number[] = [];
  #newest = FIRST + COUNT - 1;

  constructor(user: User, run: RunToEnd = spawnSync, look: () => readonly Family[] = census) {
    this.#user = user;
    this.#run = run;
    this.#look = look;
  }

  /** Returns the group id that has been unused the longest. Undefined if all are in use. */
  take(): number | undefined {
    if (this.#unused.length === 0) this.#unused = this.#findUnused();
    const group = this.#unused.shift();
    if (group === undefined) return undefined;
    this.#newest = group;
    this.#taken.add(group);
    return group;
  }

  /** Looks at every process of the container, which takes longer than starting one if there are many. */
  #findUnused(): number[] {
    const present = new Set(this.#look().map(({ group }) => group));
    const found: number[] = [];
    for (let tried = 1; tried <= COUNT && found.length < FOUND_AT_ONCE; tried += 1) {
      const group = FIRST + ((this.#newest - FIRST + tried) % COUNT);
      if (!this.#taken.has(group) && !present.has(group)) found.push(group);
    }
    return found;
  }

  /** Kills the processes that the program left behind. */
  release(group: number): void {
    this.end(group);
    this.#taken.delete(group);
  }

  /** Leaves the processes of the program alone. The id is taken again once they are gone. */
  leave(group: number): void {
    this.#taken.delete(group);
  }

  /**
   * Kills all processes of the group. They are stopped before any is killed, since a stopped
   * process does not fork; a fork in progress is found in the next round. Processes that fork
   * faster than they can be found are killed by one atomic call of the kernel, together with
   * everything else that the session's agents run.
   */
  end(group: number): void {
    const stopped = new Set<number>();
    const killed = new Set<number>();
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const found = pidsIn(group).filter((pid) => !killed.has(pid));
      const more = found.filter((pid) => !stopped.has(pid));
      for (const pid of more) {
        signal(pid, 'SIGSTOP');
        stopped.add(pid);
      }
      if (more.length > 0) continue;
      if (stopped.size === 0) return;
      for (const pid of stopped) {
        signal(pid, 'SIGKILL');
        killed.add(pid);
      }
      stopped.clear();
    }
    this.endAll();
  }

  /**
   * Kills everything that the session's user runs. This needs a process of its own, which the kernel
   * can refuse at the container's process limit. The next count of processes finds what is left.
   */
  endAll(): void {
    const options = { ...this.#user, cwd: '/', env: {}, stdio: 'ignore', timeout: ENDING_MS } as const;
    const { error } = this.#run('/bin/sh', ['-c', 'kill -9 -1'], options);
    // The image can lack a shell; Node.js is always available.
    if (error !== undefined) this.#run(process.execPath, ['-e', 'process.kill(-1, "SIGKILL")'], options);
  }
}

const pidsIn = (group: number) => census().find((family) => family.group === group)?.pids ?? [];

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already gone.
  }
}
