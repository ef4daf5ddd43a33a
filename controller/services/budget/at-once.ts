import { type AtOnceLimits, FEW } from './limits.ts';
import { keyIn, type Payer, SCOPES, type Scope } from './payer.ts';

/** Releases what was acquired. Further calls do nothing. */
export type Release = () => void;

/** The limit that a payer hit, and how much it allows. */
export interface Limit {
  readonly scope: Scope;
  readonly most: number;
}

/** Counts what is in use at once, per scope. */
export class AtOnce {
  readonly #limits: AtOnceLimits;
  /** The scopes with a limit, each with the amount in use per key. */
  readonly #held: readonly { readonly scope: Scope; readonly most: number; readonly amounts: Map<string, number> }[];
  #total = 0;

  constructor(limits: AtOnceLimits) {
    this.#limits = limits;
    this.#held = SCOPES.flatMap((scope) => {
      const most = limits[scope];
      return scope === 'process' || most === undefined ? [] : [{ scope, most, amounts: new Map<string, number>() }];
    });
  }

  get total(): number {
    return this.#total;
  }

  /** Number of keys in all scopes. */
  get keys(): number {
    return this.#held.reduce((sum, { amounts }) => sum + amounts.size, 0);
  }

  /** Returns the first limit that this amount would exceed, or undefined. */
  limitFor(payer: Payer, amount: number): Limit | undefined {
    for (const { scope, most, amounts } of this.#held) {
      const key = keyIn(scope, payer);
      if (key === undefined) continue;
      const allowed = scope === 'account' && payer.standing === 'outsider' ? Math.min(most, this.#limits.outsider ?? most) : most;
      if ((amounts.get(key) ?? 0) + amount > allowed) return { scope, most: allowed };
    }
    const most = this.#limits.process - this.#reservedFrom(payer);
    return this.#total + amount > most ? { scope: 'process', most } : undefined;
  }

  /**
   * Acquires an amount. Call it only after {@link limitFor} returned undefined, in the same turn.
   */
  hold(payer: Payer, amount: number): Release {
    this.#change(payer, amount);
    let isHeld = true;
    return () => {
      if (isHeld) this.#change(payer, -amount);
      isHeld = false;
    };
  }

  #reservedFrom({ standing, account }: Payer): number {
    const { admins = 0, few = 0 } = this.#limits;
    if (standing === 'admin') return 0;
    const mine = account === undefined ? 0 : (this.#held.find(({ scope }) => scope === 'account')?.amounts.get(account) ?? 0);
    return mine < FEW && standing === 'member' ? admins : admins + few;
  }

  #change(payer: Payer, by: number): void {
    this.#total += by;
    for (const { scope, amounts } of this.#held) {
      const key = keyIn(scope, payer);
      if (key === undefined) continue;
      const now = (amounts.get(key) ?? 0) + by;
      if (now === 0) amounts.delete(key);
      else amounts.set(key, now);
    }
  }
}
