import { StringDecoder } from 'node:string_decoder';
import type { Context } from 'koa';
import type { ExecFrame } from '../../../proto/streams/exec-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import { drained } from '../../../seams/drained.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { notStarted, type Running } from '../../services/commands/exec-service.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn, releasePlace } from '../access/budget-gate.ts';
import { hasLeft } from '../server/connections.ts';
import { HELLO_FRAME, PING_FRAME } from './event-frames.ts';
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
  readonly encoding: 'utf8' | 'base64';
  canRun(caller: Caller): boolean;
  start(signal: AbortSignal): Promise<Outcome<Running>>;
}

/**
 * Runs a command and sends its output as it comes: events `stdout` and `stderr`, and at the end
 * `exit` or `error`. The command is read no faster than the client reads, and killed if it goes.
 */
export async function streamExec(ctx: Context, wanted: ExecFor, { streams, clock }: ExecEventDeps): Promise<Outcome<undefined>> {
  if (hasLeft(ctx)) return accepted(undefined);
  const place = streams.budgets.take('streams', payerIn(ctx));
  if (!place.ok) return place;
  releasePlace(ctx);
  const over = new AbortController();
  const { res } = ctx;
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
    } else if (res.headersSent && clock.monotonic() - wroteAtMs >= PING_MS) void write(PING_FRAME);
  };
  const write = async (frame: string | Buffer): Promise<void> => {
    wroteAtMs = clock.monotonic();
    if (res.write(frame) || over.signal.aborted) return;
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
    ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
    ctx.status = 200;
    // Bypasses Koa, which reports each disconnect of a piped stream as an error.
    ctx.respond = false;
    res.flushHeaders();
    await write(HELLO_FRAME);
    const encode = encoder(wanted.encoding);
    try {
      for await (const frame of started.value.frames) await write(encode(frame));
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      if (!over.signal.aborted) await write(event('error', { code: 'UNAVAILABLE', reason: error.reason, message: error.message }));
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

function encoder(encoding: 'utf8' | 'base64'): (frame: ExecFrame) => string {
  // A character can be cut between two frames.
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  return (frame) => {
    if (frame.kind === 'end') {
      const { exitCode, signal, timedOut, durationMs, fault } = frame.end;
      const refusal = fault === '' ? undefined : notStarted(frame.end).refusal;
      const last = (['stdout', 'stderr'] as const).map((kind) => textEvent(kind, decoders[kind].end())).join('');
      if (refusal !== undefined) return `${last}${event('error', refusal)}`;
      return `${last}${event('exit', { exit_code: exitCode, signal, timed_out: timedOut, duration_ms: Math.round(durationMs) })}`;
    }
    if (encoding === 'base64') return event(frame.kind, { data: frame.bytes.toString('base64') });
    return textEvent(frame.kind, decoders[frame.kind].write(frame.bytes));
  };
}

const textEvent = (kind: 'stdout' | 'stderr', text: string): string => (text === '' ? '' : event(kind, { text }));
const event = (type: string, data: unknown): string => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
