import type { Random } from '../../seams/random.ts';
import { nextUid, type UidRange } from '../domain/uid-range.ts';
import type { Ledger } from '../ledger/ledger.ts';

/**
 * Assigns each session a user id, which it keeps as long as anything of it is on this node. The
 * first id is random, so that node agents with the same host and range do not collide.
 */
export class Uids {
  readonly #ledger: Ledger;
  readonly #range: UidRange;
  readonly #random: Random;
  /** Assigned, but not durable yet. */
  readonly #giving = new Map<string, { readonly uid: number; readonly written: Promise<void> }>();

  constructor(ledger: Ledger, range: UidRange, random: Random) {
    this.#ledger = ledger;
    this.#range = range;
    this.#random = random;
  }

  /** Resolves to the id once it is durable; to undefined if every id of the range is in use. */
  async of(sessionId: string): Promise<number | undefined> {
    const known = this.#ledger.uid(sessionId);
    if (known !== undefined) return known;
    const giving = this.#giving.get(sessionId);
    if (giving !== undefined) return giving.written.then(() => giving.uid);
    const taken = new Set([...this.#ledger.uids(), ...[...this.#giving.values()].map(({ uid }) => uid)]);
    const uid = nextUid(this.#range, this.#newest(), (one) => taken.has(one));
    if (uid === undefined) return undefined;
    const written = this.#ledger.setUid(sessionId, uid).finally(() => this.#giving.delete(sessionId));
    this.#giving.set(sessionId, { uid, written });
    await written;
    return uid;
  }

  #newest(): number {
    const giving = [...this.#giving.values()].at(-1)?.uid ?? this.#ledger.newestUid;
    const { first, last } = this.#range;
    return giving ?? first + Math.floor(this.#random.fraction() * (last - first + 1));
  }
}
