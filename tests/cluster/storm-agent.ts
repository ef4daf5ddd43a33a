import { readFileSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { within } from './deadline.ts';
import type { Cluster } from './harness.ts';

/**
 * Works 100 to 500 ms, depending on its message, and durably records start and end with the wall
 * clock.
 */
export const STORM_AGENT = `
import os, time, zlib

def record(word, context):
    with open("/session/workspace/record", "a") as file:
        file.write(word + " " + context["message_id"] + " " + str(time.time_ns() // 1000000) + "\\n")
        file.flush()
        os.fsync(file.fileno())

def process_message(message, context):
    record("start", context)
    time.sleep((100 + zlib.crc32(message.encode()) % 401) / 1000)
    record("end", context)
    return str(os.getpid()) + " heard " + message
`;

/** One run as recorded by its agent, by the wall clock. */
export interface Run {
  readonly startedMs: number;
  /** Undefined if it has not ended. */
  readonly endedMs: number | undefined;
}

/**
 * The records of agents of some sessions, read from their disks. Each session must have answered
 * once.
 */
export class RunRecords {
  readonly #files: ReadonlyMap<string, string>;

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  static of(cluster: Cluster, sessions: readonly string[]): RunRecords {
    const nodes = [...cluster.nodes.values()];
    const files = sessions.flatMap((session) => {
      const holder = nodes.find((node) => node.disks().includes(session));
      return holder === undefined ? [] : [[session, join(holder.diskFiles(session), 'workspace', 'record')] as const];
    });
    return new RunRecords(new Map(files));
  }

  /** The messages whose runs the agent started, in order. */
  started(session: string): readonly string[] {
    return this.#words(session, 'start').map(([message]) => message);
  }

  /** Runs without an end: the current one, and those that were cut off. */
  unfinished(sessions: readonly string[]): readonly string[] {
    return sessions.flatMap((session) => {
      const ended = new Map(this.#words(session, 'end'));
      return this.started(session).filter((message) => !ended.has(message));
    });
  }

  /** By message. */
  runs(session: string): ReadonlyMap<string, Run> {
    const ends = new Map(this.#words(session, 'end'));
    return new Map(this.#words(session, 'start').map(([message, startedMs]) => [message, { startedMs, endedMs: ends.get(message) }]));
  }

  /** Resolves once one of these sessions starts another run. */
  untilRunning(sessions: readonly string[], limitMs: number): Promise<void> {
    const before = new Set(this.unfinished(sessions));
    const isRunning = () => this.unfinished(sessions).some((message) => !before.has(message));
    return this.#until('an agent to start', sessions, isRunning, limitMs);
  }

  /** Resolves once this session has started more runs than that. */
  untilMoreThan(count: number, session: string, limitMs: number): Promise<void> {
    return this.#until(`run ${count + 1} of ${session}`, [session], () => this.started(session).length > count, limitMs);
  }

  async #until(what: string, sessions: readonly string[], holds: () => boolean, limitMs: number): Promise<void> {
    const stop = new AbortController();
    const come = new Promise<void>((resolve, reject) => {
      const look = () => {
        try {
          if (holds()) resolve();
        } catch (fault) {
          reject(fault);
        }
      };
      for (const session of sessions) watch(dirname(this.#file(session)), { signal: stop.signal }, look);
      look();
    });
    try {
      await within(what, limitMs, come);
    } finally {
      stop.abort();
    }
  }

  #words(session: string, word: 'start' | 'end'): readonly (readonly [message: string, atMs: number])[] {
    const lines = readFileSync(this.#file(session), 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => {
      const [what, message = '', atMs] = line.split(' ');
      return what === word ? [[message, Number(atMs)] as const] : [];
    });
  }

  #file(session: string): string {
    const file = this.#files.get(session);
    if (file === undefined) throw new Error(`no record is kept of ${session}`);
    return file;
  }
}
