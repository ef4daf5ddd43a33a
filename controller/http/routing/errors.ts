import type { Context } from 'koa';
import type { Log } from '../../../seams/log.ts';
import { type RefusalCode, STATUS_OF } from '../../contract/errors.ts';
import { type Refusal, RefusedError, refusalFor, refused } from '../../domain/engine/outcome.ts';
import { hasLeft } from '../server/connections.ts';

export interface ErrorBody {
  readonly error: { readonly code: RefusalCode; readonly message: string; readonly details?: unknown };
}

export function errorBody({ code, message, details }: Refusal): ErrorBody {
  return { error: details === undefined ? { code, message } : { code, message, details } };
}

/**
 * Answers with an error, adding WWW-Authenticate to a 401, and Retry-After if
 * `details.retry_after_s` is set.
 */
export function refuse(ctx: Context, whole: Refusal): void {
  ctx.state.refusal = whole;
  // Omits node details unless the caller is known to see nodes.
  const refusal = refusalFor(whole, false);
  ctx.status = STATUS_OF[refusal.code];
  ctx.body = errorBody(refusal);
  if (refusal.code === 'UNAUTHORIZED') ctx.set('WWW-Authenticate', 'Bearer realm="raworc"');
  // The rest of the body would arrive just as slowly.
  if (refusal.code === 'REQUEST_TIMEOUT') ctx.set('Connection', 'close');
  const retryAfterS = retryAfterSOf(refusal.details);
  if (retryAfterS !== undefined) ctx.set('Retry-After', String(retryAfterS));
  else if (refusal.code === 'RATE_LIMITED') ctx.set('Retry-After', '1');
}

/** Returns the refusal that a request was answered with. */
export const refusalOf = (ctx: Context): Refusal | undefined => ctx.state.refusal;

function retryAfterSOf(details: unknown): number | undefined {
  if (typeof details !== 'object' || details === null || !('retry_after_s' in details)) return undefined;
  const seconds = details.retry_after_s;
  return typeof seconds === 'number' ? Math.max(1, Math.ceil(seconds)) : undefined;
}

/**
 * Answers a request whose handler threw: a refusal as such, anything else as a 500 with the request
 * id and no internals. Keeps headers set so far (request id, CORS), unlike Koa's own handler.
 */
export function answerFault(ctx: Context, fault: unknown, log: Log): void {
  const requestId = String(ctx.state.requestId);
  // Koa considers a response writable while it queues behind another one on the connection.
  if (ctx.headerSent || (isGone(fault) && (!ctx.writable || hasLeft(ctx)))) {
    log.debug('http.cut', { request_id: requestId });
    ctx.res.destroy();
    return;
  }
  if (fault instanceof RefusedError) return refuse(ctx, fault.refusal);
  log.error('http.fault', { request_id: requestId, method: ctx.method, fault: describe(fault) });
  refuse(
    ctx,
    refused('INTERNAL_ERROR', 'Unexpected server error. Quote the request id when you report it.', { request_id: requestId }).refusal,
  );
}

/** Returns whether an error only means that the client disconnected. */
export function isGone(fault: unknown): boolean {
  if (!(fault instanceof Error) || !('code' in fault)) return false;
  return (
    fault.code === 'ERR_STREAM_PREMATURE_CLOSE' || fault.code === 'ECONNRESET' || fault.code === 'EPIPE' || fault.code === 'ECONNABORTED'
  );
}

export function describe(fault: unknown): string {
  return fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
}
