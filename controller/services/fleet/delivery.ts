import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Barriers } from '../../../seams/barrier.ts';
import { mayAnswer } from '../../domain/answering.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { MessageRow } from '../../domain/rows.ts';
import type { View } from '../../domain/view.ts';
import { deliver, stopAgent } from './frames.ts';

/** Most messages of one session that are on their way to its guest and not held there yet. */
const WINDOW = 32;

/**
 * Brings the user messages of the sessions on one stream to their guests, in order. Driven by the rows: whatever is
 * neither accepted nor answered, and was not sent on this stream since the guest last came up, is sent. What names an agent that
 * is not to be asked any more is refused in its place.
 */
export class Delivery {
  readonly #view: View;
  readonly #barriers: Barriers;
  readonly #send: (frame: ControllerFrame) => boolean;
  readonly #refuse: (message: MessageRow) => void;
  readonly #sent = new Map<SessionId, number>();
  readonly #held = new Set<SessionId>();

  /** `refuse` answers a message whose agent is not to be asked, or has it told that it is due again. It may be called twice. */
  constructor(view: View, barriers: Barriers, send: (frame: ControllerFrame) => boolean, refuse: (message: MessageRow) => void) {
    this.#view = view;
    this.#barriers = barriers;
    this.#send = send;
    this.#refuse = refuse;
  }

  /** The guest came up, perhaps anew: what it does not hold is sent again, and it begins nothing that is not to be asked any more. */
  restart(session: SessionId): void {
    this.#sent.delete(session);
    this.#stopInactive(session);
    this.due(session);
  }

  forget(session: SessionId): void {
    this.#sent.delete(session);
  }

  /** Something of a session has changed: sends what can be sent. */
  due(sessionId: SessionId): void {
    const held = this.#barriers.reach('message.committed');
    if (held === undefined) return this.#deliver(sessionId);
    if (this.#held.has(sessionId)) return;
    this.#held.add(sessionId);
    void held.then(() => {
      this.#held.delete(sessionId);
      this.#deliver(sessionId);
    });
  }

  #stopInactive(sessionId: SessionId): void {
    const session = this.#view.get('sessions', sessionId);
    if (session === undefined || session.outstanding === 0) return;
    const held = this.#view.unanswered(sessionId).flatMap(({ agent, acceptedAt }) => (acceptedAt === null ? [] : (agent ?? [])));
    for (const agent of new Set(held)) if (!mayAnswer(this.#view, session, agent)) this.#send(stopAgent(session.spaceId, agent, false));
  }

  #deliver(sessionId: SessionId): void {
    const session = this.#view.get('sessions', sessionId);
    if (session === undefined || session.desired !== 'running' || session.phase !== 'running') return;
    let underWay = 0;
    let seq = 0;
    for (const message of this.#view.unanswered(sessionId)) {
      if (message.agent === null) continue;
      const afterSeq = seq;
      seq = message.seq;
      if (message.acceptedAt !== null) continue;
      underWay += 1;
      if (underWay > WINDOW) return;
      if (message.seq <= (this.#sent.get(sessionId) ?? 0)) continue;
      if (!mayAnswer(this.#view, session, message.agent)) return this.#refuse(message);
      if (!this.#send(deliver(this.#view, session, message, message.agent, afterSeq))) return;
      this.#sent.set(sessionId, message.seq);
    }
  }
}
