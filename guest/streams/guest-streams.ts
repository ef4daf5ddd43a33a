import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import type { StreamRefused__Output as StreamRefused } from '../../proto/generated/raworc/v0/StreamRefused.ts';
import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { Channels, type Opened } from '../../proto/streams/channels.ts';
import { STREAM_REASONS, StreamError, type StreamReason } from '../../proto/streams/reasons.ts';
import { decodeSharedOpen, SHARED, SHARED_CREDIT_BYTES } from '../../proto/streams/shared-stream.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import type { Clock } from '../../seams/clock.ts';
import { streamOpened } from '../../seams/garbage.ts';
import type { Log } from '../../seams/log.ts';
import type { StreamKinds, StreamRelay } from './stream-kinds.ts';

/** Maximum number of open and opening streams of one session, those in a shared one included. */
export const MAX_GUEST_STREAMS = 64;

export interface GuestStreamDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: StreamKinds;
  /** Kinds that another process of the session serves. */
  readonly relays?: Readonly<Record<string, StreamRelay>> | undefined;
  /** Opens another connection to the node agent. */
  connect(): Promise<StreamLink>;
  refuse(refusal: StreamRefused): void;
}

/**
 * The byte streams of this session. Each has its own connection, opened only for a ticket from the
 * control connection; or it is a channel of one of the kind `shared`.
 */
export class GuestStreams {
  readonly #deps: GuestStreamDeps;
  /** Open and opening streams by ticket, so that a repeated ticket is ignored. */
  readonly #open = new Map<string, ByteStream | undefined>();
  readonly #inShared = new Set<ByteStream>();

  constructor(deps: GuestStreamDeps) {
    this.#deps = deps;
  }

  get open(): number {
    return this.#open.size + this.#inShared.size;
  }

  /** Opens the stream and runs the handler of its kind, or refuses the stream. Never throws. */
  start(open: OpenStream): void {
    const { ticket, kind } = open;
    if (this.#open.has(ticket)) return;
    if (kind !== SHARED && !Object.hasOwn(this.#deps.kinds, kind) && !Object.hasOwn(this.#deps.relays ?? {}, kind))
      return this.#refuse(ticket, 'unknown_kind');
    if (this.open >= MAX_GUEST_STREAMS) return this.#refuse(ticket, 'too_many');
    this.#open.set(ticket, undefined);
    const ended = kind === SHARED ? () => undefined : streamOpened();
    this.#run(open)
      .catch((error: unknown) => {
        this.#failed(kind, error);
        if (this.#open.get(ticket) === undefined) this.#refuse(ticket, 'failed');
      })
      .finally(() => {
        ended();
        this.#open.delete(ticket);
      });
  }

  close(): void {
    for (const stream of [...this.#inShared, ...this.#open.values()]) stream?.destroy(new StreamError('session_ended'));
  }

  async #run({ ticket, kind, parametersJson, credit }: OpenStream): Promise<void> {
    const relay = this.#deps.relays?.[kind];
    if (relay !== undefined) return this.#relay(relay, { ticket, parametersJson, credit });
    const parameters = parsed(parametersJson);
    const link = await this.#deps.connect();
    link.send({ kind: 'open', ticket });
    const stream = new ByteStream(link, { credit, lost: 'node_lost' });
    this.#open.set(ticket, stream);
    if (kind === SHARED) await this.#share(stream);
    else await this.#serve(stream, kind, parameters);
  }

  /** Resolves once the stream has closed. */
  async #serve(stream: ByteStream, kind: string, parameters: unknown): Promise<void> {
    const closed = closeOf(stream);
    try {
      await this.#deps.kinds[kind]?.(stream, parameters);
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new StreamError('failed', String(error)));
    }
    await closed;
  }

  #share(stream: ByteStream): Promise<void> {
    const closed = closeOf(stream);
    new Channels(stream, this.#deps.clock, { opened: (channel) => this.#join(channel) });
    return closed;
  }

  /** Serves a stream in a shared one. */
  #join({ link, credit, parametersJson: text }: Opened): void {
    const { kind, parametersJson } = decodeSharedOpen(text);
    const options = { window: SHARED_CREDIT_BYTES, granted: SHARED_CREDIT_BYTES };
    const stream = new ByteStream(link, { credit, ...options, lost: 'node_lost' });
    const isKnown = Object.hasOwn(this.#deps.kinds, kind);
    if (!isKnown || this.open >= MAX_GUEST_STREAMS) {
      stream.on('error', () => undefined);
      return void stream.destroy(new StreamError(isKnown ? 'too_many' : 'unknown_kind'));
    }
    this.#inShared.add(stream);
    this.#serve(stream, kind, parsed(parametersJson))
      .catch((error: unknown) => this.#failed(kind, error))
      .finally(() => this.#inShared.delete(stream));
  }

  async #relay(relay: StreamRelay, { ticket, ...open }: Pick<OpenStream, 'ticket' | 'parametersJson' | 'credit'>): Promise<void> {
    const link = await this.#deps.connect();
    link.send({ kind: 'open', ticket });
    try {
      await relay(link, open);
    } catch (error) {
      link.send({ kind: 'reset', reason: 'failed', message: error instanceof Error ? error.message : String(error) });
      link.close();
    }
  }

  #failed(kind: string, error: unknown): void {
    this.#deps.log.info('stream.failed', { kind, error: error instanceof Error ? error.message : String(error) });
  }

  #refuse(ticket: string, reason: StreamReason): void {
    this.#deps.refuse({ sessionId: this.#deps.sessionId, ticket, reason, message: STREAM_REASONS[reason] });
  }
}

const parsed = (json: string): unknown => JSON.parse(json === '' ? '{}' : json);

/** Resolves once the stream has closed. */
function closeOf(stream: ByteStream): Promise<void> {
  // A fault of this end is sent to the peer in the reset. Without a listener it would be thrown.
  stream.on('error', () => undefined);
  return new Promise((resolve) => stream.once('close', resolve));
}
