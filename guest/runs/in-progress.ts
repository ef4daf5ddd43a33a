import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Working } from './worker-run.ts';

/**
 * The messages in progress, by id. Messages begin by seq: one at a time, or several of an agent whose
 * manifest allows it, each with a worker of its own (`slot`).
 */
export class InProgress {
  readonly #working = new Map<string, Working>();

  get size(): number {
    return this.#working.size;
  }

  get(messageId: string): Working | undefined {
    return this.#working.get(messageId);
  }

  all(): readonly Working[] {
    return [...this.#working.values()];
  }

  of(agent: string): readonly Working[] {
    return this.all().filter((working) => working.agent === agent);
  }

  canBegin(agent: string, concurrency: number): boolean {
    const mine = this.of(agent).length;
    return mine === this.#working.size && mine < Math.max(1, concurrency);
  }

  freeSlot(agent: string): number {
    const taken = new Set(this.of(agent).map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    return slot;
  }

  add({ messageId, agent }: Entry['message']): Working {
    const slot = this.freeSlot(agent);
    const working: Working = { messageId, agent, slot, worker: undefined, interrupted: false, cancelled: undefined };
    this.#working.set(messageId, working);
    return working;
  }

  delete(messageId: string): void {
    this.#working.delete(messageId);
  }

  /** The messages that agents' code is working on. */
  get running(): ReadonlySet<string> {
    return new Set(this.all().flatMap(({ worker, messageId }) => (worker === undefined ? [] : [messageId])));
  }

  /** The runs that this process began and that have no answer yet. */
  begun(mailbox: Mailbox, begun: ReadonlySet<string>): { messageId: string; runId: string; agent: string }[] {
    return this.all().flatMap(({ messageId, agent }) => {
      const { runId, answer, message } = mailbox.get(messageId) ?? {};
      // Hosts know a message's first run only.
      return runId !== undefined && begun.has(runId) && !answer && agent === message?.agent ? [{ messageId, runId, agent }] : [];
    });
  }

  interrupt(which: readonly Working[]): void {
    for (const working of which) {
      if (this.#working.get(working.messageId) !== working) continue;
      working.interrupted = true;
      working.worker?.interrupt();
    }
  }
}
