import type { Context } from 'koa';
import type { RawData, WebSocket } from 'ws';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import { PROCESS_SIGNALS, resizeProcess } from '../../contract/processes.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { type Attached, objectOf } from '../../services/commands/process-service.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn, releasePlace } from '../access/budget-gate.ts';
import type { SseStreams } from '../events/sse-streams.ts';
import { hasLeft } from '../server/connections.ts';
import { acceptWebSocket } from './web-socket.ts';

/** A client that takes nothing, or does not answer a ping, for this long is disconnected. */
const STUCK_MS = 30_000;
const PING_MS = 15_000;
/** How long a client has to close, too. */
const CLOSING_MS = 5000;
const OUTPUT = { stdout: Buffer.of(1), stderr: Buffer.of(2) } as const;
/** WebSocket close codes: 1000 the process ended; 1001 the server ends; 1008 permission lost; 1011 the session was lost. */
const CLOSE = { exited: 1000, leaving: 1001, forbidden: 1008, lost: 1011 } as const;

export interface AttachFor {
  readonly caller: Caller;
  canRun(caller: Caller): boolean;
  attach(signal: AbortSignal): Promise<Outcome<Attached>>;
}

/**
 * Attaches a WebSocket to a process, after {@link webSocketRefusal}. What prevents it is an ordinary HTTP answer. Whatever ends the
 * WebSocket ends the attachment only.
 */
export async function streamAttach(
  ctx: Context,
  { caller, canRun, attach }: AttachFor,
  { streams, clock }: { readonly streams: SseStreams; readonly clock: Clock },
): Promise<Outcome<undefined>> {
  if (hasLeft(ctx)) return accepted(undefined);
  const place = streams.budgets.take('streams', payerIn(ctx));
  if (!place.ok) return place;
  releasePlace(ctx);
  const over = new AbortController();
  let socket: AttachSocket | undefined;
  const leave = (code: number, why: string) => {
    if (socket === undefined) over.abort();
    else socket.close(code, why);
  };
  const gone = () => over.abort();
  ctx.res.once('close', gone);
  const judge = () => {
    const now = caller.now();
    if (now === undefined || !canRun(now)) leave(CLOSE.forbidden, 'Your permission was revoked.');
  };
  const tick = () => {
    judge();
    if (socket?.isStuck() === true) streams.countCut();
  };
  const registered = { proof: proofOf(ctx), judge, tick, end: () => leave(CLOSE.leaving, 'The server is shutting down.') };
  streams.add(registered);
  try {
    const attached = await attach(over.signal);
    if (!attached.ok) return attached;
    try {
      const accepting = over.signal.aborted ? undefined : acceptWebSocket(ctx);
      if (accepting === undefined) return accepted(undefined);
      ctx.res.off('close', gone);
      socket = new AttachSocket(accepting, attached.value, clock);
      await socket.run();
    } finally {
      attached.value.end();
    }
    return accepted(undefined);
  } finally {
    streams.delete(registered);
    ctx.res.off('close', gone);
    place.value();
  }
}

class AttachSocket {
  readonly #socket: WebSocket;
  readonly #attached: Attached;
  readonly #clock: Clock;
  readonly #closed: Promise<void>;
  #heardAtMs: number;
  #pingedAtMs: number;
  #sendingSinceMs: number | undefined;
  #isClosing = false;
  #leaving: Timer | undefined;

