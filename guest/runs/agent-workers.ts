import { isDeepStrictEqual } from 'node:util';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { LiveWorker__Output as LiveWorker } from '../../proto/generated/raworc/v0/LiveWorker.ts';
import type { Clock } from '../../seams/clock.ts';
import { LiveWorkers } from './live-workers.ts';
import type { Setup, Worker, WorkerHost } from './worker-host.ts';

interface Started {
  readonly worker: Worker;
  readonly spec: AgentSpec;
  readonly setup: Setup;
}

/**
 * The workers of the agents. Each is started when needed, and replaced when its agent or
 * environment changes.
 */
export class AgentWorkers {
  readonly #host: WorkerHost;
  readonly #started = new Map<string, Started>();
  readonly #live: LiveWorkers;
  readonly #lives = new Map<string, { readonly worker: Worker; readonly number: number }>();

  /** Calls `onChange` whenever the set of live workers changes. */
  constructor({ clock, workers }: { readonly clock: Clock; readonly workers: WorkerHost }, onChange: () => void) {
    this.#host = workers;
    this.#live = new LiveWorkers(clock, onChange);
  }

  /** Returns the agent's process if it outlives its runs and its setup has not changed. */
  kept(spec: AgentSpec, setup: Setup): Worker | undefined {
    const worker = this.#usable(spec, setup);
    return worker?.ended === undefined ? undefined : worker;
  }

  /** Returns a worker for the agent's next run, started if none is usable. */
  ready(spec: AgentSpec, setup: Setup): Worker {
    const usable = this.#usable(spec, setup);
    if (usable) return usable;
    this.#started.get(spec.name)?.worker.kill();
    const worker = this.#host.start(spec, setup);
    this.#started.set(spec.name, { worker, spec, setup });
    if (worker.ended !== undefined) this.#live.begun(spec.name, worker);
    void worker.ended?.then(() => this.#live.over(spec.name, worker));
    return worker;
  }

  /** Records that the worker is now running the agent's code. */
  runBegins(agent: string, worker: Worker): void {
    this.#live.begun(agent, worker);
  }

  /** A worker with a new process for each run does not outlive the run. */
  runEnds(agent: string, worker: Worker): void {
    if (worker.ended === undefined) this.#live.over(agent, worker);
  }

  end(agent: string): void {
    this.#started.get(agent)?.worker.kill();
    this.#started.delete(agent);
  }

  alive(): LiveWorker[] {
    return this.#live.all();
  }

  /**
   * Returns how many processes the agent has had since the session started. A process per run
   * counts each time.
   */
  lifeOf(agent: string, worker: Worker): number {
    const last = this.#lives.get(agent);
    if (last?.worker === worker && worker.ended !== undefined) return last.number;
    const number = (last?.number ?? 0) + 1;
    this.#lives.set(agent, { worker, number });
    return number;
  }

  #usable(spec: AgentSpec, setup: Setup): Worker | undefined {
    const started = this.#started.get(spec.name);
    return started?.worker.alive && (started.setup === setup || isSame(spec, setup, started)) ? started.worker : undefined;
  }
}

function isSame(spec: AgentSpec, setup: Setup, started: Started): boolean {
  return (
    isDeepStrictEqual(spec, started.spec) &&
    setup.space === started.setup.space &&
    isDeepStrictEqual(setup.environment, started.setup.environment)
  );
}
