import type { ControllerFrame } from '../../../proto/frame.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { TimeSlices } from '../engine/time-slices.ts';
import type { Assignments } from './assignments.ts';

/** Parts sent ahead of the node's acknowledgements. They fit into the stream's queue four times. */
export const PARTS_AHEAD = 4;

export interface SetSenderDeps {
  readonly assignments: Assignments;
  readonly slices: TimeSlices;
  /** False once the stream is over. */
  send(frame: ControllerFrame): boolean;
  /** Called with the sessions of a part that was just sent. */
  sent(sessions: readonly SessionRow[]): void;
  failed(error: unknown): void;
}

/**
 * Sends a stream's full set in parts, taking turns with other streams, and only a few parts ahead
 * of the node.
 */
export class SetSender {
  readonly #deps: SetSenderDeps;
  #sent = 0;
  #taken = 0;
  #isWhole = false;
  #isQueued = false;
  #agreed = false;
  #closed = false;

  constructor(deps: SetSenderDeps) {
    this.#deps = deps;
  }

  /** Whether the node has everything that it should hold. */
  get agreed(): boolean {
    return this.#agreed;
  }

  /** Whether a full set is in progress. */
  get isSending(): boolean {
    return !this.#isWhole || this.#taken < this.#sent;
  }

  /** Starts a full set. Sends the first part at once, so that no change overtakes it. */
  begin(): void {
    this.#deps.assignments.begin();
    [this.#sent, this.#taken, this.#isWhole, this.#agreed] = [0, 0, false, false];
    this.#next();
    this.#queue();
  }

  /** The node has applied a part. Returns false if it was never sent. */
  taken(setId: string, part: number): boolean {
    if (setId !== this.#deps.assignments.setId) return true;
    if (part !== this.#taken + 1 || part > this.#sent) return false;
    this.#taken = part;
    if (this.#isWhole && this.#taken === this.#sent) this.#agreed = true;
    else this.#queue();
    return true;
  }

  close(): void {
    this.#closed = true;
  }

  get #mayGo(): boolean {
    return !this.#closed && !this.#isWhole && this.#sent - this.#taken < PARTS_AHEAD;
  }

  #queue(): void {
    if (this.#isQueued || !this.#mayGo) return;
    this.#isQueued = true;
    this.#deps.slices.repeat(
      () => {
        this.#isQueued = this.#mayGo && this.#next() && this.#mayGo;
        return this.#isQueued;
      },
      (error) => {
        this.#isQueued = false;
        this.#deps.failed(error);
      },
    );
  }

  #next(): boolean {
    const part = this.#deps.assignments.nextPart();
    if (part === undefined) return false;
    this.#sent += 1;
    this.#isWhole = part.frame.kind === 'assignmentSet' && !part.frame.value.more;
    if (!this.#deps.send(part.frame)) return false;
    this.#deps.sent(part.sessions);
    return true;
  }
}
