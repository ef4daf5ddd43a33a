import { execFileSync } from 'node:child_process';
import { census } from './census.ts';
import type { User } from './user.ts';

/** Beyond the user ids of sessions. Group ids bound nothing in the kernel, so all sessions use the same ones. */
const FIRST = 2_140_000_000;
const COUNT = 4096;
/** Processes that fork while they are stopped one after the other: each round finds fewer. */
const MAX_ROUNDS = 10;
const ENDING_MS = 10_000;

/**
 * Which processes are whose: each program of an agent gets a group id that no other has. Neither a double fork nor `setsid` nor another environment
 * changes it, since agents have no capability to change groups and no set-group-id program works. In a container only, where all other processes are agents'.
 */
export class Groups {
  readonly #user: User;
  readonly #taken = new Set<number>();
  #newest = FIRST + COUNT - 1;

  constructor(user: User) {
    this.#user = user;
  }

  /** One that no process has, and that was not in use for as long as possible. Undefined when there is none. */
  take(): number | undefined {
    const present = new Set(census().map(({ group }) => group));
    for (let tried = 1; tried <= COUNT; tried += 1) {
      const group = FIRST + ((this.#newest - FIRST + tried) % COUNT);
      if (this.#taken.has(group) || present.has(group)) continue;
      this.#newest = group;
      this.#taken.add(group);
      return group;
    }
    return undefined;
  }

  /** Ends what is left of its program, which has ended. */
  release(group: number): void {
    this.end(group);
    this.#taken.delete(group);
  }

  /**
   * Ends all processes of the group. They are stopped before any is killed, since what is stopped forks no more; one that was in the middle of it is found
   * in the next round. What forks faster than it can be found is ended by one call that the kernel carries out without a gap, on all that the session's
   * agents run.
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

  /** Ends all that the session's user runs. */
  endAll(): void {
    const options = { ...this.#user, cwd: '/', env: {}, stdio: 'ignore', timeout: ENDING_MS } as const;
    try {
      execFileSync('/bin/sh', ['-c', 'kill -9 -1'], options);
    } catch {
      // An image need not have one; Node.js is always here.
      execFileSync(process.execPath, ['-e', 'process.kill(-1, "SIGKILL")'], options);
    }
  }
}

const pidsIn = (group: number) => census().find((family) => family.group === group)?.pids ?? [];

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}
