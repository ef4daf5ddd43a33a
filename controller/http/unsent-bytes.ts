import type { Clock, Timer } from '../../seams/clock.ts';
import type { AccountId } from '../domain/ids.ts';

export interface UnsentBounds {
  readonly mostBytes: number;
  readonly mostOfAccountBytes: number;
}

/** Those who wait are woken while this much is free: more than any one frame takes. */
const FREE_SHARE = 0.25;
/** So many a turn. */
const WOKEN_AT_ONCE = 64;

interface Account {
  bytes: number;
  readonly waiting: Set<() => void>;
}

/**
 * How many bytes all event streams of the process have taken and their sockets have not. One account can use up its own share alone, so
 * clients that do not read delay those of their own account and no others.
 */
export class UnsentBytes {
  readonly #clock: Clock;
  readonly #bounds: UnsentBounds;
  readonly #accounts = new Map<AccountId, Account>();
  #bytes = 0;
  #waking: Timer | undefined;

  constructor(clock: Clock, bounds: UnsentBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(account: AccountId, bytes: number): boolean {
    const mine = this.#accounts.get(account)?.bytes ?? 0;
    return this.#bytes + bytes <= this.#bounds.mostBytes && (mine === 0 || mine + bytes <= this.#bounds.mostOfAccountBytes);
  }

  /** Some were taken, or (below 0) have left. */
  change(account: AccountId, by: number): void {
    const known = this.#of(account);
    known.bytes += by;
    this.#bytes += by;
    this.#tidy(account, known);
    if (by < 0) this.#wakeSoon();
  }

  /** Calls `wake` once, when it is worth trying again. */
  whenRoom(account: AccountId, wake: () => void): void {
    this.#of(account).waiting.add(wake);
    this.#wakeSoon();
  }

  forget(account: AccountId, wake: () => void): void {
    const known = this.#accounts.get(account);
    if (known?.waiting.delete(wake) === true) this.#tidy(account, known);
  }

  #wakeSoon(): void {
    if (this.#waking !== undefined || !this.#isWorthWaking()) return;
    this.#waking = this.#clock.soon(() => {
      this.#waking = undefined;
      this.#wake();
    });
  }

  #isWorthWaking(): boolean {
    if (this.#bytes > this.#bounds.mostBytes * (1 - FREE_SHARE)) return false;
    for (const account of this.#accounts.values()) if (this.#isDue(account)) return true;
    return false;
  }

  #isDue({ bytes, waiting }: Account): boolean {
    return waiting.size > 0 && bytes <= this.#bounds.mostOfAccountBytes * (1 - FREE_SHARE);
  }

  /** One of each account in turn. */
  #wake(): void {
    let left = WOKEN_AT_ONCE;
    for (let isAny = true; isAny && left > 0; ) {
      isAny = false;
      for (const [id, account] of [...this.#accounts]) {
        const wake = this.#isDue(account) && left > 0 ? account.waiting.values().next() : undefined;
        if (wake?.done !== false) continue;
        account.waiting.delete(wake.value);
        this.#tidy(id, account);
        left -= 1;
        isAny = true;
        wake.value();
      }
      if (this.#bytes > this.#bounds.mostBytes * (1 - FREE_SHARE)) return;
    }
    this.#wakeSoon();
  }

  #of(account: AccountId): Account {
    const known = this.#accounts.get(account);
    if (known !== undefined) return known;
    const made: Account = { bytes: 0, waiting: new Set() };
    this.#accounts.set(account, made);
    return made;
  }

  #tidy(id: AccountId, account: Account): void {
    if (account.bytes === 0 && account.waiting.size === 0 && this.#accounts.get(id) === account) this.#accounts.delete(id);
  }
}
