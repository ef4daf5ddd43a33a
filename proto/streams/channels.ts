import type { Duplex } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import type { Codec } from '../codec.ts';
import { framedLink } from '../framed-link.ts';
import type { Link } from '../link.ts';
import { ProtocolError } from '../protocol-error.ts';
import { MAX_STREAM_FRAME_BYTES, type StreamFrame, type StreamLink, streamFrames } from './stream-frame.ts';
import { MAX_CREDIT_BYTES } from './stream-state.ts';

/** On the pipe between a guest and its helper, or in a shared stream: what belongs to which stream. */
type ChannelFrame =
  | { readonly kind: 'open'; readonly channel: number; readonly credit: number; readonly parametersJson: string }
  | { readonly kind: 'frame'; readonly channel: number; readonly frame: StreamFrame }
  | { readonly kind: 'close'; readonly channel: number };

const KINDS = ['open', 'frame', 'close'] as const;
const HEAD_BYTES = 5;
const MAX_FRAME_BYTES = MAX_STREAM_FRAME_BYTES + HEAD_BYTES;
const QUEUE_BYTES = 2 * 1024 * 1024;
/** Of frames that a paused channel keeps. The credit of its stream is less. */
const MAX_KEPT_BYTES = 2 * MAX_CREDIT_BYTES;

const channelFrames: Codec<ChannelFrame> = {
  encode: (frame) => Buffer.concat(pieces(frame)),
  pieces,
  decode(from) {
    const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
    const kind = KINDS[bytes[0] ?? KINDS.length];
    if (kind === undefined || bytes.byteLength < HEAD_BYTES) throw new ProtocolError('an invalid frame of a channel');
    const channel = bytes.readUInt32BE(1);
    const content = bytes.subarray(HEAD_BYTES);
    switch (kind) {
      case 'open':
        if (content.byteLength < 4) throw new ProtocolError('an invalid frame of a channel');
        return { kind, channel, credit: content.readUInt32BE(0), parametersJson: content.subarray(4).toString() };
      case 'frame':
        return { kind, channel, frame: streamFrames.decode(content) };
      case 'close':
        return { kind, channel };
      default:
        return kind satisfies never;
    }
  },
};

function pieces(frame: ChannelFrame): readonly Buffer[] {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = KINDS.indexOf(frame.kind);
  head.writeUInt32BE(frame.channel, 1);
  if (frame.kind === 'close') return [head];
  if (frame.kind === 'frame') return [head, ...(streamFrames.pieces?.(frame.frame) ?? [streamFrames.encode(frame.frame)])];
  const credit = Buffer.allocUnsafe(4);
  credit.writeUInt32BE(frame.credit);
  return [head, credit, Buffer.from(frame.parametersJson)];
}

export interface Opened {
  readonly link: StreamLink;
  readonly credit: number;
  readonly parametersJson: string;
}

/**
 * Byte streams over one pipe. Each has its own flow control, so that none holds another up: who
 * reads the pipe always reads on, and keeps no more of a stream than its credit.
 */
export class Channels {
  readonly #link: Link<ChannelFrame, ChannelFrame>;
  readonly #channels = new Map<number, Channel>();
  readonly #clock: Clock;
  /** Closed here, which the full pipe did not take yet: what nobody ends at the other end would run on. */
  readonly #untold = new Set<number>();
  #newest = 0;
  #isClosed = false;
  #heard: (() => void) | undefined;

