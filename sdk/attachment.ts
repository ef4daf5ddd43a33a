import { type Environment, sleep } from './environment.ts';
import { RaworcError, Unreachable } from './errors.ts';
import type { Wire } from './event-feed.ts';
import type { Process, StartProcessData } from './generated/types.gen.ts';

export type ProcessCommand = NonNullable<StartProcessData['body']>;

/** A piece of a process's output, a gap in it, or the end, which comes last. */
export type ProcessPart =
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array<ArrayBuffer>; readonly offset: number }
  /** This output is no longer kept. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** The connection was lost, or is back: nothing is missing. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'back' }
  | { readonly kind: 'exit'; readonly exitCode: number | null; readonly signal: string | null };

export interface AttachOptions {
  /** Of the first byte that is wanted. Default: what comes next. */
  readonly offset?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Longest message to the server. */
const MESSAGE_BYTES = 32 * 1024;
/** Input that waits while the connection is lost. More is dropped. */
const WAITING_BYTES = 64 * 1024;
const RETRY_MS = 200;
const RETRY_MAX_MS = 2000;
/** How long the way to a process can be lost. */
const LOST_MAX_MS = 120_000;
const OPEN = 1;

/**
 * An attachment to a process, in Node.js 22 or newer and in browsers. Iterate over it for the
 * output; it connects again by itself, at the byte where it was.
 */
export class Attachment implements AsyncIterable<ProcessPart> {
  readonly #wire: Wire & { readonly environment: Environment };
  readonly #session: string;
  readonly #process: Pick<Process, 'id' | 'started_at_ms'>;
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  #offset: number | undefined;
  #socket: WebSocket | undefined;
  /** The socket once it is attached, and what waited was sent: nothing overtakes that. */
  #ready: WebSocket | undefined;
  #size: string | undefined;
  #waiting: (string | Uint8Array<ArrayBuffer>)[] = [];
  #waitingBytes = 0;

  constructor(wire: Wire & { readonly environment: Environment }, session: string, process: Process, { offset, signal }: AttachOptions) {
    this.#wire = wire;
    this.#session = session;
    this.#process = process;
    this.#offset = offset;
    this.#signal = AbortSignal.any([this.#ending.signal, wire.transport.signal, ...(signal === undefined ? [] : [signal])]);
    this.#signal.addEventListener('abort', () => this.#socket?.close(), { once: true });
  }

  /** Offset of the next byte of output. Undefined until it is known. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** Writes to standard input. */
  write(input: string | Uint8Array): void {
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : new Uint8Array(input);
    for (let at = 0; at < bytes.byteLength; at += MESSAGE_BYTES) this.#send(bytes.slice(at, at + MESSAGE_BYTES));
  }

