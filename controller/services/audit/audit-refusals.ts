import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import type { Attribution } from '../../domain/audit/audit.ts';

/** What a minute of refusals may write. What is beyond is counted, and written as one record for each caller and kind. */
export const REFUSAL_BOUNDS = {
  ofOneCaller: 5,
  kindsOfOneCaller: 100,
  strangers: { ofAll: 300, kinds: 200 },
  known: { ofAll: 300, kinds: 1000 },
} as const;

type Bounds = (typeof REFUSAL_BOUNDS)['strangers' | 'known'];
const WINDOW_MS = 60_000;

interface Kind {
  readonly attribution: Attribution;
  readonly code: RefusalCode;
  seen: number;
  unwritten: number;
}

export type WriteRefusal = (attribution: Attribution, code: RefusalCode, count: number) => void;

/**
 * Paces the records of refused requests, so that nobody can fill the store with them: in each minute the first few of a caller
 * and kind are written one by one, and the rest as counts when the minute ends. One caller with many kinds shares one count that still names it, and callers
 * beyond the bound share another. Known callers and strangers have bounds of their own: no stranger hides what an account tries.
 */
export class AuditRefusals {
  readonly #clock: Clock;
  readonly #known: Minute;
  readonly #strangers: Minute;
  #timer: Timer | undefined;

  constructor({ clock, metrics, write }: { clock: Clock; metrics: Metrics; write: WriteRefusal }) {
    this.#clock = clock;
    const counted = metrics.counter({
      name: 'audit_refusals_total',
      help: 'Refused requests for the audit record: written one by one, or counted together.',
      labels: ['written'],
    });
    this.#known = new Minute(REFUSAL_BOUNDS.known, write, counted);
    this.#strangers = new Minute(REFUSAL_BOUNDS.strangers, write, counted);
  }

  add(attribution: Attribution, code: RefusalCode): void {
    this.#timer ??= this.#clock.after(WINDOW_MS, () => this.flush());
    (attribution.actor.type === 'Anonymous' ? this.#strangers : this.#known).add(attribution, code);
  }

  /** Writes what is counted, and begins another minute. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#known.end();
    this.#strangers.end();
  }
}

/** One record cannot name things that differ. */
const VARIOUS = { action: 'various', requestId: null, thing: { kind: 'various', ref: null, space: null } } as const;
const OTHERS = { actor: { type: 'Anonymous', id: null, name: null }, credential: null, address: null, ...VARIOUS } as const;

class Minute {
  readonly #bounds: Bounds;
  readonly #write: WriteRefusal;
  readonly #counted: Counter<'written'>;
  readonly #kinds = new Map<string, Kind>();
  readonly #kindsOf = new Map<string, number>();
  #written = 0;

  constructor(bounds: Bounds, write: WriteRefusal, counted: Counter<'written'>) {
    this.#bounds = bounds;
    this.#write = write;
    this.#counted = counted;
  }

  add(attribution: Attribution, code: RefusalCode): void {
    const kind = this.#kindOf(attribution, code);
    kind.seen += 1;
    const isWritten = kind.seen <= REFUSAL_BOUNDS.ofOneCaller && this.#written < this.#bounds.ofAll;
    this.#counted.add(1, { written: isWritten ? 'single' : 'counted' });
    if (!isWritten) kind.unwritten += 1;
    else {
      this.#written += 1;
      this.#write(attribution, code, 1);
    }
  }

  end(): void {
    for (const { attribution, code, unwritten } of this.#kinds.values()) if (unwritten > 0) this.#write(attribution, code, unwritten);
    this.#kinds.clear();
    this.#kindsOf.clear();
    this.#written = 0;
  }

  #kindOf(attribution: Attribution, code: RefusalCode): Kind {
    const { actor, address, action } = attribution;
    const caller = JSON.stringify([actor.id ?? address]);
    const known = this.#kinds.get(`${caller} ${action} ${code}`);
    if (known !== undefined) return known;
    const kinds = this.#kindsOf.get(caller) ?? 0;
    const hasMany = kinds >= REFUSAL_BOUNDS.kindsOfOneCaller;
    const shared = hasMany ? this.#kinds.get(caller) : undefined;
    if (shared !== undefined) return shared;
    if (this.#kinds.size >= this.#bounds.kinds) return this.#kinds.get('others') ?? this.#make('others', OTHERS, code, true);
    if (hasMany) return this.#make(caller, { ...attribution, ...VARIOUS }, code, true);
    this.#kindsOf.set(caller, kinds + 1);
    return this.#make(`${caller} ${action} ${code}`, attribution, code, false);
  }

  #make(key: string, attribution: Attribution, code: RefusalCode, isShared: boolean): Kind {
    const made: Kind = { attribution, code, seen: isShared ? REFUSAL_BOUNDS.ofOneCaller : 0, unwritten: 0 };
    this.#kinds.set(key, made);
    return made;
  }
}
