import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { CheckedArchive } from '../../services/agents/source-check.ts';
import type { SourceClaim } from '../../services/agents/source-store.ts';
import type { CheckRequest, FromChecker, ToChecker } from './messages.ts';

export interface SourceCheckerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * How long an idle process is kept: deploys often follow one another, and a start takes a moment.
 */
const IDLE_MS = 30_000;
const MAX_CHECK_MS = 240_000;
const HEAP_MIB = 96;
/** Buffers are small and short-lived, so a larger young generation would only waste memory. */
const YOUNG_MIB = 1;
/**
 * Threads that pack and write, and that collect garbage. With more, one check keeps two cores busy,
 * and requests find none free: at the lowest priority, a thread still finishes its turn.
 */
const THREADS = { work: 1, garbage: 1 } as const;
/** When memory runs out, the kernel kills this process instead of the controller. */
const OOM_SCORE = '800';
// main.ts in the sources, main.js once compiled.
const PROGRAM = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url));

interface Idle {
  readonly child: ChildProcess;
  readonly timer: Timer;
}

/**
 * Checks archives in separate processes of the lowest priority, so that they take neither CPU time
 * nor memory from the controller. Each process checks one archive at a time; callers bound the
 * number of checks.
 */
export class SourceChecker {
  readonly #deps: SourceCheckerDeps;
  readonly #idle: Idle[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #failures;

  constructor(deps: SourceCheckerDeps) {
    this.#deps = deps;
    this.#failures = deps.metrics.counter({
      name: 'source_checks_failed_total',
      help: 'Checks of uploaded sources that ended without a result, by reason.',
      labels: ['reason'],
    });
    deps.metrics.gauge({
      name: 'source_check_processes',
      help: 'Processes that check uploaded sources, including idle ones.',
      read: () => this.#children.size,
    });
  }

  /** UNAVAILABLE if the process dies or takes too long. Rejects on disk errors. */
  check(request: CheckRequest, claim: Pick<SourceClaim, 'spooled'>): Promise<Outcome<CheckedArchive>> {
    const child = this.#take();
    return new Promise((resolve, reject) => {
      const settle = () => {
        timer.cancel();
        child.off('message', take).off('exit', exited).off('error', failed);
      };
      const lost = (reason: 'ended' | 'timed_out', fields: Record<string, unknown>) => {
        settle();
        child.kill('SIGKILL');
        this.#failures.add(1, { reason });
        this.#deps.log.warn('source_check.failed', { reason, ...fields });
        resolve(
          refused('UNAVAILABLE', 'The check of the archive did not finish. Retry, or upload a smaller archive.', { retry_after_s: 5 }),
        );
      };
      const exited = (code: number | null, signal: string | null) => lost('ended', { code, signal });
      const failed = (error: Error) => lost('ended', { error: error.message });
      const timer = this.#deps.clock.after(MAX_CHECK_MS, () => lost('timed_out', {}));
      const take = (message: FromChecker) => {
        if ('claim' in message) return void answer(child, claim.spooled(message.claim));
        settle();
        this.#rest(child);
        if ('checked' in message) resolve(message.checked);
        else reject(Object.assign(new Error(message.fault.message), { code: message.fault.code }));
      };
      child.on('message', take).on('exit', exited).on('error', failed);
      send(child, { check: request });
    });
  }

  /** Kills the processes; checks in progress become UNAVAILABLE. */
  close(): void {
    for (const { timer } of this.#idle.splice(0)) timer.cancel();
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #take(): ChildProcess {
    const idle = this.#idle.pop();
    idle?.timer.cancel();
    const child = idle?.child ?? this.#start();
    child.ref();
    child.channel?.ref();
    return child;
  }

  #start(): ChildProcess {
    const child = fork(PROGRAM, {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`, `--v8-pool-size=${THREADS.garbage}`],
      env: environment(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#children.add(child);
    child.on('error', () => undefined);
    child.once('exit', () => this.#forget(child));
    if (child.pid === undefined) this.#children.delete(child);
    else lower(child.pid);
    return child;
  }

  #rest(child: ChildProcess): void {
    // An idle process must not keep the controller running.
    child.unref();
    child.channel?.unref();
    const timer = this.#deps.clock.after(IDLE_MS, () => {
      this.#forget(child);
      child.kill('SIGKILL');
    });
    this.#idle.push({ child, timer });
  }

  #forget(child: ChildProcess): void {
    this.#children.delete(child);
    const at = this.#idle.findIndex((idle) => idle.child === child);
    if (at >= 0) this.#idle.splice(at, 1)[0]?.timer.cancel();
  }
}

/**
 * Withholds the controller's environment: the process parses untrusted archives. From a cache of
 * compiled code it starts sooner and in half the memory, because it need not load a compiler of
 * TypeScript.
 */
function environment(): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const cache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
  return { PATH, ...cache, MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: String(THREADS.work) };
}

/** Before the process starts its threads, which inherit the priority. */
function lower(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch {
    // Ignored: the process has exited, or the kernel does not permit it.
  }
}

async function answer(child: ChildProcess, claimed: ReturnType<SourceClaim['spooled']>): Promise<void> {
  const outcome = await claimed;
  send(child, { claimed: outcome.ok ? accepted(null) : outcome });
}

/** Ignores errors: the process's exit event follows. */
function send(child: ChildProcess, message: ToChecker): void {
  child.send(message, () => undefined);
}
