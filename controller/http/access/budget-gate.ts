import type { Context } from 'koa';
import type { SpaceId } from '../../domain/engine/ids.ts';
import type { Refusal } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { Proof } from '../../services/access/proof.ts';
import type { Release } from '../../services/budget/at-once.ts';
import type { Budgets, Holding } from '../../services/budget/budgets.ts';
import type { RateName } from '../../services/budget/limits.ts';
import { type Payer, standingOf } from '../../services/budget/payer.ts';
import { type EndTurn, Turns } from '../../services/budget/turns.ts';
import { refuse } from '../routing/errors.ts';
import type { ClientAddresses } from '../server/client-address.ts';
import type { Connections } from '../server/connections.ts';
import { setRateHeaders } from './rate-headers.ts';

/** Keys in a request's state: its payer, and its place among the requests in progress. */
const PAYER = 'payer';
const PLACE = 'place';
const TURN = 'turn';
const BODY = 'body';
/** Concurrent changes of one account. Changes of other accounts run between the waiting ones. */
const CHANGES_AT_ONCE = 4;

/** Throws if the request was not admitted. */
export function payerIn(ctx: Context): Payer {
  const payer: Payer | undefined = ctx.state[PAYER];
  if (payer === undefined) throw new Error('the request was not admitted');
  return payer;
}

/** Returns undefined if the request was refused before anyone was charged. */
export const payerOfAnswer = (ctx: Context): Payer | undefined => ctx.state[PAYER];

/** Charges the space too. */
export function setSpace(ctx: Context, space: SpaceId | undefined): void {
  if (space !== undefined) ctx.state[PAYER] = { ...payerIn(ctx), space };
}

/**
 * Releases the place of a request that continues as a stream or wait, since these have their own
 * budgets.
 */
export function releasePlace(ctx: Context): void {
  const release: Release | undefined = ctx.state[PLACE];
  release?.();
  const end: EndTurn | undefined = ctx.state[TURN];
  end?.();
}

/** Releases the body of a request that keeps none of it while it waits. */
export function releaseBody(ctx: Context): void {
  const body: Holding | undefined = ctx.state[BODY];
  body?.release();
}

/** Releases everything that a request acquired. */
export function releaseAll(ctx: Context): void {
  releasePlace(ctx);
  releaseBody(ctx);
}

/** Charges requests before they cost any work. */
export class BudgetGate {
  readonly budgets: Budgets;
  readonly #addresses: ClientAddresses;
  readonly #turns = new Turns(Number.POSITIVE_INFINITY);
  readonly #connections: Pick<Connections, 'admitted'>;

  constructor(budgets: Budgets, addresses: ClientAddresses, connections: Pick<Connections, 'admitted'>) {
    this.budgets = budgets;
    this.#addresses = addresses;
    this.#connections = connections;
  }

  /** Charges a request of an unknown caller. Returns false if it has answered with a refusal. */
  stranger(ctx: Context): boolean {
    const payer = this.#stranger(ctx);
    ctx.state[PAYER] = payer;
    return this.#charge(ctx, 'strangers', payer);
  }

  /** Refunds the stranger's charge: the credentials are valid. */
  refundStranger(ctx: Context): void {
    this.budgets.giveBack('strangers', this.#stranger(ctx));
    ctx.remove('RateLimit');
    ctx.remove('RateLimit-Policy');
  }

  /**
   * Charges a caller's request and acquires a place until {@link releaseAll}. Returns false if it
   * has answered with a refusal.
   */
  admit(ctx: Context, caller: Caller, proof: Proof): boolean {
    const payer: Payer = {
      account: caller.accountId,
      ...(proof.kind === 'api-key' ? { key: proof.keyId } : {}),
      address: this.#addresses.networkOf(ctx.req),
      standing: standingOf(caller),
    };
    ctx.state[PAYER] = payer;
    const connected = this.#connections.admitted(ctx.req.socket, payer);
    if (connected?.ok === false) {
      ctx.set('Connection', 'close');
      return refusedWith(ctx, connected.refusal);
    }
    if (!this.#charge(ctx, 'requests', payer)) return false;
    const place = this.budgets.take('requests', payer);
    if (!place.ok) return refusedWith(ctx, place.refusal);
    ctx.state[PLACE] = place.value;
    return true;
  }

  /**
   * Waits for a turn, which {@link releasePlace} ends. Only the account's earlier changes delay it.
   */
  async takeTurn(ctx: Context): Promise<void> {
    const { account } = payerIn(ctx);
    if (account !== undefined)
      ctx.state[TURN] = await this.#turns.wait([{ key: account, most: CHANGES_AT_ONCE }], new AbortController().signal);
  }

  /** Counts the body of a charged request until {@link releaseAll}. */
  openBody(ctx: Context): Holding {
    const payer = payerIn(ctx);
    const body = this.budgets.open(payer.account === undefined ? 'stranger_body_bytes' : 'body_bytes', payer);
    ctx.state[BODY] = body;
    return body;
  }

  /** Charges a write. Returns false if it has answered with a refusal. */
  change(ctx: Context): boolean {
    return this.#charge(ctx, 'changes', payerIn(ctx));
  }

  #stranger(ctx: Context): Payer {
    return { address: this.#addresses.networkOf(ctx.req), standing: 'outsider' };
  }

  #charge(ctx: Context, budget: RateName, payer: Payer): boolean {
    const charged = this.budgets.charge(budget, payer);
    const left = charged.ok ? charged.value : this.budgets.left(budget, payer);
    if (left !== undefined) setRateHeaders(ctx, left);
    return charged.ok || refusedWith(ctx, charged.refusal);
  }
}

function refusedWith(ctx: Context, refusal: Refusal): false {
  refuse(ctx, refusal);
  return false;
}
