import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Barriers } from '../../../seams/barrier.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { canAnswer } from '../../domain/messages/can-answer.ts';
import { canReceive } from '../../domain/messages/router.ts';
import type { QueueRow } from '../../domain/messages/rows.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { deliver, stopAgentIn } from './encode.ts';

/** Bounds of a session's messages in flight to its guest. A single message can be larger. */
const WINDOW = { messages: 32, bytes: 1024 * 1024 } as const;

export interface DeliveryDeps {
  readonly view: View;
  readonly barriers: Barriers;
  /** Returns false once the stream has ended. */
  send(frame: ControllerFrame): boolean;
  /** Returns whether the node is drained: its sessions finish what they have and get no more. */
  isDraining?(): boolean;
  /**
   * Returns whether a message can be sent without delaying urgent frames; otherwise calls `drained`
   * later.
   */
  hasRoom(): boolean;
  /**
   * Refuses a message to an inactive agent, unless the agent is active again. Can be called twice.
   */
  refuse(queued: QueueRow): void;
  /**
   * Returns whether messages of a session wait for the newest secrets of its space. Default: all
   * do.
   */
  getsSecrets?(session: SessionRow): boolean;
}

/**
 * Delivers user messages of a stream's sessions to their guests, in order. Driven by the rows:
 * sends, within a window, every message that is neither accepted nor answered and was not sent
 * since the guest last started. Messages to inactive agents are refused instead.
 */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #sent = new Map<SessionId, number>();
  readonly #held = new Set<SessionId>();
  /** Sessions with something to send once the stream has room. */
  readonly #waiting = new Set<SessionId>();
  /** Sessions that can have more messages than were sent. */
  readonly #unsent = new Set<SessionId>();

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** The stream has room again. */
  drained(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const session of waiting) this.#deliver(session);
  }

  /**
   * The guest started or restarted: sends the messages that it lacks, and refuses those that it
   * must not start.
   */
  restart(session: SessionId): void {
    this.#sent.delete(session);
    this.#stopInactive(session);
    this.due(session);
  }

  forget(session: SessionId): void {
    this.#sent.delete(session);
    this.#unsent.delete(session);
  }

  /** The guest accepted a message, so the session's window has moved. */
  accepted(session: SessionId): void {
    if (this.#unsent.has(session)) this.due(session);
  }

  /** A session has changed: sends what can be sent. */
  due(sessionId: SessionId): void {
    const held = this.#deps.barriers.reach('message.committed');
    if (held === undefined) return this.#deliver(sessionId);
    if (this.#held.has(sessionId)) return;
    this.#held.add(sessionId);
    void held.then(() => {
      this.#held.delete(sessionId);
      this.#deliver(sessionId);
    });
  }

  #stopInactive(sessionId: SessionId): void {
    const session = this.#deps.view.get('sessions', sessionId);
    if (session === undefined || session.outstanding === 0) return;
    // Also those without a message of their own: a run in progress could ask them.
    for (const { name } of session.agents) if (!canAnswer(this.#deps.view, session, name)) this.#deps.send(stopAgentIn(session, name));
  }

  #deliver(sessionId: SessionId): void {
    const session = this.#deps.view.get('sessions', sessionId);
    if (session === undefined || session.desired !== 'running' || session.phase !== 'running') return;
    if (this.#deps.isDraining?.() === true) return;
    const sent = this.#sent.get(sessionId) ?? 0;
    let bytes = 0;
    const undelivered = this.#deps.view.undelivered(sessionId, WINDOW.messages);
    this.#unsent.add(sessionId);
    for (const queued of undelivered) {
      const isFirst = bytes === 0;
      bytes += queued.bytes;
      if (bytes > WINDOW.bytes && !isFirst) return;
      if (queued.seq <= sent || queued.agent === null) continue;
      if (!canReceive(this.#deps.view, session, queued.agent)) return this.#deps.refuse(queued);
      if (!this.#deps.hasRoom()) {
        this.#waiting.add(sessionId);
        return;
      }
      const message = this.#deps.view.get('messages', queued.id);
      if (message === undefined) return;
      const afterSeq = this.#deps.view.unansweredBefore(sessionId, queued.seq);
      const getsSecrets = this.#deps.getsSecrets?.(session) ?? true;
      if (!this.#deps.send(deliver(this.#deps.view, session, message, { agent: queued.agent, afterSeq, getsSecrets }))) return;
      this.#sent.set(sessionId, queued.seq);
    }
    if (undelivered.length < WINDOW.messages) this.#unsent.delete(sessionId);
  }
}
