import type { Clock, Timer } from '../../../seams/clock.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

export interface UnsentBounds {
  readonly maxBytes: number;
  readonly maxOfAccountBytes: number;
}

/** Per turn of the event loop. */
const WOKEN_AT_ONCE = 64;

interface Account {
  bytes: number;
  /** Waiting streams with the bytes they need. */
  readonly waiting: Map<() => void, number>;
}

/**
 * Counts the unsent bytes of all event streams. Each account has a share of its own, so that
 * clients that do not read delay only their own account.
 */
export class UnsentBytes {
  readonly #clock: Clock;
  readonly #bounds: UnsentBounds;
  readonly #accounts = new Map<AccountId, Account>();
  #bytes = 0;
  #waiting = 0;
  #waking: Timer | undefined;

  constructor(clock: Clock, bounds: UnsentBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * An account without unsent bytes always gets one frame of any size, so that others cannot stall
   * it.
   */
  hasRoom(account: AccountId, bytes: number): boolean {
    return this.#fits(this.#accounts.get(account)?.bytes ?? 0, bytes);
  }

  /** Adds unsent bytes, or removes sent ones (negative). */
  change(account: AccountId, by: number): void {
    const known = this.#of(account);
    known.bytes += by;
    this.#bytes += by;
    this.#tidy(account, known);
    if (by < 0) this.#wakeSoon();
  }

  /** Calls `wake` once there is room for this many bytes. */
  whenRoom(account: AccountId, bytes: number, wake: () => void): void {
    const { waiting } = this.#of(account);
    if (!waiting.has(wake)) this.#waiting += 1;
    waiting.set(wake, bytes);
    this.#wakeSoon();
  }

  forget(account: AccountId, wake: () => void): void {
    const known = this.#accounts.get(account);
    if (known?.waiting.delete(wake) !== true) return;
    this.#waiting -= 1;
    this.#tidy(account, known);
  }

  #wakeSoon(): void {
    if (this.#waking !== undefined || this.#waiting === 0) return;
    this.#waking = this.#clock.soon(() => {
      this.#waking = undefined;
      this.#wake();
    });
  }

  #fits(mine: number, bytes: number): boolean {
    const { maxBytes, maxOfAccountBytes } = this.#bounds;
    return mine === 0 || (this.#bytes + bytes <= maxBytes && mine + bytes <= maxOfAccountBytes);
  }

  /**
   * Wakes streams round-robin by account, as many as there is room for. They take the room later.
   */
  #wake(): void {
    const { maxBytes, maxOfAccountBytes } = this.#bounds;
    let free = maxBytes - this.#bytes;
    const accounts = [...this.#accounts].map(([id, account]) => ({
      id,
      account,
      free: maxOfAccountBytes - account.bytes,
      isIdle: account.bytes === 0,
    }));
    let left = WOKEN_AT_ONCE;
    for (let isAny = true; isAny && left > 0; ) {
      isAny = false;
      for (const one of accounts) {
        const [first] = one.account.waiting;
        if (first === undefined || left === 0) continue;
        const [wake, bytes] = first;
        if (!one.isIdle && (bytes > free || bytes > one.free)) continue;
        one.isIdle = false;
        one.free -= bytes;
        free -= bytes;
        one.account.waiting.delete(wake);
        this.#waiting -= 1;
        this.#tidy(one.id, one.account);
        left -= 1;
        isAny = true;
        wake();
      }
    }
    // Woken streams can leave their room unused. If none was woken, some bytes have to be sent
    // first.
    if (left < WOKEN_AT_ONCE) this.#wakeSoon();
  }

  #of(account: AccountId): Account {
    const known = this.#accounts.get(account);
    if (known !== undefined) return known;
    const made: Account = { bytes: 0, waiting: new Map() };
    this.#accounts.set(account, made);
    return made;
  }

  #tidy(id: AccountId, account: Account): void {
    if (account.bytes === 0 && account.waiting.size === 0 && this.#accounts.get(id) === account) this.#accounts.delete(id);
  }
}
