import type { Duplex } from 'node:stream';
import type { Peers } from '../runs/worker-host.ts';

/** Asks of one run, refused ones included. No agent that looks at its answers comes near. */
const MAX_ASKS = 1000;
/** Bytes of answers that a worker has not read yet. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

/** Passes what a run asks on to the other agents, and writes their answers to its worker. */
export class RunAsks {
  readonly #runId: string;
  readonly #peers: Peers;
  readonly #channel: Duplex | undefined;
  readonly #dropped = new Map<number, AbortController>();
  #count = 0;
  #isOver = false;

  constructor(runId: string, peers: Peers, channel: Duplex | undefined) {
    this.#runId = runId;
    this.#peers = peers;
    this.#channel = channel;
  }

  /** Returns false for a worker that asks without end, or without reading. */
  ask(ask: number, agent: string, content: string): boolean {
    this.#count += 1;
    if (this.#count > MAX_ASKS || (this.#channel?.writableLength ?? 0) > MAX_UNREAD_BYTES) return false;
    const dropped = new AbortController();
    this.#dropped.set(ask, dropped);
    void this.#peers.ask(agent, content, dropped.signal).then((end) => {
      this.#dropped.delete(ask);
      if (this.#isOver) return;
      const answer = end.outcome === 'reply' ? { content: end.content } : { reason: end.reason, message: end.content };
      this.#channel?.write(`${JSON.stringify({ type: 'answer', run: this.#runId, ask, ...answer })}\n`);
    });
    return true;
  }

  /** The run does not wait for that answer any more. */
  drop(ask: number): void {
    this.#dropped.get(ask)?.abort();
  }

  /** The run has ended: answers still to come are for nobody. */
  end(): void {
    this.#isOver = true;
  }
}
