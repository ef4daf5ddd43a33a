import type { Context, Next } from 'koa';
import type { SpaceId } from '../domain/ids.ts';
import type { Proof } from '../services/access-api.ts';
import type { Release } from '../services/budget/at-once.ts';
import type { Budgets } from '../services/budget/budgets.ts';
import type { RateName } from '../services/budget/limits.ts';
import { type Payer, standingOf } from '../services/budget/payer.ts';
import type { Caller } from '../services/caller.ts';
import type { NetworkOf } from './client-address.ts';
import { refuse } from './errors.ts';
import { setRateHeaders } from './rate-headers.ts';

/** Where a request's state keeps who pays, and its place among the requests in progress. */
const PAYER = 'payer';
const PLACE = 'place';

/** Throws where nobody was admitted. */
export function payerIn(ctx: Context): Payer {
  const payer: Payer | undefined = ctx.state[PAYER];
  if (payer === undefined) throw new Error('The request was not admitted');
  return payer;
}

/** The space pays too. */
export function workIn(ctx: Context, space: SpaceId | undefined): void {
  if (space !== undefined) ctx.state[PAYER] = { ...payerIn(ctx), space };
}

/** For a request that goes on as a stream or a wait, which have budgets of their own. */
export function leavePlace(ctx: Context): void {
  const release: Release | undefined = ctx.state[PLACE];
  release?.();
}

/** Charges requests before any work is done for them. */
export class BudgetGate {
  readonly budgets: Budgets;
  readonly networkOf: NetworkOf;

  constructor(budgets: Budgets, networkOf: NetworkOf) {
    this.budgets = budgets;
    this.networkOf = networkOf;
  }

  /** Charges a request whose caller is not known. False: it was answered with a refusal. */
  stranger(ctx: Context): boolean {
    const payer = this.#stranger(ctx);
    ctx.state[PAYER] = payer;
    return this.#charge(ctx, 'strangers', payer);
  }

  /** The credentials of a request that was charged as a stranger's are valid. */
  knowsStranger(ctx: Context): void {
    this.budgets.giveBack('strangers', this.#stranger(ctx));
    ctx.remove('RateLimit');
    ctx.remove('RateLimit-Policy');
  }

  /** Does `next` for a caller who has room for one more request. */
  admit(ctx: Context, caller: Caller, proof: Proof, next: Next): Promise<void> | void {
    const payer: Payer = {
      account: caller.accountId,
      ...(proof.kind === 'api-key' ? { key: proof.keyId } : {}),
      address: this.networkOf(ctx.req),
      standing: standingOf(caller),
    };
    ctx.state[PAYER] = payer;
    if (!this.#charge(ctx, 'requests', payer)) return;
    const place = this.budgets.take('requests', payer);
    if (!place.ok) return refuse(ctx, place.refusal);
    ctx.state[PLACE] = place.value;
    return next().finally(place.value);
  }

  /** Charges what changes something. False: it was answered with a refusal. */
  change(ctx: Context): boolean {
    return this.#charge(ctx, 'changes', payerIn(ctx));
  }

  #stranger(ctx: Context): Payer {
    return { address: this.networkOf(ctx.req), standing: 'outsider' };
  }

  #charge(ctx: Context, budget: RateName, payer: Payer): boolean {
    const charged = this.budgets.charge(budget, payer);
    const left = this.budgets.left(budget, payer);
    if (left !== undefined) setRateHeaders(ctx, left);
    if (!charged.ok) refuse(ctx, charged.refusal);
    return charged.ok;
  }
}
