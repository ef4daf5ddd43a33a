import { isDeepStrictEqual } from 'node:util';
import type { AgentSpec__Output as AgentSpec } from '../../proto/generated/raworc/v0/AgentSpec.ts';
import type { LiveWorker__Output as LiveWorker } from '../../proto/generated/raworc/v0/LiveWorker.ts';
import type { Clock } from '../../seams/clock.ts';
import { LiveWorkers } from './live-workers.ts';
import type { Setup, Worker, WorkerHost } from './worker-host.ts';

/** In a session with more agents, each starts with its first message. */
const MAX_AHEAD = 2;

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
  /** By agent, then by slot. */
  readonly #started = new Map<string, Map<number, Started>>();
  readonly #live: LiveWorkers;
  readonly #lives = new Map<string, number>();
  readonly #numbers = new WeakMap<Worker, number>();
  #startedAhead = false;

  /** Calls `onChange` whenever the set of live workers changes. */
  constructor({ clock, workers }: { readonly clock: Clock; readonly workers: WorkerHost }, onChange: () => void) {
    this.#host = workers;
    this.#live = new LiveWorkers(clock, onChange);
  }

  /** Returns the agent's process if it outlives its runs and its setup has not changed. */
  kept(spec: AgentSpec, setup: Setup, slot: number): Worker | undefined {
    const worker = this.#usable(spec, setup, slot);
    return worker?.ended === undefined ? undefined : worker;
  }

  /** Returns a worker for the agent's next run, started if none is usable. */
  ready(spec: AgentSpec, setup: Setup, slot: number): Worker {
    const usable = this.#usable(spec, setup, slot);
    if (usable) return usable;
    const slots = this.#started.get(spec.name) ?? new Map<number, Started>();
    this.#started.set(spec.name, slots);
    slots.get(slot)?.worker.kill();
    const worker = this.#host.start(spec, setup);
    slots.set(slot, { worker, spec, setup });
    if (worker.ended !== undefined) this.#live.begun(spec.name, worker);
    void worker.ended?.then(() => this.#live.over(worker));
    return worker;
  }

  /** Starts the processes of a few agents before they are needed. Once only: an agent can have been stopped since. */
  startAhead(setup: Setup): void {
    if (this.#startedAhead || setup.agents.length > MAX_AHEAD) return;
    this.#startedAhead = true;
    for (const spec of setup.agents) if (spec.runtime !== 'NATIVE') this.ready(spec, setup, 0);
  }

  /** Records that the worker is now running the agent's code. */
  runBegins(agent: string, worker: Worker): void {
    this.#live.begun(agent, worker);
  }

  /** A worker with a new process for each run does not outlive the run. */
  runEnds(worker: Worker): void {
    if (worker.ended === undefined) this.#live.over(worker);
  }

  /** Returns the agents with workers that the session no longer has. */
  unknownTo({ agents }: Pick<Setup, 'agents'>): string[] {
    return [...this.#started.keys()].filter((one) => !agents.some(({ name }) => name === one));
  }

  end(agent: string): void {
    for (const { worker } of this.#started.get(agent)?.values() ?? []) worker.kill();
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
    const known = worker.ended === undefined ? undefined : this.#numbers.get(worker);
    if (known !== undefined) return known;
    const number = (this.#lives.get(agent) ?? 0) + 1;
    this.#lives.set(agent, number);
    this.#numbers.set(worker, number);
    return number;
  }

  #usable(spec: AgentSpec, setup: Setup, slot: number): Worker | undefined {
    const started = this.#started.get(spec.name)?.get(slot);
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
