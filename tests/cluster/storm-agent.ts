import { readFileSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { within } from './deadline.ts';
import { docker } from './docker.ts';

/** Works 100 to 500 ms, by its message, and records durably in the volume when it starts and when it ends. */
export const STORM_AGENT = `
import os, time, zlib

def record(word, context):
    with open("/session/workspace/record", "a") as file:
        file.write(word + " " + context["message_id"] + "\\n")
        file.flush()
        os.fsync(file.fileno())

def process_message(message, context):
    record("start", context)
    time.sleep((100 + zlib.crc32(message.encode()) % 401) / 1000)
    record("end", context)
    return str(os.getpid()) + " heard " + message
`;

/** What the agents of some sessions recorded, read from their volumes. Sessions that have answered once. */
export class RunRecords {
  readonly #files: ReadonlyMap<string, string>;

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  static async of(sessions: readonly string[]): Promise<RunRecords> {
    const files = sessions.map(async (session) => {
      const { Mountpoint } = await docker.getVolume(`raworc_session_data_${session}`).inspect();
      return [session, join(Mountpoint, 'workspace', 'record')] as const;
    });
    return new RunRecords(new Map(await Promise.all(files)));
  }

  /** The messages whose runs the agent started, in order. */
  started(session: string): readonly string[] {
    return this.#words(session, 'start');
  }

  /** Those that it has not ended: the one that runs now, and those that were cut off. */
  unfinished(sessions: readonly string[]): readonly string[] {
    return sessions.flatMap((session) => {
      const ended = new Set(this.#words(session, 'end'));
      return this.started(session).filter((message) => !ended.has(message));
    });
  }

  /** Resolves once one more run of one of these sessions is under way. */
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

  #words(session: string, word: 'start' | 'end'): readonly string[] {
    const lines = readFileSync(this.#file(session), 'utf8').split('\n');
    return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  }

  #file(session: string): string {
    const file = this.#files.get(session);
    if (file === undefined) throw new Error(`no record is kept of ${session}`);
    return file;
  }
}
