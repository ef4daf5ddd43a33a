import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { Channels } from '../../../proto/streams/channels.ts';
import { encodeSharedOpen, SHARED, type SharedOpen } from '../../../proto/streams/shared-stream.ts';
import type { StreamLink } from '../../../proto/streams/stream-frame.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';

/** How long a shared stream stays open without a stream in it. */
export const SHARED_IDLE_MS = 30_000;
/** How long a session whose guest refused one, or lost it, is left alone: it can be older than these. */
const REFUSED_MS = 10_000;

export interface SharedTarget {
  readonly id: SessionId;
  readonly nodeId: NodeId | null;
  readonly generation: number;
}

export interface SharedStreamsDeps {
  readonly clock: Clock;
  open(session: SharedTarget, request: { readonly kind: string; readonly parameters: unknown }): Promise<Outcome<ByteStream>>;
}

interface Shared {
  readonly target: SharedTarget;
  /** Undefined while it is being opened, and after a refusal. */
  channels: Channels | undefined;
  timer: Timer | undefined;
}

/**
 * One byte stream per session for all of its short ones. It is opened beside the first short stream,
 * which does not wait for it, and closed when the session had none for a while.
 */
export class SharedStreams {
  readonly #deps: SharedStreamsDeps;
  readonly #ofSession = new Map<SessionId, Shared>();
  #isClosing = false;

  constructor(deps: SharedStreamsDeps) {
    this.#deps = deps;
  }

  /** Opens a stream at once, without a round trip. Undefined: there is no shared stream yet. */
  start(session: SharedTarget, open: SharedOpen, credit: number): StreamLink | undefined {
    const known = this.#ofSession.get(session.id);
    if (known === undefined || known.target.generation !== session.generation || known.target.nodeId !== session.nodeId) {
      known?.channels?.close();
      this.#open(session);
      return undefined;
    }
    if (known.channels === undefined) return undefined;
    const link = known.channels.start(encodeSharedOpen(open), credit);
    this.#rest(known);
    return link;
  }

  close(): void {
    this.#isClosing = true;
    for (const { channels, timer } of this.#ofSession.values()) {
      timer?.cancel();
      channels?.close();
    }
    this.#ofSession.clear();
  }

  #open(target: SharedTarget): void {
    if (this.#isClosing) return;
    this.#ofSession.get(target.id)?.timer?.cancel();
    const shared: Shared = { target, channels: undefined, timer: undefined };
    this.#ofSession.set(target.id, shared);
    // After the stream that it is opened beside.
    this.#deps.clock.soon(() => this.#connect(shared));
  }

  #connect(shared: Shared): void {
    const { target } = shared;
    if (this.#isClosing) return;
    this.#deps.open(target, { kind: SHARED, parameters: {} }).then(
      (stream) => {
        const isWanted = this.#ofSession.get(target.id) === shared;
        if (!stream.ok) this.#lost(shared);
        else if (!isWanted) stream.value.destroy();
        else {
          shared.channels = new Channels(stream.value, this.#deps.clock, { closed: () => this.#lost(shared) });
          this.#rest(shared);
        }
      },
      () => this.#lost(shared),
    );
  }

  #rest(shared: Shared): void {
    shared.timer?.cancel();
    shared.timer = this.#deps.clock.after(SHARED_IDLE_MS, () => {
      if (shared.channels !== undefined && shared.channels.open > 0) return this.#rest(shared);
      const { channels } = shared;
      this.#forget(shared);
      channels?.close();
    });
  }

  #lost(shared: Shared): void {
    shared.timer?.cancel();
    shared.channels = undefined;
    if (this.#ofSession.get(shared.target.id) !== shared) return;
    shared.timer = this.#deps.clock.after(REFUSED_MS, () => this.#forget(shared));
  }

  #forget(shared: Shared): void {
    shared.timer?.cancel();
    if (this.#ofSession.get(shared.target.id) === shared) this.#ofSession.delete(shared.target.id);
  }
}
