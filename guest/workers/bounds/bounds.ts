import { readdirSync } from 'node:fs';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { LimitReached } from '../../runs/worker-host.ts';
import { census, type Family } from './census.ts';
import type { Cgroup } from './cgroup.ts';
import type { Groups } from './groups.ts';

/** How often processes are counted during a run, soon after a run, and otherwise. */
const LOOK_MS = 1000;
/** The same if an agent has a memory limit of its own. */
const MEMORY_LOOK_MS = 250;
const LOOK_AFTER_MS = 100;
const IDLE_LOOK_MS = 10_000;
/**
 * How long to wait until killed processes are gone: before another is started, and before they are
 * counted again.
 */
const ROOM_WITHIN_MS = 5000;
const SETTLED_MS = 500;
const ROOM_LOOK_MS = 20;
/** What a worker needs to start, with threads of its runtime. */
const ROOM = 16;
const MIB = 1024 * 1024;

/** A worker whose processes are counted. */
export interface Bounded {
  readonly pid: number;
  /** The group id that only its processes have. */
  readonly group: number | undefined;
  readonly agent: string;
  /** Limit of its processes' memory together; 0: none of its own. */
  readonly memoryBytes: number;
  /** Called before its processes are killed, with the reason. */
  exceeded(reason: 'process_limit' | 'memory_limit', why: string): void;
}

export interface BoundsOptions {
  readonly cgroup: Cgroup;
  readonly groups: Groups;
  readonly clock: Clock;
  /**
   * The limit of processes and threads of all agents. The container's own limit is higher, so that
   * the guest can always start what it needs.
   */
  readonly processes: number;
  readonly workers: () => Iterable<Bounded>;
  readonly reached: (what: LimitReached) => void;
  readonly census?: () => readonly Family[];
}

/**
 * Enforces the process limit of a session and the memory limits of its agents, and reports processes that the kernel killed at its
 * memory limit.
 *
 * Beyond the limit, it kills the agent with the most processes and everything that it started, and
 * all processes that belong to no agent.
 */
export class Bounds {
  readonly #options: BoundsOptions;
  readonly memoryLimit: number | undefined;
  #kills: number;
  #working = false;
  /** Time of the last kill: processes take a moment to exit. */
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #lookAtMs = 0;

  constructor(options: BoundsOptions) {
    this.#options = options;
    this.memoryLimit = options.cgroup.memoryLimit;
    this.#kills = options.cgroup.memoryKills ?? 0;
  }

  /**
   * A run starts or ends. Processes are counted more often during a run and soon after it.
   * Consecutive runs do not delay the count.
   */
  working(isWorking: boolean): void {
    this.#working = isWorking;
    this.#lookWithin(isWorking ? this.#lookMs : LOOK_AFTER_MS);
  }

  #lookWithin(ms: number): void {
    const { clock } = this.#options;
    const atMs = clock.monotonic() + ms;
    if (this.#timer !== undefined && this.#lookAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#lookAtMs = atMs;
    this.#timer = clock.after(ms, () => this.#look());
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** Returns how many processes were killed for memory since the last call. */
  memoryKills(): number {
    const kills = this.#options.cgroup.memoryKills ?? 0;
    const more = kills - this.#kills;
    this.#kills = kills;
    return more;
  }

  /** Reports that a process of this agent was killed for memory. Returns the message. */
  memoryReached(agent: string): string {
    this.#options.reached({ limit: 'memory', value: this.memoryLimit ?? 0, agent });
    return `the session reached its memory limit of ${Math.round((this.memoryLimit ?? 0) / MIB)} MiB (limits.memory_bytes)`;
  }

  /** How many processes and threads the kernel refused to the session so far. */
  get processesRefused(): number {
    return this.#options.cgroup.processesRefused ?? 0;
  }

  /** The reason when the limit prevents starting a process. */
  get processesReached(): string {
    return `the session is at its limit of ${this.#options.processes} processes and threads (limits.processes)`;
  }

  /**
   * Returns undefined if there is room for a process of an agent; else resolves once there is, or
   * after five seconds.
   */
  makeRoom(): Promise<void> | undefined {
    if (!this.enforce() && this.#hasRoom()) return undefined;
    const { clock } = this.#options;
    const until = clock.monotonic() + ROOM_WITHIN_MS;
    return new Promise((resolve) => {
      const look = () => {
        this.enforce();
        if (this.#hasRoom() || clock.monotonic() >= until) resolve();
        else clock.after(ROOM_LOOK_MS, look);
      };
      look();
    });
  }

  /** Kills the agent with the most processes if there are too many. Returns whether it did. */
  enforce(): boolean {
    const { cgroup, groups, clock, processes, workers, reached } = this.#options;
    if (clock.monotonic() - this.#endedAtMs < SETTLED_MS) return false;
    const all = cgroup.processes;
    if (all === undefined || all <= processes) return false;
    // Minus this process's threads and the container's first process.
    const own = readdirSync('/proc/self/task').length + 1;
    if (all - own <= processes) return false;
    const known = new Map([...workers()].map((worker) => [worker.group, worker]));
    const most = this.#census().reduce<Family | undefined>((a, b) => (a === undefined || b.count > a.count ? b : a), undefined);
    if (most === undefined) return false;
    const worker = known.get(most.group);
    worker?.exceeded(
      'process_limit',
      `The agent's processes were killed: the session's agents had ${all - own} processes and threads; the limit is ${processes} (limits.processes).`,
    );
    groups.end(most.group);
    this.#endedAtMs = clock.monotonic();
    reached({ limit: 'processes', value: processes, agent: worker?.agent ?? '' });
    return true;
  }

  #hasRoom(): boolean {
    const { cgroup } = this.#options;
    const limit = cgroup.processLimit;
    return limit === undefined || (cgroup.processes ?? 0) + ROOM <= limit;
  }

  #look(): void {
    this.#timer = undefined;
    this.enforce();
    this.#enforceMemory();
    this.#lookWithin(this.#working ? this.#lookMs : IDLE_LOOK_MS);
  }

  get #lookMs(): number {
    return this.#withMemoryLimit().length > 0 ? MEMORY_LOOK_MS : LOOK_MS;
  }

  #withMemoryLimit(): readonly Bounded[] {
    return [...this.#options.workers()].filter(({ memoryBytes, group }) => memoryBytes > 0 && group !== undefined);
  }

  /** Kills each agent whose processes use more memory than its own limit. */
  #enforceMemory(): void {
    const limited = this.#withMemoryLimit();
    if (limited.length === 0) return;
    const used = new Map(this.#census().map(({ group, memoryBytes }) => [group, memoryBytes]));
    for (const worker of limited) {
      const bytes = worker.group === undefined ? 0 : (used.get(worker.group) ?? 0);
      if (worker.group === undefined || bytes <= worker.memoryBytes) continue;
      const [has, most] = [bytes, worker.memoryBytes].map((size) => Math.round(size / MIB));
      worker.exceeded(
        'memory_limit',
        `The agent's processes were killed: they used ${has} MiB; the limit is ${most} MiB (memory_bytes in raworc.json).`,
      );
      this.#options.groups.end(worker.group);
    }
  }

  #census(): readonly Family[] {
    return (this.#options.census ?? census)();
  }
}
