import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import type { Attribution } from '../../domain/audit/audit.ts';

/**
 * Records that refusals can add per minute. Further ones are counted, and written as one record per
 * caller and kind.
 */
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
 * Limits the audit records of refused requests, so that no client can fill the store with them. In
 * each minute the first few of a caller and kind are written one by one; the rest becomes counts
 * when the minute ends. A caller with many kinds gets one shared count that still names it; callers
 * beyond the bound share another. Known callers and strangers have separate bounds, so that
 * strangers cannot hide what an account tries.
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
      help: 'Refused requests in the audit record: written one by one, or counted together.',
      labels: ['written'],
    });
    this.#known = new Minute(REFUSAL_BOUNDS.known, write, counted);
    this.#strangers = new Minute(REFUSAL_BOUNDS.strangers, write, counted);
  }

  add(attribution: Attribution, code: RefusalCode): void {
    this.#timer ??= this.#clock.after(WINDOW_MS, () => this.flush());
    (attribution.actor.type === 'Anonymous' ? this.#strangers : this.#known).add(attribution, code);
  }

  /** Writes the counts and starts a new minute. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#known.end();
    this.#strangers.end();
  }
}

/** One record cannot name several resources. */
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
