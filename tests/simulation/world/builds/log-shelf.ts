import { partIn } from '../../../../controller/services/builds/log-position.ts';
import type { BuildLogStore } from '../../../../controller/services/builds/log-store.ts';
import { isAttempt } from '../../../../proto/streams/build-log.ts';
import type { SimulatedTime } from '../clock.ts';
import { type Life, never } from '../life.ts';

interface Shelved {
  readonly spaceId: string;
  bytes: Buffer;
  atMs: number;
}

export interface LogShelfDeps {
  readonly time: SimulatedTime;
  readonly violation: (what: string) => void;
}

/** The logs of builds on the controller's disk, over all its processes. A kill can cut off what is being written. */
export class LogShelf {
  readonly #deps: LogShelfDeps;
  readonly #logs = new Map<string, Shelved>();
  /** Lines of jobs that were judged. */
  lines = 0;
  /** Logs of more than one attempt. */
  repeated = 0;

  constructor(deps: LogShelfDeps) {
    this.#deps = deps;
  }

  storeFor(life: Life): BuildLogStore {
    const alive = <T>(work: () => T): Promise<T> => (life.isDead ? never() : Promise.resolve(work()));
    return {
      append: async (spaceId, buildId, bytes) => {
        const half = Math.floor(bytes.byteLength / 2);
        await alive(() => this.#add(spaceId, buildId, bytes.subarray(0, half)));
        await this.#deps.time.sleep(1);
        await alive(() => this.#add(spaceId, buildId, bytes.subarray(half)));
      },
      read: (_, buildId, from, length) => alive(() => this.#logs.get(buildId)?.bytes.subarray(from, from + length) ?? Buffer.alloc(0)),
      remove: (_, buildId) => alive(() => void this.#logs.delete(buildId)),
      list: () =>
        alive(() => [...this.#logs].map(([buildId, { spaceId, bytes, atMs }]) => ({ spaceId, buildId, bytes: bytes.byteLength, atMs }))),
    };
  }

  /**
   * In the log of its build, an attempt has each job's lines once, from the first one on, in order. A node
   * that gets its build back from another one sends its own attempt once more, as one of its own.
   */
  judge(): void {
    const owners = new Map<string, string>();
    for (const [buildId, { bytes }] of this.#logs) {
      const last = new Map<string, number>();
      const jobs = new Set<string>();
      const attempts: string[] = [];
      let damaged = 0;
      for (const text of bytes.toString('utf8').split('\n').filter(Boolean)) {
        const [part] = partIn(text);
        if (part === undefined) damaged += 1;
        else if (isAttempt(part)) {
          if (attempts.at(-1) === part.attempt) this.#deps.violation(`the log of ${buildId} begins the attempt ${part.attempt} twice`);
          attempts.push(part.attempt);
          for (const job of last.keys()) jobs.add(job);
          last.clear();
        } else {
          const [, job = '', number = '0', build] = /^(job \d+ of \S+) line (\d+) of (\S+)$/.exec(part.line) ?? [];
          if (job === '') continue;
          this.lines += 1;
          const before = last.get(job) ?? 0;
          last.set(job, Number(number));
          if (build !== buildId) this.#deps.violation(`the log of ${buildId} has a line of ${build}`);
          else if (Number(number) <= before || Number(number) > before + 1 + damaged)
            this.#deps.violation(`in the log of ${buildId}, line ${number} of ${job} follows ${before}`);
        }
      }
      if (attempts.length > 1) this.repeated += 1;
      for (const job of [...jobs, ...last.keys()]) {
        if (owners.get(job) !== undefined && owners.get(job) !== buildId)
          this.#deps.violation(`${job} is in the logs of ${owners.get(job)} and ${buildId}`);
        owners.set(job, buildId);
      }
    }
  }

  #add(spaceId: string, buildId: string, bytes: Uint8Array): void {
    const log = this.#logs.get(buildId) ?? { spaceId, bytes: Buffer.alloc(0), atMs: 0 };
    this.#logs.set(buildId, log);
    log.bytes = Buffer.concat([log.bytes, bytes]);
    log.atMs = this.#deps.time.now;
  }
}
