import type { ServerResponse } from 'node:http';
import { type RefusalCode, STATUS_OF as STATUSES } from '../contract/errors.ts';
import type { Refusal } from '../domain/engine/outcome.ts';

// The API of E2B knows only 400 for invalid values.
export const STATUS_OF: Readonly<Record<RefusalCode, number>> = { ...STATUSES, UNPROCESSABLE_ENTITY: STATUSES.BAD_REQUEST };

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent) return void res.destroy();
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...headers,
  });
  res.end(text);
}

export function sendNothing(res: ServerResponse, status = 204): void {
  res.writeHead(status, { 'Cache-Control': 'no-store' });
  res.end();
}

/** The SDKs look at `code` in the body, which repeats the status. */
export const sendError = (res: ServerResponse, status: number, message: string, headers?: Readonly<Record<string, string>>): void =>
  sendJson(res, status, { code: status, message }, headers);

/** Leaves out what only callers with nodes:list can know. */
export function sendRefusal(res: ServerResponse, { code, message, details, withoutNodes }: Refusal): void {
  const status = STATUS_OF[code];
  const retryAfterS = retryIn(details);
  const again = status === 429 ? (retryAfterS ?? 1) : retryAfterS;
  sendError(res, status, withoutNodes?.message ?? message, again === undefined ? {} : { 'Retry-After': String(again) });
}

function retryIn(details: unknown): number | undefined {
  if (typeof details !== 'object' || details === null || !('retry_after_s' in details)) return undefined;
  return typeof details.retry_after_s === 'number' ? Math.max(1, Math.ceil(details.retry_after_s)) : undefined;
}

/** Every path of a sandbox that is unknown, deleted or paused. */
export const sendGone = (res: ServerResponse, sandboxId: string): void =>
  sendJson(res, 502, { sandboxId, message: 'The sandbox was not found', code: 502 });

export const sendClosedPort = (res: ServerResponse, sandboxId: string, port: number): void =>
  sendJson(res, 502, { sandboxId, message: 'The sandbox is running but the port is not open', port, code: 502 });
