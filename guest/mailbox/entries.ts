import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import type { Deliver__Output as Deliver } from '../../proto/generated/raworc/v0/Deliver.ts';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';

/**
 * How many ids of settled messages are remembered, to recognize late copies that the watermark does
 * not cover.
 */
const SETTLED_KEPT = 1024;

export interface Entry {
  readonly message: Deliver;
  /** Size of its content, its context, and what a model gets to choose an agent. */
  readonly bytes: number;
  /** Resolves once the message is durable. */
  taken: Promise<void>;
  durable: boolean;
  /** The newest run that was started. */
  runId: string | undefined;
  /** What agents asked of one another in that run, in order. */
  hops: Hop[];
  answer: Answer | undefined;
  /** The answer can be sent: it is being written, or durable. */
  answered: boolean;
}

export function newEntry(message: Deliver, durable: boolean): Entry {
  const routing = message.router === null ? 0 : JSON.stringify(message.router).length;
  const bytes = Buffer.byteLength(message.content) + Buffer.byteLength(message.contextJson) + routing;
  return { message, bytes, taken: Promise.resolve(), durable, runId: undefined, hops: [], answer: undefined, answered: false };
}

/**
 * The messages of a mailbox in memory, from their delivery until their answer is settled, and the
 * ids of those settled last.
 */
export class Entries {
  readonly #entries = new Map<string, Entry>();
  readonly #settled = new Set<string>();

  get(messageId: string): Entry | undefined {
    return this.#entries.get(messageId);
  }

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get settledIds(): Iterable<string> {
    return this.#settled;
  }

  knows(messageId: string): boolean {
    return this.#entries.has(messageId) || this.#settled.has(messageId);
  }

  set(entry: Entry): void {
    this.#entries.set(entry.message.messageId, entry);
  }

  delete(messageId: string): void {
    this.#entries.delete(messageId);
  }

  settle(messageId: string): void {
    this.#entries.delete(messageId);
    this.#settled.add(messageId);
    if (this.#settled.size <= SETTLED_KEPT) return;
    for (const oldest of this.#settled) {
      this.#settled.delete(oldest);
      break;
    }
  }

  /** Returns the durable message of the lowest seq that has no answer and is not in progress. */
  next(isInProgress: (messageId: string) => boolean): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const { messageId, seq } = entry.message;
      if (entry.durable && !entry.answer && (!first || seq < first.message.seq) && !isInProgress(messageId)) first = entry;
    }
    return first;
  }

  /**
   * Returns the answers that can be sent by seq, up to the first message without one: the refusal of a
   * message that did not fit must not overtake the answer of an earlier one that still runs. Runs of
   * an agent that answers several messages at once can be overtaken.
   */
  answers(isConcurrent: (agent: string) => boolean): Answer[] {
    const answers: Answer[] = [];
    for (const { answer, answered, runId, message } of this.all().toSorted((a, b) => a.message.seq - b.message.seq)) {
      if (answer && answered) answers.push(answer);
      else if (runId === undefined || !isConcurrent(message.agent)) break;
    }
    return answers;
  }

  /** Whether a message waits that is not in progress, durable or not yet. */
  hasWaiting(isInProgress: (messageId: string) => boolean): boolean {
    for (const { answer, message } of this.#entries.values()) if (!answer && !isInProgress(message.messageId)) return true;
    return false;
  }

  /** Counts the messages without an answer, and their bytes. */
  backlog(): { count: number; bytes: number } {
    let count = 0;
    let bytes = 0;
    for (const entry of this.#entries.values()) {
      if (entry.answer) continue;
      count += 1;
      bytes += entry.bytes;
    }
    return { count, bytes };
  }

  /**
   * Restores a message from the journal. Of an answered message, the journal keeps only the
   * position, written after the answer.
   */
  restoreMessage(message: Deliver): void {
    const answered = this.#entries.get(message.messageId);
    this.set(answered ? { ...answered, message } : newEntry(message, true));
  }

  /** Restores the start of a run from the journal, or the newest record of one of its hops. */
  restoreRun(messageId: string, runId: string, hop: Hop | null): void {
    const entry = this.#entries.get(messageId);
    if (!entry) return;
    entry.runId = runId;
    if (hop === null) {
      entry.hops = [];
      return;
    }
    const at = entry.hops.findIndex(({ id }) => id === hop.id);
    if (at >= 0) entry.hops[at] = hop;
    else entry.hops.push(hop);
  }

  /** Restores an answer from the journal, perhaps before its message. */
  restoreAnswer(answer: Answer): void {
    const { sessionId, generation, messageId, agent } = answer;
    const message = {
      sessionId,
      generation,
      seq: 0,
      messageId,
      agent,
      content: '',
      contextJson: '',
      afterSeq: 0,
      secretsVersion: 0,
      agents: [],
      router: null,
    };
    const entry = this.#entries.get(messageId) ?? newEntry(message, true);
    entry.answer = answer;
    entry.answered = true;
    this.set(entry);
  }
}
