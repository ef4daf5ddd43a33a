import type { Codec } from '../../../proto/codec.ts';
import type { Link } from '../../../proto/link.ts';
import type { Timer } from '../../../seams/clock.ts';
import type { SimulatedTime } from './clock.ts';
import type { Life } from './life.ts';

/** The connection between two machines. */
export interface Route {
  latencyMs(): number;
  /** While true, nothing arrives. Frames wait, as TCP would repeat them. */
  isCut(): boolean;
}

interface Framed {
  readonly kind: string;
}

export interface Party<Out, In> {
  readonly life: Life;
  readonly out: Codec<Out>;
  readonly in: Codec<In>;
}

export interface ConnectionOptions<Frame> {
  readonly time: SimulatedTime;
  readonly route: Route;
  /** Maximum frames in flight of one side; beyond it, `send` returns false. */
  readonly bound: number;
  /** Called with each frame sent. */
  readonly sent: (from: string, kind: string, bytes: number, frame: Frame) => void;
}

const SILENCE_MS = 15_000;

/**
 * A connection between two processes. Frames pass the real codecs and arrive once and in order,
 * until the connection is cut, a process dies, or each side gives up after a long silence.
 */
export class Connection<A extends Framed, B extends Framed> {
  readonly left: End<A, B>;
  readonly right: End<B, A>;
  readonly #options: ConnectionOptions<A | B>;
  #silence: Timer | undefined;

  constructor(left: Party<A, B>, right: Party<B, A>, options: ConnectionOptions<A | B>) {
    this.#options = options;
    this.left = new End<A, B>(left, options);
    this.right = new End<B, A>(right, options);
    this.left.join(this.right);
    this.right.join(this.left);
  }

  get isOver(): boolean {
    return this.left.isOver && this.right.isOver;
  }

  /** Cuts the connection. Both sides notice, at different times; frames in flight are lost. */
  cut(delayMs: () => number): void {
    this.left.lose(delayMs());
    this.right.lose(delayMs());
  }

  /** Stops delivery. If it lasts, each side closes because its keepalives are not answered. */
  silent(delayMs: () => number): void {
    this.#silence?.cancel();
    this.#silence = this.#options.time.schedule(SILENCE_MS, () => this.cut(delayMs));
  }

  /** Resumes delivery. */
  heard(): void {
    this.#silence?.cancel();
    this.#silence = undefined;
    this.left.flow();
    this.right.flow();
  }
}

type Arriving = { readonly at: number; readonly bytes: Buffer } | { readonly at: number; readonly end: true };

class End<Out extends Framed, In extends Framed> implements Link<Out, In> {
  readonly #party: Party<Out, In>;
  readonly #options: ConnectionOptions<Out | In>;
  readonly #death: { cancel(): void };
  #peer: End<In, Out> | undefined;
  #arriving: Arriving[] = [];
  #lastAt = 0;
  #flowing: Timer | undefined;
  #paused = false;
  #refused = false;
  /** Nothing arrives any more, and this side does not know yet. */
  #isDeaf = false;
  #over = false;
  #message: (frame: In) => void = () => undefined;
  #drain: () => void = () => undefined;
  #close: (fault: Error | undefined) => void = () => undefined;

  constructor(party: Party<Out, In>, options: ConnectionOptions<Out | In>) {
    this.#party = party;
    this.#options = options;
    this.#death = party.life.atDeath(() => this.#finish());
  }

  join(peer: End<In, Out>): void {
    this.#peer = peer;
  }

  get isOver(): boolean {
    return this.#over;
  }

  send(frame: Out): boolean {
    const peer = this.#peer;
    if (this.#over || peer === undefined || this.#party.life.isDead) return false;
    if (peer.backlog >= this.#options.bound) {
      this.#refused = true;
      return false;
    }
    const bytes = this.#party.out.encode(frame);
    this.#options.sent(this.#party.life.name, frame.kind, bytes.byteLength, frame);
    peer.arrive({ at: this.#options.time.now + this.#options.route.latencyMs(), bytes });
    return true;
  }

  get backlog(): number {
    return this.#arriving.length;
  }

  arrive(arriving: Arriving): void {
    if (this.#over || this.#isDeaf) return;
    this.#lastAt = Math.max(this.#lastAt, arriving.at);
    this.#arriving.push({ ...arriving, at: this.#lastAt });
    this.flow();
  }

  /** Delivers the next frame when it is due and there is room. */
  flow(): void {
    const next = this.#arriving[0];
    if (next === undefined || this.#flowing !== undefined || this.#over) return;
    this.#flowing = this.#options.time.schedule(next.at - this.#options.time.now, () => {
      this.#flowing = undefined;
      if (this.#options.route.isCut()) return;
      this.#party.life.run(() => this.#take());
    });
  }

  onMessage(listener: (frame: In) => void): void {
    this.#message = listener;
  }
  onDrain(listener: () => void): void {
    this.#drain = listener;
  }
  onClose(listener: (fault: Error | undefined) => void): void {
    this.#close = listener;
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.flow();
  }

  close(fault?: Error): void {
    if (this.#over || this.#party.life.isDead) return;
    this.#tellPeer();
    this.#end(fault);
  }

  lose(delayMs: number): void {
    this.#arriving = [];
    this.#isDeaf = true;
    this.#options.time.schedule(delayMs, () => this.#party.life.run(() => this.#end(new Error('the connection was lost'))));
  }

  room(): void {
    if (!this.#refused || this.#over) return;
    this.#refused = false;
    this.#options.time.schedule(0, () => this.#party.life.run(() => this.#over || this.#drain()));
  }

  #take(): void {
    if (this.#paused || this.#over) return;
    const arrived = this.#arriving.shift();
    if (arrived === undefined) return;
    if (this.#arriving.length < this.#options.bound / 2) this.#peer?.room();
    if ('end' in arrived) {
      this.#end(undefined);
      return;
    }
    let frame: In;
    try {
      frame = this.#party.in.decode(arrived.bytes);
    } catch (fault) {
      this.close(fault instanceof Error ? fault : new Error(String(fault)));
      return;
    }
    this.flow();
    this.#message(frame);
  }

  #tellPeer(): void {
    this.#peer?.arrive({ at: this.#options.time.now + this.#options.route.latencyMs(), end: true });
  }

  #end(fault: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#arriving = [];
    this.#death.cancel();
    this.#options.time.schedule(0, () => this.#party.life.run(() => this.#close(fault)));
  }

  /** The process is gone, and its kernel closes the connection. */
  #finish(): void {
    if (this.#over) return;
    this.#tellPeer();
    this.#over = true;
    this.#arriving = [];
  }
}
