import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import type { HopKind__Output as HopKind } from '../../proto/generated/raworc/v0/HopKind.ts';
import type { Clock } from '../../seams/clock.ts';
import type { RunEnd } from '../runs/worker-host.ts';

/** Texts kept of one hop's content or answer, and of all hops of a message together, in UTF-8. */
export const MAX_TEXT_BYTES = 32 * 1024;
export const MAX_TEXTS_BYTES = 256 * 1024;

/** What agents name can be anything. */
const recordable = (agent: string) => agent.replace(/(?!^@)[^\w.-]/g, '_').slice(0, 63) || '_';

const INTERRUPTED = 'The session ended before the agent answered.';

interface Asked {
  readonly id: string;
  readonly kind: HopKind;
  readonly parent: Hop | undefined;
  readonly fromAgent: string;
  readonly toAgent: string;
  readonly content: string;
}

/** The record of what agents asked of one another for a message, in the order in which they asked. */
export class HopRecords {
  readonly #hops: Hop[];
  readonly #clock: Clock;
  readonly #askedAt = new Map<Hop, number>();
  readonly #begunAt = new Map<Hop, number>();
  #bytesLeft = MAX_TEXTS_BYTES;

  /** Adds the records to that list. */
  constructor(hops: Hop[], clock: Clock) {
    this.#hops = hops;
    this.#clock = clock;
  }

  asked({ id, kind, parent, fromAgent, toAgent, content }: Asked): Hop {
    const hop: Hop = {
      ...{
        id,
        parentId: parent?.id ?? '',
        kind,
        fromAgent,
        toAgent: recordable(toAgent),
        runId: '',
        content: '',
        answer: '',
      },
      ...{ outcome: 'OUTCOME_UNSPECIFIED', reason: '', askedAtMs: this.#clock.now(), waitedMs: 0, durationMs: 0, truncated: false },
    };
    hop.content = this.#kept(content, hop);
    this.#hops.push(hop);
    this.#askedAt.set(hop, this.#clock.monotonic());
    return hop;
  }

  begun(hop: Hop, runId: string): void {
    hop.runId = runId;
    hop.waitedMs = this.#since(this.#askedAt.get(hop));
    this.#begunAt.set(hop, this.#clock.monotonic());
  }

  /** Refused hops end too, without having begun. */
  ended(hop: Hop, end: RunEnd): void {
    hop.outcome = end.outcome === 'reply' ? 'REPLY' : 'ERROR';
    hop.reason = end.outcome === 'reply' ? '' : end.reason;
    hop.answer = this.#kept(end.content, hop);
    hop.durationMs = this.#since(this.#begunAt.get(hop));
  }

  #since(ms: number | undefined): number {
    return ms === undefined ? 0 : Math.round(this.#clock.monotonic() - ms);
  }

  #kept(text: string, hop: Hop): string {
    const kept = startOf(text.toWellFormed(), Math.min(MAX_TEXT_BYTES, this.#bytesLeft));
    this.#bytesLeft -= Buffer.byteLength(kept);
    if (kept.length < text.length) hop.truncated = true;
    return kept;
  }
}

/** Returns the most characters from the start of a text that take so many bytes. */
function startOf(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

/** Returns the hops with an end for those that have none: whatever ran them has been interrupted. */
export const withEnds = (hops: readonly Hop[]): Hop[] =>
  hops.map((hop) =>
    hop.outcome === 'OUTCOME_UNSPECIFIED' ? { ...hop, outcome: 'ERROR', reason: 'interrupted', answer: INTERRUPTED } : hop,
  );

/** Returns the hops without their texts, for an answer that does not fit with them. */
export const withoutTexts = (hops: readonly Hop[]): Hop[] =>
  hops.map((hop) => ({ ...hop, content: '', answer: '', truncated: hop.truncated || hop.content !== '' || hop.answer !== '' }));
