import type { Context } from 'koa';
import type { Caller } from '../../services/access/caller.ts';
import { proofOf } from '../access/authentication.ts';
import { releasePlace } from '../access/budget-gate.ts';
import type { SseStreams } from '../events/sse-streams.ts';

/** A request that lasts as long as its content takes. */
export interface Transfer {
  /** Aborts when the client disconnects, or its caller loses the right. */
  readonly signal: AbortSignal;
  /** Ends whatever is still open. */
  close(): void;
}

/**
 * Begins a transfer, which has the budget of byte streams and no place among short requests.
 * `canUse` is asked again whenever rights change, and every few seconds; `tick` as often.
 */
export function openTransfer(
  ctx: Context,
  caller: Caller,
  streams: SseStreams,
  { canUse, tick = () => undefined }: { canUse(now: Caller): boolean; tick?(): void },
): Transfer {
  const over = new AbortController();
  const end = () => over.abort();
  const judge = () => {
    const now = caller.now();
    if (now === undefined || !canUse(now)) end();
  };
  const registered = {
    ...{ proof: proofOf(ctx), judge, end },
    tick: () => {
      judge();
      tick();
    },
  };
  releasePlace(ctx);
  ctx.res.once('close', end);
  streams.add(registered);
  return {
    signal: over.signal,
    close() {
      streams.delete(registered);
      ctx.res.off('close', end);
      end();
    },
  };
}
