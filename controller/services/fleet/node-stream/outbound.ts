import type { ControllerFrame } from '../../../../proto/frame.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import { refuseInactive } from '../../../domain/messages/commands/refuse-inactive-agent.ts';
import type { QueueRow } from '../../../domain/messages/rows.ts';
import type { SessionRow, TombstoneRow } from '../../../domain/sessions/rows.ts';
import { Assignments } from '../assignments.ts';
import { Delivery } from '../delivery.ts';
import { cancelMessage, settledUpTo } from '../encode.ts';
import { SetSender } from '../set-sender.ts';
import type { Stream } from './deps.ts';
import type { FlowControl } from './flow-control.ts';

/**
 * Sends one node what it should hold, as a full set with changes, and the messages of its sessions.
 * Sends nothing before the stream is live.
 */
export class Outbound {
  readonly #stream: Stream;
  readonly #assignments: Assignments;
  readonly #set: SetSender;
  readonly #delivery: Delivery;

  constructor(stream: Stream, flow: FlowControl) {
    this.#stream = stream;
    const { nodeId, link, shared } = stream;
    const { view, random, slices, barriers, applier, secrets } = shared;
    const send = (frame: ControllerFrame) => stream.send(frame);
    this.#assignments = new Assignments(nodeId, view, random);
    this.#delivery = new Delivery({
      view,
      barriers,
      send,
      isDraining: () => shared.isDraining(nodeId),
      hasRoom: () => link.hasRoom?.() ?? true,
      refuse: ({ id, sessionId }) => flow.decide(applier.apply(refuseInactive(id)), () => this.#delivery.due(sessionId)),
      getsSecrets: (session) => secrets.withheldFrom?.(session) !== true,
    });
    this.#set = new SetSender({
      assignments: this.#assignments,
      slices,
      send,
      sent: (rows) => {
        for (const { id, desired, phase } of rows) if (desired === 'running' && phase === 'running') this.#delivery.due(id);
      },
      failed: (error) => stream.failed(error),
    });
    link.onDrain(() => this.#delivery.drained());
  }

  /** Whether the node has everything that it should hold. */
  get agreed(): boolean {
    return this.#set.agreed;
  }

  /** Starts a full set on a stream that has just become live. */
  begin(): void {
    this.#set.begin();
  }

  /**
   * Sends all messages that wait for running sessions. A full set names those sessions page by page.
   */
  resume(): void {
    if (this.#stream.isLive) this.#set.begin();
  }

  /** Sends changed rows of this node's sessions. */
  changed(sessions: readonly SessionRow[], tombstones: readonly TombstoneRow[]): void {
    if (!this.#stream.isLive) return;
    for (const { id } of tombstones) this.#delivery.forget(id);
    const change = this.#assignments.change(sessions, tombstones);
    if (change !== undefined) this.#stream.send(change);
  }

  /** A message of one of this node's sessions is ready for delivery. */
  messageDue(session: SessionId): void {
    if (this.#stream.isLive) this.#delivery.due(session);
  }

  /** The guest of one of this node's sessions accepted a message. */
  messageAccepted(session: SessionId): void {
    if (this.#stream.isLive) this.#delivery.accepted(session);
  }

  /** A message was cancelled. The node keeps that for the session's guests; a full set repeats it. */
  cancelled(queued: QueueRow): void {
    if (this.#stream.isLive && this.#stream.facts.cancelsMessages)
      this.#stream.send({ kind: 'cancelMessage', value: cancelMessage(queued) });
  }

  /** The guest of a session started, perhaps again. */
  guestUp(session: SessionId): void {
    if (this.#stream.isLive) this.#delivery.restart(session);
  }

  /** The messages of one of this node's sessions were cleared. */
  cleared(session: SessionRow): void {
    if (!this.#stream.isLive) return;
    this.#stream.send(settledUpTo(this.#stream.shared.view, session));
    this.#delivery.due(session.id);
  }

  /** Records that the node acknowledged a part of a set. Returns false if it was not sent. */
  taken(setId: string, part: number): boolean {
    return this.#set.taken(setId, part);
  }

  /** Returns whether a verdict on this set covers everything sent to the node, all applied. */
  isWhole(setId: string): boolean {
    return setId === this.#assignments.setId && !this.#set.isSending;
  }

  /**
   * Compares the rows with what was sent and with what the node holds, and sends a full set if they
   * differ. Calls `done` once, after comparing the rows.
   */
  compare(done: () => void): void {
    const stream = this.#stream;
    if (!stream.isLive || this.#set.isSending) return done();
    const comparison = this.#assignments.comparison();
    stream.shared.slices.repeat(
      () => {
        const found = stream.isLive && !this.#set.isSending ? comparison.next() : 'over';
        if (found === 'more') return true;
        if (found === 'agrees') stream.send(this.#assignments.digest());
        if (found === 'differs') this.differs('told');
        if (found !== 'over') stream.shared.metrics.compared.add(1, { outcome: found });
        done();
        return false;
      },
      (error) => {
        stream.failed(error);
        done();
      },
    );
  }

  /** Sends a full set, since what was sent or what the node holds differs from the rows. */
  differs(what: 'told' | 'held'): void {
    this.#stream.shared.log.warn('node.set_differs', { node: this.#stream.name, what });
    this.#set.begin();
  }

  close(): void {
    this.#set.close();
  }
}
