import type { AccountId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';

export interface PlaceBounds {
  /** Of the whole process. */
  readonly most: number;
  readonly mostOfAccount: number;
  /** The last so many are only for accounts that hold fewer than `small`: one that takes all it can leaves the others some. */
  readonly reserved: number;
  readonly small: number;
}

/** Gives the place back; more than once is once. */
export type Release = () => void;

/** Counts what is open at once, in the process and for each account, and refuses what would be too many. */
export class Places {
  readonly #what: string;
  readonly #bounds: PlaceBounds;
  readonly #onRefused: (by: 'process' | 'account') => void;
  readonly #taken = new Map<AccountId, number>();
  #size = 0;

  /** `what` is what a refusal calls them, such as "open streams". */
  constructor(what: string, bounds: PlaceBounds, onRefused: (by: 'process' | 'account') => void = () => undefined) {
    this.#what = what;
    this.#bounds = bounds;
    this.#onRefused = onRefused;
  }

  get size(): number {
    return this.#size;
  }

  take(account: AccountId): Outcome<Release> {
    const { most, mostOfAccount, reserved, small } = this.#bounds;
    const mine = this.#taken.get(account) ?? 0;
    if (mine >= mostOfAccount)
      return this.#refuse('account', `Your account has ${mine} ${this.#what}, which is the limit. Close some first.`);
    if (this.#size >= (mine < small ? most : most - reserved)) {
      return this.#refuse('process', `The controller has too many ${this.#what}. Retry in a few seconds.`);
    }
    this.#change(account, 1);
    let isHeld = true;
    return accepted(() => {
      if (isHeld) this.#change(account, -1);
      isHeld = false;
    });
  }

  #change(account: AccountId, by: 1 | -1): void {
    const mine = (this.#taken.get(account) ?? 0) + by;
    if (mine === 0) this.#taken.delete(account);
    else this.#taken.set(account, mine);
    this.#size += by;
  }

  #refuse(by: 'process' | 'account', message: string): Outcome<never> {
    this.#onRefused(by);
    return refused('RATE_LIMITED', message, { retry_after_s: 5 });
  }
}
