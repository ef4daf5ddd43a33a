import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import type { StreamRefused__Output as StreamRefused } from '../../proto/generated/raworc/v0/StreamRefused.ts';
import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { STREAM_REASONS, StreamError, type StreamReason } from '../../proto/streams/reasons.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import type { Log } from '../../seams/log.ts';
import type { StreamKinds, StreamRelay } from './stream-kinds.ts';

/** Maximum number of open and opening streams of one session. */
export const MAX_GUEST_STREAMS = 64;

export interface GuestStreamDeps {
  readonly sessionId: string;
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
 * control connection.
 */
export class GuestStreams {
  readonly #deps: GuestStreamDeps;
  /** Open and opening streams by ticket, so that a repeated ticket is ignored. */
  readonly #open = new Map<string, ByteStream | undefined>();

  constructor(deps: GuestStreamDeps) {
    this.#deps = deps;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Opens the stream and runs the handler of its kind, or refuses the stream. Never throws. */
  start(open: OpenStream): void {
    const { ticket, kind } = open;
    if (this.#open.has(ticket)) return;
    if (!Object.hasOwn(this.#deps.kinds, kind) && !Object.hasOwn(this.#deps.relays ?? {}, kind))
      return this.#refuse(ticket, 'unknown_kind');
    if (this.#open.size >= MAX_GUEST_STREAMS) return this.#refuse(ticket, 'too_many');
    this.#open.set(ticket, undefined);
    this.#run(open)
      .catch((error: unknown) => {
        this.#deps.log.info('stream.failed', { kind, error: error instanceof Error ? error.message : String(error) });
        if (this.#open.get(ticket) === undefined) this.#refuse(ticket, 'failed');
      })
      .finally(() => this.#open.delete(ticket));
  }

  close(): void {
    for (const stream of this.#open.values()) stream?.destroy(new StreamError('session_ended'));
  }

  async #run({ ticket, kind, parametersJson, credit }: OpenStream): Promise<void> {
    const relay = this.#deps.relays?.[kind];
    if (relay !== undefined) return this.#relay(relay, { ticket, parametersJson, credit });
    const handler = this.#deps.kinds[kind];
    const parameters: unknown = JSON.parse(parametersJson === '' ? '{}' : parametersJson);
    const link = await this.#deps.connect();
    link.send({ kind: 'open', ticket });
    const stream = new ByteStream(link, { credit, lost: 'node_lost' });
    this.#open.set(ticket, stream);
    const closed = new Promise<void>((resolve) => stream.once('close', resolve));
    // A fault of this end is sent to the peer in the reset. Without a listener it would be thrown.
    stream.on('error', () => undefined);
    try {
      await handler?.(stream, parameters);
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new StreamError('failed', String(error)));
    }
    await closed;
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

  #refuse(ticket: string, reason: StreamReason): void {
    this.#deps.refuse({ sessionId: this.#deps.sessionId, ticket, reason, message: STREAM_REASONS[reason] });
  }
}
