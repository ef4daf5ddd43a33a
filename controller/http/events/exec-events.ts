import type { Context } from 'koa';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import { drained } from '../../../seams/drained.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import type { Running } from '../../services/commands/exec-service.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn, releasePlace } from '../access/budget-gate.ts';
import { hasLeft } from '../server/connections.ts';
import type { ExecForm } from './exec-forms.ts';
import type { SseStreams } from './sse-streams.ts';

/** A client that reads nothing for this long is disconnected, which kills its command. */
const STUCK_MS = 30_000;
const PING_MS = 15_000;

export interface ExecEventDeps {
  readonly streams: SseStreams;
  readonly clock: Clock;
}

/** For whom a command runs, and whether they still can. */
export interface ExecFor {
  readonly caller: Caller;
  readonly form: ExecForm;
  canRun(caller: Caller): boolean;
  start(signal: AbortSignal): Promise<Outcome<Running>>;
}

/**
 * Runs a command and sends its output as it comes, and its exit or an error last. The command is read no faster than the client reads, and killed if it goes.
 */
export async function streamExec(ctx: Context, wanted: ExecFor, { streams, clock }: ExecEventDeps): Promise<Outcome<undefined>> {
  if (hasLeft(ctx)) return accepted(undefined);
  const place = streams.budgets.take('streams', payerIn(ctx));
  if (!place.ok) return place;
  releasePlace(ctx);
  const over = new AbortController();
  const { res } = ctx;
  const { form } = wanted;
  const end = () => over.abort();
  res.once('close', end);
  let wroteAtMs = clock.monotonic();
  let waitingSinceMs: number | undefined;
  const judge = () => {
    const now = wanted.caller.now();
    if (now === undefined || !wanted.canRun(now)) end();
  };
  const tick = () => {
    judge();
    if (waitingSinceMs !== undefined && clock.monotonic() - waitingSinceMs >= STUCK_MS) {
      streams.countCut();
      res.destroy();
    } else if (res.headersSent && clock.monotonic() - wroteAtMs >= PING_MS) void write(form.ping);
  };
  const write = async (frame: string | Buffer): Promise<void> => {
    wroteAtMs = clock.monotonic();
    if (frame.length === 0 || res.write(frame) || over.signal.aborted) return;
    waitingSinceMs ??= clock.monotonic();
    await drained(res);
    waitingSinceMs = undefined;
  };
  const registered = { proof: proofOf(ctx), judge, tick, end };
  streams.add(registered);
  try {
    const started = await wanted.start(over.signal);
    if (!started.ok) return started;
    over.signal.addEventListener('abort', started.value.end);
    if (over.signal.aborted) started.value.end();
    ctx.set({ 'Content-Type': form.type, 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
    ctx.status = 200;
    // Bypasses Koa, which reports each disconnect of a piped stream as an error.
    ctx.respond = false;
    res.flushHeaders();
    await write(form.hello);
    try {
      for await (const frame of started.value.frames) await write(form.encode(frame));
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      if (!over.signal.aborted) await write(form.error({ code: 'UNAVAILABLE', reason: error.reason, message: error.message }));
    } finally {
      started.value.end();
      res.end();
    }
    return accepted(undefined);
  } finally {
    streams.delete(registered);
    res.off('close', end);
    place.value();
  }
}
