import type { Context } from 'koa';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { PortObject } from '../../contract/ports.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn, releasePlace } from '../access/budget-gate.ts';
import { HELLO_FRAME, PING_FRAME } from '../events/event-frames.ts';
import { hasLeft } from '../server/connections.ts';
import type { PortProxyDeps } from './port-proxy.ts';

const PING_MS = 15_000;

export interface Followed {
  readonly caller: Caller;
  canUse(caller: Caller): boolean;
  follow(signal: AbortSignal): Promise<Outcome<AsyncIterable<readonly PortObject[]>>>;
}

/** Sends the list of ports, and what opens and closes. A client that does not read gets only the newest. */
export async function streamPorts(
  ctx: Context,
  { caller, canUse, follow }: Followed,
  { streams, clock }: PortProxyDeps,
): Promise<Outcome<undefined>> {
  if (hasLeft(ctx)) return accepted(undefined);
  const place = streams.budgets.take('streams', payerIn(ctx));
  if (!place.ok) return place;
  releasePlace(ctx);
  const { res } = ctx;
  const over = new AbortController();
  const end = () => over.abort();
  res.once('close', end);
  const judge = () => {
    const now = caller.now();
    if (now === undefined || !canUse(now)) end();
  };
  let wroteAtMs = clock.monotonic();
  const tick = () => {
    judge();
    if (!res.headersSent || res.writableNeedDrain || clock.monotonic() - wroteAtMs < PING_MS) return;
    wroteAtMs = clock.monotonic();
    res.write(PING_FRAME);
  };
  const registered = { proof: proofOf(ctx), judge, tick, end };
  streams.add(registered);
  try {
    const started = await follow(over.signal);
    if (!started.ok) return started;
    ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
    ctx.status = 200;
    ctx.respond = false;
    res.flushHeaders();
    res.write(HELLO_FRAME);
    let before: readonly PortObject[] | undefined;
    try {
      for await (const list of started.value) {
        if (over.signal.aborted) break;
        // Skipped, not queued: the next list says what came of it.
        if (res.writableNeedDrain) continue;
        wroteAtMs = clock.monotonic();
        res.write(changes(before, list).map(frame).join(''));
        before = list;
      }
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      if (!over.signal.aborted) res.write(frame(['error', { code: 'UNAVAILABLE', reason: error.reason, message: error.message }]));
    }
    res.end();
    return accepted(undefined);
  } finally {
    streams.delete(registered);
    res.off('close', end);
    place.value();
  }
}

type Change = readonly [event: string, data: unknown];

function changes(before: readonly PortObject[] | undefined, after: readonly PortObject[]): readonly Change[] {
  if (before === undefined) return [['ports', { ports: after }]];
  const listening = (list: readonly PortObject[]) => new Map(list.filter((one) => one.listening).map((one) => [one.port, one]));
  const [old, now] = [listening(before), listening(after)];
  return [
    ...[...now.values()].filter(({ port }) => !old.has(port)).map((one): Change => ['opened', one]),
    ...[...old.values()].filter(({ port }) => !now.has(port)).map((one): Change => ['closed', { ...one, listening: false, addresses: [] }]),
  ];
}

const frame = ([event, data]: Change): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
