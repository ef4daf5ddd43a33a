import {
  ENDED_KEPT_MS,
  MAX_PROCESSES,
  type ProcessAnswer,
  type ProcessRefusal,
  type ProcessRequest,
  type StartProcess,
} from '../../proto/streams/process-stream.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { StartKept } from '../workers/terminals/kept-command.ts';
import { KeptProcess } from './kept-process.ts';

/** Memory for the output of all processes. Each gets at least {@link LEAST_OUTPUT_BYTES}. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
const LEAST_OUTPUT_BYTES = 64 * 1024;
/** How long the removal of a process waits for its end. */
const REMOVED_WITHIN_MS = 5000;

export interface ProcessTableDeps {
  readonly clock: Clock;
  readonly start: StartKept;
  /** Told the number of running processes that keep the session awake, when it changes. */
  readonly keepingAwake?: ((count: number) => void) | undefined;
}

/**
 * The processes that people and programs started, until they are removed or ended long ago. Past its
 * bounds it starts no more, and forgets the process that ended first.
 */
export class ProcessTable {
  readonly #deps: ProcessTableDeps;
  readonly #processes = new Map<number, KeptProcess>();
  /** The one that ended first is first. */
  readonly #ended = new Map<KeptProcess, Timer>();
  #starting = 0;
  #awake = 0;

  constructor(deps: ProcessTableDeps) {
    this.#deps = deps;
  }

  /** Kills all, and forgets them. */
  close(): void {
    for (const kept of [...this.#processes.values()]) {
      kept.kill();
      this.#forget(kept);
    }
  }

  get(pid: number, startedAtMs?: number): KeptProcess | ProcessRefusal {
    const found = this.#processes.get(pid);
    if (found !== undefined && (startedAtMs === undefined || found.startedAtMs === startedAtMs)) return found;
    return { refused: 'not_found', message: `The session has no process ${pid}. Ended ones are kept for ten minutes.` };
  }

  async answer(request: ProcessRequest): Promise<ProcessAnswer> {
    if (request.op === 'list') return { processes: [...this.#processes.values()].map(({ state }) => state) };
    if (request.op === 'start') return this.#start(request.start);
    const found = this.get(request.pid);
    if (!(found instanceof KeptProcess)) return found;
    const refusal = await this.#act(found, request);
    return refusal ?? { processes: [found.state] };
  }

  async #act(found: KeptProcess, request: Exclude<ProcessRequest, { op: 'list' | 'start' }>): Promise<ProcessRefusal | undefined> {
    if (request.op !== 'get' && request.op !== 'remove' && found.isOver)
      return { refused: 'conflict', message: `Process ${found.pid} has ended.` };
    switch (request.op) {
      case 'get':
        return undefined;
      case 'signal':
        found.signal(request.signal);
        return undefined;
      case 'resize':
        return found.resize(request) ? undefined : { refused: 'conflict', message: `Process ${found.pid} has no terminal.` };
      case 'closeStdin':
        return found.closeStdin()
          ? undefined
          : { refused: 'conflict', message: `Process ${found.pid} has a terminal: write the character 4 (ctrl-D) to it.` };
      case 'remove':
        return this.#remove(found);
      default:
        return request satisfies never;
    }
  }

  async #start(request: StartProcess): Promise<ProcessAnswer> {
    if (this.#processes.size - this.#ended.size + this.#starting >= MAX_PROCESSES.running)
      return {
        refused: 'too_many',
        message: `The session keeps ${MAX_PROCESSES.running} running processes. Remove one, or start more from within one of them.`,
      };
    this.#starting += 1;
    const started = await this.#deps.start(request).finally(() => {
      this.#starting -= 1;
    });
    if ('fault' in started) return { refused: 'not_started', message: started.fault };
    const { pid, argv, command } = started;
    // The kernel gives the pid of a process that ended to another one.
    const before = this.#processes.get(pid);
    if (before !== undefined) this.#forget(before);
    const kept: KeptProcess = new KeptProcess(pid, request, argv, command, {
      clock: this.#deps.clock,
      mayGrow: (bytes) => kept.ring.capacity + bytes <= LEAST_OUTPUT_BYTES || this.#hasRoom(bytes),
      over: (one) => this.#over(one),
    });
    this.#processes.set(pid, kept);
    this.#count();
    return { processes: [kept.state] };
  }

  #over(kept: KeptProcess): void {
    if (this.#processes.get(kept.pid) !== kept) return;
    this.#count();
    this.#ended.set(
      kept,
      this.#deps.clock.after(ENDED_KEPT_MS, () => this.#forget(kept)),
    );
    for (const first of this.#ended.keys()) {
      if (this.#ended.size <= MAX_PROCESSES.ended) return;
      this.#forget(first);
    }
  }

  #forget(kept: KeptProcess): void {
    this.#ended.get(kept)?.cancel();
    this.#ended.delete(kept);
    if (this.#processes.get(kept.pid) === kept) this.#processes.delete(kept.pid);
  }

  async #remove(kept: KeptProcess): Promise<ProcessRefusal | undefined> {
    kept.kill();
    const { clock } = this.#deps;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = clock.after(REMOVED_WITHIN_MS, resolve);
    });
    await Promise.race([kept.ended(), late]);
    timer?.cancel();
    if (!kept.isOver) return { refused: 'conflict', message: `Process ${kept.pid} was killed, and has not ended yet. Retry.` };
    this.#forget(kept);
    return undefined;
  }

  /** Drops the output of ended processes, the first first, for that of a running one. */
  #hasRoom(bytes: number): boolean {
    const used = () => [...this.#processes.values()].reduce((sum, { ring }) => sum + ring.capacity, 0);
    for (const kept of this.#ended.keys()) {
      if (used() + bytes <= MAX_OUTPUT_BYTES) return true;
      kept.ring.clear();
    }
    return used() + bytes <= MAX_OUTPUT_BYTES;
  }

  #count(): void {
    let count = 0;
    for (const one of this.#processes.values()) if (one.keepsAwake && !one.isOver) count += 1;
    if (count === this.#awake) return;
    this.#awake = count;
    this.#deps.keepingAwake?.(count);
  }
}
