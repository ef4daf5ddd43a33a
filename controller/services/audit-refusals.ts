import type { Clock, Timer } from '../../seams/clock.ts';
import type { Counter, Metrics } from '../../seams/metrics.ts';
import type { Attribution } from '../domain/audit.ts';
import type { RefusalCode } from '../domain/outcome.ts';

/** What a minute of refusals may write. What is beyond is counted, and written as one record for each caller and kind. */
export const REFUSAL_BOUNDS = { ofOneCaller: 5, ofAll: 300, callers: 200 } as const;
const WINDOW_MS = 60_000;

interface Kind {
  readonly attribution: Attribution;
  readonly code: RefusalCode;
  seen: number;
  unwritten: number;
}

export type WriteRefusal = (attribution: Attribution, code: RefusalCode, count: number) => void;

/**
 * Paces the records of refused requests, so that strangers cannot fill the store with them: in each minute the first few of a caller
 * and kind are written one by one, and the rest as counts when the minute ends. Callers beyond the bound share one count.
 */
export class AuditRefusals {
  readonly #clock: Clock;
  readonly #write: WriteRefusal;
  readonly #counted: Counter<'written'>;
  readonly #kinds = new Map<string, Kind>();
  #written = 0;
  #timer: Timer | undefined;

  constructor({ clock, metrics, write }: { clock: Clock; metrics: Metrics; write: WriteRefusal }) {
    this.#clock = clock;
    this.#write = write;
    this.#counted = metrics.counter({
      name: 'audit_refusals_total',
      help: 'Refused requests for the audit record: written one by one, or counted together.',
      labels: ['written'],
    });
  }

  add(attribution: Attribution, code: RefusalCode): void {
    this.#timer ??= this.#clock.after(WINDOW_MS, () => this.flush());
    const kind = this.#kindOf(attribution, code);
    kind.seen += 1;
    const isWritten = kind.seen <= REFUSAL_BOUNDS.ofOneCaller && this.#written < REFUSAL_BOUNDS.ofAll;
    this.#counted.add(1, { written: isWritten ? 'single' : 'counted' });
    if (!isWritten) kind.unwritten += 1;
    else {
      this.#written += 1;
      this.#write(attribution, code, 1);
    }
  }

  /** Writes what is counted, and begins another minute. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { attribution, code, unwritten } of this.#kinds.values()) if (unwritten > 0) this.#write(attribution, code, unwritten);
    this.#kinds.clear();
    this.#written = 0;
  }

  #kindOf(attribution: Attribution, code: RefusalCode): Kind {
    const { actor, address, action } = attribution;
    const key = JSON.stringify([actor.id ?? address, action, code]);
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const isFull = this.#kinds.size >= REFUSAL_BOUNDS.callers;
    const shared = isFull ? this.#kinds.get('others') : undefined;
    if (shared !== undefined) return shared;
    // One record cannot name things that differ.
    const others: Attribution = {
      actor: { type: 'Anonymous', id: null, name: null },
      ...{ credential: null, address: null, requestId: null, action: 'various' },
      thing: { kind: 'various', ref: null, space: null },
    };
    const made = { attribution: isFull ? others : attribution, code, seen: isFull ? REFUSAL_BOUNDS.ofOneCaller : 0, unwritten: 0 };
    this.#kinds.set(isFull ? 'others' : key, made);
    return made;
  }
}
