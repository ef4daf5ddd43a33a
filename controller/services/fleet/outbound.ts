import type { ControllerFrame } from '../../../proto/frame.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import { refuseInactive } from '../../domain/messages/commands/refuse-inactive.ts';
import type { SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';
import { Assignments } from './assignments.ts';
import { Delivery } from './delivery.ts';
import { settledUpTo } from './encode.ts';
import type { FlowControl } from './flow-control.ts';
import { SetSender } from './set-sender.ts';
import type { StreamDeps } from './stream-deps.ts';

export interface OutboundDeps {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly shared: StreamDeps;
  readonly flow: FlowControl;
  readonly isLive: () => boolean;
  /** False once the stream is over. */
  send(frame: ControllerFrame): boolean;
  hasRoom(): boolean;
  failed(error: unknown): void;
}

/** What one node is told: what it should hold, as a full set and changes to it, and the messages of its sessions. Nothing before it is live. */
export class Outbound {
  readonly #deps: OutboundDeps;
  readonly #assignments: Assignments;
  readonly #set: SetSender;
  readonly #delivery: Delivery;

  constructor(deps: OutboundDeps) {
    this.#deps = deps;
    const { shared, flow, send, hasRoom, failed } = deps;
    const { view, random, turns, barriers, applier, secrets } = shared;
    this.#assignments = new Assignments(deps.nodeId, view, random);
    this.#delivery = new Delivery({
      view,
      barriers,
      send,
      hasRoom,
      refuse: ({ id, sessionId }) => flow.decide(applier.apply(refuseInactive(id)), () => this.#delivery.due(sessionId)),
      getsSecrets: (session) => secrets.withheldFrom?.(session) !== true,
    });
    this.#set = new SetSender({
      assignments: this.#assignments,
      turns,
      send,
      sent: (rows) => {
        for (const { id, desired, phase } of rows) if (desired === 'running' && phase === 'running') this.#delivery.due(id);
      },
      failed,
    });
  }

  /** The node has taken in all that it should hold. */
  get agreed(): boolean {
    return this.#set.agreed;
  }

  /** Begins a full set: the stream has just become live. */
  begin(): void {
    this.#set.begin();
  }

  /** Rows of this node's sessions have changed. */
  changed(sessions: readonly SessionRow[], tombstones: readonly TombstoneRow[]): void {
    if (!this.#deps.isLive()) return;
    for (const { id } of tombstones) this.#delivery.forget(id);
    const change = this.#assignments.change(sessions, tombstones);
    if (change !== undefined) this.#deps.send(change);
  }

  /** A message of one of this node's sessions waits to be delivered. */
  messageDue(session: SessionId): void {
    if (this.#deps.isLive()) this.#delivery.due(session);
  }

  /** The guest of a session came up, perhaps anew. */
  guestUp(session: SessionId): void {
    if (this.#deps.isLive()) this.#delivery.restart(session);
  }

  /** The messages of one of this node's sessions were cleared. */
  cleared(session: SessionRow): void {
    if (!this.#deps.isLive()) return;
    this.#deps.send(settledUpTo(this.#deps.shared.view, session));
    this.#delivery.due(session.id);
  }

  /** The link has room again. */
  drained(): void {
    this.#delivery.drained();
  }

  /** The node took a part of a set in. False when it is none that was sent. */
  taken(setId: string, part: number): boolean {
    return this.#set.taken(setId, part);
  }

  /** Whether a judgement of this set is about what the node was told last, all of which it has. */
  isWhole(setId: string): boolean {
    return setId === this.#assignments.setId && !this.#set.isSending;
  }

  /**
   * Compares rows, what was told and what the node holds, against what nobody foresaw; where they differ, it is told everything anew.
   * `done` is called once, when the rows were compared, or there is nothing to compare.
   */
  compare(done: () => void): void {
    const { isLive, send, failed, shared } = this.#deps;
    if (!isLive() || this.#set.isSending) return done();
    const comparison = this.#assignments.comparison();
    shared.turns.add(
      () => {
        const found = isLive() && !this.#set.isSending ? comparison.next() : 'over';
        if (found === 'more') return true;
        if (found === 'agrees') send(this.#assignments.digest());
        if (found === 'differs') this.differs('told');
        if (found !== 'over') shared.metrics.compared.add(1, { outcome: found });
        done();
        return false;
      },
      (error) => {
        failed(error);
        done();
      },
    );
  }

  /** What the node was told, or what it holds, is not what the rows say. */
  differs(what: 'told' | 'held'): void {
    this.#deps.shared.log.warn('node.set_differs', { node: this.#deps.name, what });
    this.#set.begin();
  }

  close(): void {
    this.#set.close();
  }
}