  /** `opened` is called for streams of the other end. */
  constructor(pipe: Duplex, clock: Clock, { opened, closed }: { opened?: (stream: Opened) => void; closed?: () => void }) {
    this.#clock = clock;
    this.#link = framedLink(pipe, {
      ...{ encode: channelFrames, decode: channelFrames, clock },
      ...{ maxFrameBytes: MAX_FRAME_BYTES, queueBytes: QUEUE_BYTES },
    });
    this.#link.onMessage((frame) => {
      this.#heard?.();
      if (frame.kind !== 'open') return this.#channels.get(frame.channel)?.hear(frame.kind === 'frame' ? frame.frame : undefined);
      if (opened === undefined || this.#channels.has(frame.channel)) throw new ProtocolError('a channel that nobody expects');
      const { channel, credit, parametersJson } = frame;
      opened({ link: this.#add(channel), credit, parametersJson });
    });
    this.#link.onDrain(() => {
      for (const id of this.#untold) if (!this.#tell(id)) return;
      for (const channel of [...this.#channels.values()]) channel.drained();
    });
    this.#link.onClose(() => {
      this.#isClosed = true;
      for (const channel of [...this.#channels.values()]) channel.hear(undefined);
      closed?.();
    });
  }

  get open(): number {
    return this.#channels.size;
  }

  /** Calls `listener` for every frame of the other end. */
  onHeard(listener: () => void): void {
    this.#heard = listener;
  }

  /** Opens a stream; undefined if the pipe is closed or full. */
  start(parametersJson: string, credit: number): StreamLink | undefined {
    this.#newest = (this.#newest % 0xffff_fffe) + 1;
    const channel = this.#newest;
    if (this.#isClosed || this.#channels.has(channel)) return undefined;
    if (!this.#link.send({ kind: 'open', channel, credit, parametersJson })) return undefined;
    return this.#add(channel);
  }

  close(): void {
    this.#link.close();
  }

  #add(id: number): Channel {
    const channel = new Channel(this.#clock, {
      send: (frame) => !this.#isClosed && this.#link.send({ kind: 'frame', channel: id, frame }),
      forget: () => {
        this.#channels.delete(id);
        this.#tell(id);
      },
    });
    this.#channels.set(id, channel);
    return channel;
  }

  /** Tells the other end that a channel is closed, now or once the pipe takes more. */
  #tell(id: number): boolean {
    const isTold = this.#isClosed || this.#link.send({ kind: 'close', channel: id });
    if (isTold) this.#untold.delete(id);
    else this.#untold.add(id);
    return isTold;
  }
}

interface ChannelDeps {
  send(frame: StreamFrame): boolean;
  forget(): void;
}

class Channel implements StreamLink {
  readonly #deps: ChannelDeps;
  readonly #clock: Clock;
  /** Frames that came while it was paused, or before anyone listened; undefined is the end. */
  #kept: (StreamFrame | undefined)[] = [];
  #keptBytes = 0;
  #isPaused = true;
  #isOver = false;
  #wasRefused = false;
  #message: (frame: StreamFrame) => void = () => undefined;
  #drain: () => void = () => undefined;
  #close: (fault: Error | undefined) => void = () => undefined;

  constructor(clock: Clock, deps: ChannelDeps) {
    this.#deps = deps;
    this.#clock = clock;
    this.resume();
  }

  send(frame: StreamFrame): boolean {
    if (this.#isOver) return false;
    const isSent = this.#deps.send(frame);
    this.#wasRefused ||= !isSent;
    return isSent;
  }

  /** Undefined: the other end has closed. */
  hear(frame: StreamFrame | undefined): void {
    if (this.#isOver) return;
    this.#kept.push(frame);
    if (frame?.kind === 'data') this.#keptBytes += frame.bytes.byteLength;
    if (this.#keptBytes > MAX_KEPT_BYTES || this.#kept.length > MAX_KEPT_BYTES / 1024)
      return this.close(new ProtocolError('the other end of a channel sent more than was granted'));
    if (!this.#isPaused) this.#deliver();
  }

  drained(): void {
    if (!this.#wasRefused || this.#isOver) return;
    this.#wasRefused = false;
    this.#drain();
  }

  onMessage(listener: (frame: StreamFrame) => void): void {
    this.#message = listener;
  }
  onDrain(listener: () => void): void {
    this.#drain = listener;
  }
  onClose(listener: (fault: Error | undefined) => void): void {
    this.#close = listener;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#clock.soon(() => {
      this.#isPaused = false;
      this.#deliver();
    });
  }

  close(fault?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#kept = [];
    this.#deps.forget();
    this.#clock.soon(() => this.#close(fault));
  }

  #deliver(): void {
    while (!this.#isPaused && !this.#isOver && this.#kept.length > 0) {
      const frame = this.#kept.shift();
      if (frame === undefined) return this.close();
      if (frame.kind === 'data') this.#keptBytes -= frame.bytes.byteLength;
      this.#message(frame);
    }
  }
}