  resize(cols: number, rows: number): void {
    this.#size = JSON.stringify({ type: 'resize', cols, rows });
    if (this.#ready?.readyState === OPEN) this.#ready.send(this.#size);
  }

  signal(signal: string): void {
    this.#send(JSON.stringify({ type: 'signal', signal }));
  }

  closeStdin(): void {
    this.#send(JSON.stringify({ type: 'close_stdin' }));
  }

  /** Ends the attachment, not the process. */
  close(): void {
    this.#ending.abort();
  }

  /** Throws RaworcError if the process is not there any more. Iterate once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ProcessPart, void> {
    const { environment } = this.#wire;
    let lostAtMs: number | undefined;
    let retryMs = RETRY_MS;
    while (!this.#signal.aborted) {
      try {
        for await (const part of this.#connection()) {
          if (part === 'attached') {
            if (lostAtMs !== undefined) yield { kind: 'back' };
            lostAtMs = undefined;
            retryMs = RETRY_MS;
            continue;
          }
          yield part;
          if (part.kind === 'exit') return;
        }
      } catch (error) {
        const isPassing = error instanceof Unreachable || (error instanceof RaworcError && (error.status >= 500 || error.status === 429));
        if (!isPassing || this.#signal.aborted) throw error;
      }
      if (this.#signal.aborted) return;
      if (lostAtMs === undefined) yield { kind: 'lost' };
      lostAtMs ??= environment.monotonic();
      if (environment.monotonic() - lostAtMs > LOST_MAX_MS) throw new Unreachable('The connection to the process was lost');
      await sleep(environment, retryMs * (0.5 + environment.random() / 2), this.#signal).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    }
  }

  /** Yields what one connection brings, until it is lost. */
  async *#connection(): AsyncGenerator<ProcessPart | 'attached', void> {
    const { transport } = this.#wire;
    const path = `/sessions/${encodeURIComponent(this.#session)}/processes/${this.#process.id}`;
    // A WebSocket does not tell why it was refused.
    const found: Process = await this.#call('GET', path);
    if (found.started_at_ms !== this.#process.started_at_ms)
      throw new RaworcError({ status: 404, code: 'NOT_FOUND', message: `Process ${found.id} has ended, and another one has its id.` });
    const { ticket } = await this.#call<{ ticket: string }>('POST', '/tickets', { for: 'attach', session: this.#session });
    const query = new URLSearchParams({
      started_at: String(found.started_at_ms),
      ...(this.#offset === undefined ? {} : { offset: String(this.#offset) }),
    });
    const url = `${transport.url.replace(/^http/, 'ws')}/api/v0${path}/attach?${query}`;
    const socket = new WebSocket(url, ['raworc.v0', `raworc.ticket.${ticket}`]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const arrived: MessageEvent['data'][] = [];
    let wake: () => void = () => undefined;
    let isClosed = false;
    socket.onmessage = ({ data }) => {
      arrived.push(data);
      wake();
    };
    socket.onerror = () => undefined;
    socket.onclose = () => {
      isClosed = true;
      wake();
    };
    const stop = () => wake();
    this.#signal.addEventListener('abort', stop);
    try {
      while (!this.#signal.aborted) {
        const data = arrived.shift();
        if (data !== undefined) {
          const part = this.#partIn(data);
          if (part === 'attached') this.#attached(socket);
          if (part !== undefined) yield part;
        } else if (isClosed) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.#signal.removeEventListener('abort', stop);
      this.#socket = undefined;
      this.#ready = undefined;
      socket.close();
    }
  }

  #attached(socket: WebSocket): void {
    if (this.#size !== undefined) socket.send(this.#size);
    for (const waiting of this.#waiting.splice(0)) socket.send(waiting);
    this.#waitingBytes = 0;
    this.#ready = socket;
  }

  #partIn(data: unknown): ProcessPart | 'attached' | undefined {
    if (data instanceof ArrayBuffer) {
      const all = new Uint8Array(data);
      const bytes = all.subarray(1);
      const offset = this.#offset ?? 0;
      this.#offset = offset + bytes.byteLength;
      return { kind: all[0] === 2 ? 'stderr' : 'stdout', bytes, offset };
    }
    const { type, ...fields } = JSON.parse(String(data));
    switch (type) {
      case 'attached':
        this.#offset = Number(fields.offset);
        return 'attached';
      case 'gap':
        this.#offset = Number(fields.to);
        return { kind: 'gap', from: fields.from, to: fields.to };
      case 'exit':
        return { kind: 'exit', exitCode: fields.exit_code, signal: fields.signal };
      default:
        // An error closes the connection; newer servers can say more.
        return undefined;
    }
  }

  #send(message: string | Uint8Array<ArrayBuffer>): void {
    if (this.#ready?.readyState === OPEN) return this.#ready.send(message);
    this.#waitingBytes += message.length;
    if (this.#waitingBytes <= WAITING_BYTES) this.#waiting.push(message);
  }

  #call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const { transport, tokens } = this.#wire;
    const more = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return transport.send({ method, path, signal: this.#signal, ...more }, tokens, (response) => response.json() as Promise<T>);
  }
}
