import type { StreamReason } from './reasons.ts';
import type { StreamFrame, StreamLink } from './stream-frame.ts';
import { Credit } from './stream-state.ts';

/** How a passage ended: both directions were closed, one end reset it, or the reason. */
export type PassageEnd = 'closed' | 'reset' | StreamReason;

interface Side {
  readonly link: StreamLink;
  /** Bytes that this side can still send. */
  readonly credit: Credit;
  /** Sent to the other side when this one's link is lost. */
  readonly lost: StreamReason;
  /** Frames of this side that the other side's link has not taken yet. */
  readonly held: StreamFrame[];
  isPaused: boolean;
  hasEnded: boolean;
}

export interface PassageOptions {
  readonly guest: StreamLink;
  readonly controller: StreamLink;
  /** Bytes that the controller granted the guest when it opened the stream. */
  readonly credit: number;
  /** Why the stream ends when one of the links does. Default: the guest or the controller was lost. */
  readonly lost?: { readonly guest: StreamReason; readonly controller: StreamReason };
  readonly passed: (from: 'guest' | 'controller', bytes: number) => void;
  readonly ended: (end: PassageEnd) => void;
}

/**
 * Forwards a byte stream between a guest and the controller, frame by frame. It trusts neither: an
 * end that exceeds its credit ends the stream, so the windows of the two ends bound the memory used
 * here. `ended` is called once.
 */
export class Passage {
  readonly #guest: Side;
  readonly #controller: Side;
  readonly #passed: PassageOptions['passed'];
  readonly #ended: PassageOptions['ended'];
  #isOver = false;

  constructor({ guest, controller, credit, lost, passed, ended }: PassageOptions) {
    this.#guest = {
      link: guest,
      credit: new Credit(credit),
      lost: lost?.guest ?? 'guest_lost',
      held: [],
      isPaused: false,
      hasEnded: false,
    };
    this.#controller = {
      link: controller,
      credit: new Credit(0),
      lost: lost?.controller ?? 'controller_lost',
      held: [],
      isPaused: false,
      hasEnded: false,
    };
    this.#passed = passed;
    this.#ended = ended;
    this.#join(this.#guest, this.#controller);
    this.#join(this.#controller, this.#guest);
  }

  /** Ends both sides with this reason. */
  end(reason: StreamReason): void {
    this.#end(reason, { kind: 'reset', reason, message: '' }, [this.#guest, this.#controller]);
  }

  #join(from: Side, to: Side): void {
    from.link.onMessage((frame) => {
      if (this.#isOver) return;
      if (!this.#isAllowed(from, to, frame)) return this.end('protocol');
      if (frame.kind === 'reset') return this.#end('reset', frame, [to]);
      from.held.push(frame);
      this.#pass(from, to);
    });
    to.link.onDrain(() => this.#pass(from, to));
    from.link.onClose(() => {
      if (this.#isOver) return;
      this.#end(from.lost, { kind: 'reset', reason: from.lost, message: '' }, [to]);
    });
  }

  #isAllowed(from: Side, to: Side, frame: StreamFrame): boolean {
    switch (frame.kind) {
      case 'data':
        return !from.hasEnded && from.credit.take(frame.bytes.byteLength);
      case 'credit':
        return to.credit.grant(frame.bytes);
      case 'end': {
        const isFirst = !from.hasEnded;
        from.hasEnded = true;
        return isFirst;
      }
      case 'reset':
        return true;
      case 'open':
        return false;
      default:
        return frame satisfies never;
    }
  }

  #pass(from: Side, to: Side): void {
    if (this.#isOver) return;
    for (;;) {
      const frame = from.held[0];
      if (frame === undefined) break;
      if (!to.link.send(frame)) {
        from.isPaused = true;
        return from.link.pause();
      }
      from.held.shift();
      if (frame.kind === 'data') this.#passed(from === this.#guest ? 'guest' : 'controller', frame.bytes.byteLength);
    }
    if (this.#guest.hasEnded && this.#controller.hasEnded && to.held.length === 0) return this.#end('closed', undefined, []);
    if (!from.isPaused) return;
    from.isPaused = false;
    from.link.resume();
  }

  #end(end: PassageEnd, last: StreamFrame | undefined, told: readonly Side[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const side of [this.#guest, this.#controller]) {
      if (last !== undefined && told.includes(side)) side.link.send(last);
      side.link.close();
    }
    this.#ended(end);
  }
}
