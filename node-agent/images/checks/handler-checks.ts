import { createHash } from 'node:crypto';
import type { BuildProgress } from '../../builds/progress.ts';
import type { BuildEngine } from '../../engine/build-engine.ts';
import { type CheckedImage, checkHandlers } from './check-handlers.ts';

type CheckedAgent = CheckedImage['agents'][number] & {
  /** Names all that its handler can import: the base image, its source and its dependencies. */
  readonly content: string;
};

/** Handlers that are remembered: some 64 bytes each. */
const REMEMBERED = 10_000;

/**
 * Checks handlers of finished images, and remembers those that were loaded: an agent that has not
 * changed is not loaded again. A process that starts anew checks all once more.
 */
export class HandlerChecks {
  readonly #engine: BuildEngine;
  /** In the order in which they were last seen. */
  readonly #loaded = new Set<string>();

  constructor(engine: BuildEngine) {
    this.#engine = engine;
  }

  /** Returns why a handler cannot be used; undefined if all can. */
  async faultIn(
    image: Omit<CheckedImage, 'agents'> & { readonly agents: readonly CheckedAgent[] },
    progress: BuildProgress,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const keys = new Map(image.agents.map((agent) => [agent.name, keyOf(agent)]));
    const changed: CheckedAgent[] = [];
    for (const agent of image.agents) {
      const key = keys.get(agent.name) ?? '';
      if (!this.#loaded.has(key)) changed.push(agent);
      else {
        progress.print(`${agent.name}: its handler was loaded before, and nothing of it has changed`);
        this.#remember(key);
      }
    }
    if (changed.length === 0) return undefined;
    return checkHandlers(this.#engine, { ...image, agents: changed }, progress, signal, (name) => this.#remember(keys.get(name)));
  }

  #remember(key: string | undefined): void {
    if (key === undefined) return;
    this.#loaded.delete(key);
    this.#loaded.add(key);
    const [oldest] = this.#loaded;
    if (this.#loaded.size > REMEMBERED && oldest !== undefined) this.#loaded.delete(oldest);
  }
}

/** The name is part of where the agent is in the image. */
const keyOf = ({ name, runtime, handler, content }: CheckedAgent) =>
  createHash('sha256')
    .update(JSON.stringify([name, runtime, handler, content]))
    .digest('base64');