  constructor(socket: WebSocket, attached: Attached, clock: Clock) {
    this.#socket = socket;
    this.#attached = attached;
    this.#clock = clock;
    this.#heardAtMs = clock.monotonic();
    this.#pingedAtMs = this.#heardAtMs;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => socket.terminate());
    socket.on('pong', () => this.#heard());
    socket.on('message', (data, isBinary) => void this.#receive(data, isBinary));
    socket.once('close', () => this.#left());
  }

  /** Resolves once the WebSocket is closed. */
  async run(): Promise<void> {
    const { process, offset, frames } = this.#attached;
    await this.#say({ type: 'attached', offset, process: objectOf(process) });
    try {
      for await (const frame of frames)
        switch (frame.kind) {
          case 'stdout':
          case 'stderr':
            await this.#send(Buffer.concat([OUTPUT[frame.kind], frame.bytes]));
            break;
          case 'gap':
            await this.#say({ type: 'gap', from: frame.from, to: frame.to });
            break;
          case 'exit':
            await this.#say({ type: 'exit', exit_code: frame.end.exitCode, signal: frame.end.signal });
            this.close(CLOSE.exited, 'The process ended.');
            break;
          case 'attached':
          case 'refused':
            break;
          default:
            frame satisfies never;
        }
      this.close(CLOSE.lost, 'The session stopped answering.');
    } catch (error) {
      if (!(error instanceof StreamError)) {
        this.#socket.terminate();
        throw error;
      }
      await this.#say({ type: 'error', code: 'UNAVAILABLE', reason: error.reason, message: error.message });
      this.close(CLOSE.lost, error.reason);
    }
    await this.#closed;
    this.#leaving?.cancel();
  }

  /** What the client sent last still arrives, unless the process does not read it. */
  #left(): void {
    void this.#attached.finish();
    this.#leaving = this.#clock.after(CLOSING_MS, () => this.#attached.end());
  }

  close(code: number, why: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#socket.close(code, why);
    const timer = this.#clock.after(CLOSING_MS, () => this.#socket.terminate());
    void this.#closed.then(() => timer.cancel());
    this.#attached.end();
  }

  /** Disconnects a client that does not react, and returns whether it did. Sends a ping otherwise. */
  isStuck(): boolean {
    const now = this.#clock.monotonic();
    const isSending = this.#sendingSinceMs !== undefined && now - this.#sendingSinceMs >= STUCK_MS;
    if (isSending || now - this.#heardAtMs >= PING_MS + STUCK_MS) {
      this.#socket.terminate();
      return true;
    }
    if (now - this.#pingedAtMs >= PING_MS && this.#socket.readyState === this.#socket.OPEN) {
      this.#pingedAtMs = now;
      this.#socket.ping();
    }
    return false;
  }

  #heard(): void {
    this.#heardAtMs = this.#clock.monotonic();
  }

  async #receive(data: RawData, isBinary: boolean): Promise<void> {
    this.#heard();
    // The rest of a message waits in the socket until this one went on.
    this.#socket.pause();
    try {
      if (isBinary) await this.#attached.send('stdin', bytesOf(data));
      else await this.#control(String(data));
    } finally {
      this.#socket.resume();
    }
  }

  async #control(text: string): Promise<void> {
    let sent: unknown;
    try {
      sent = JSON.parse(text);
    } catch {
      // Below.
    }
    const { type, signal, ...rest }: Readonly<Record<string, unknown>> = { ...(sent as object) };
    const json = (value: object) => Buffer.from(JSON.stringify(value));
    const size = type === 'resize' ? resizeProcess.safeParse(rest) : undefined;
    const name = type === 'signal' ? PROCESS_SIGNALS.find((one) => one === signal) : undefined;
    if (size?.success === true) return this.#attached.send('resize', json(size.data));
    if (name !== undefined) return this.#attached.send('signal', json({ signal: name }));
    if (type === 'close_stdin') return this.#attached.send('closeStdin', new Uint8Array(0));
    await this.#say({
      type: 'error',
      code: 'BAD_REQUEST',
      message: 'A text message must be {"type": "resize", cols, rows}, {"type": "signal", signal} or {"type": "close_stdin"}.',
    });
  }

  #say(value: object): Promise<void> {
    return this.#send(JSON.stringify(value));
  }

  /** Resolves once the kernel took it, or the client has gone. */
  #send(data: string | Buffer): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve();
    this.#sendingSinceMs = this.#clock.monotonic();
    return new Promise((resolve) =>
      this.#socket.send(data, () => {
        this.#sendingSinceMs = undefined;
        this.#heard();
        resolve();
      }),
    );
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
