import type { AssignmentChange__Output as AssignmentChange } from '../../proto/generated/raworc/node/v0/AssignmentChange.ts';
import type { AssignmentSet__Output as AssignmentSet } from '../../proto/generated/raworc/node/v0/AssignmentSet.ts';
import type { SetDigest__Output as SetDigest } from '../../proto/generated/raworc/node/v0/SetDigest.ts';
import type { Relay } from '../guests/relay.ts';
import type { Host } from '../host.ts';
import type { Sessions } from '../session/sessions.ts';
import { AssignedSet } from './assigned-set.ts';
import { decodeAssignment, decodeTombstone } from './decode.ts';
import type { Outbox } from './outbox.ts';

export interface AssignmentsDeps extends Pick<Host, 'ledger'> {
  readonly sessions: Sessions;
  readonly relay: Relay;
  readonly outbox: Outbox;
  /** Waits for a write to the ledger. One that fails ends the node agent. */
  durable<T>(write: Promise<T>): Promise<T>;
  /**
   * Called when the last part of a set was taken, with the numbers of assigned and of newly
   * unassigned sessions.
   */
  complete(assigned: number, unassigned: number): void;
}

/** The assignments of this node: a set in parts on each new stream, then changes to it. */
export class Assignments {
  readonly #deps: AssignmentsDeps;
  #set = new AssignedSet();
  #epoch: number | undefined;
  #isConfirmed = false;

  constructor(deps: AssignmentsDeps) {
    this.#deps = deps;
  }

  /** Whether the controller has named the session since this node agent started. */
  confirmed(sessionId: string): boolean {
    return this.#isConfirmed || this.#set.named.has(sessionId);
  }

  /** A new stream begins. */
  begin(): void {
    this.#set = new AssignedSet();
  }

  /** The controller's store is of this epoch. */
  welcomed(epoch: number): void {
    this.#epoch = epoch;
  }

  async part(part: AssignmentSet): Promise<void> {
    const { setId, part: number, more } = part;
    // Not with the welcome: only now is the node in the controller's store. If it had an older
    // backup, it readmits the node by its older epoch.
    if (this.#epoch !== undefined) await this.#deps.durable(this.#deps.ledger.setEpoch(this.#epoch));
    this.#set.part(part);
    await this.#take(part, true);
    if (!more) await this.#complete();
    this.#deps.outbox.keep(`set-part:${setId}:${number}`, { kind: 'setPartTaken', value: { setId, part: Math.max(1, number) } });
  }

  change(change: AssignmentChange): Promise<void> {
    this.#set.change(change);
    return this.#take(change, false);
  }

  /** Answers whether this node has the same set as the controller. */
  digest(digest: SetDigest): void {
    const { setId, number, sessions, sum } = digest;
    this.#set.expect(digest);
    const own = this.#deps.ledger.sum();
    const agrees = own.sessions === sessions && own.text === sum;
    this.#deps.outbox.keep('set-judged', { kind: 'setJudged', value: { setId, number, agrees } });
  }

  async #take(change: Pick<AssignmentSet, 'assignments' | 'tombstones'>, isSet: boolean): Promise<void> {
    const { ledger, sessions, relay, durable } = this.#deps;
    const tombstones = change.tombstones.map(decodeTombstone);
    // Before the session can start, so that its guest is welcomed with them.
    for (const { cancelled } of change.assignments) for (const cancel of cancelled) relay.cancelMessage(cancel);
    const claimed = new Set<string>();
    const adopted: string[] = [];
    for (const { sessionId, slot } of change.assignments) {
      const before = ledger.assignment(sessionId);
      if (before?.slot === true && !slot) claimed.add(sessionId);
      if (before === undefined || claimed.has(sessionId)) adopted.push(sessionId);
    }
    const taken = await durable(ledger.take(change.assignments.map(decodeAssignment), tombstones));
    this.#set.name(change.assignments.map(({ sessionId }) => sessionId));
    for (const { sessionId, settledSeq } of change.assignments) relay.settledUpTo(sessionId, settledSeq);
    for (const sessionId of adopted) relay.adopted(sessionId);
    if (isSet) {
      const failed = change.assignments.filter(({ desired }) => desired === 'DESIRED_FAILED');
      sessions.endFirst([...tombstones, ...failed].map(({ sessionId }) => sessionId));
    }
    for (const { sessionId } of tombstones) sessions.of(sessionId).askRemoval();
    for (const { sessionId } of change.assignments) {
      if (this.#isConfirmed && !taken.has(sessionId)) continue;
      if (claimed.has(sessionId)) sessions.of(sessionId).claimed();
      else sessions.of(sessionId).wake();
    }
  }

  /** The set is complete: sessions that it does not name are unassigned. */
  async #complete(): Promise<void> {
    const { ledger, sessions, durable, complete } = this.#deps;
    const { named } = this.#set;
    const unassigned = await durable(ledger.unassignBeyond(named));
    this.#set.complete();
    for (const sessionId of unassigned) sessions.of(sessionId).wake();
    if (!this.#isConfirmed) {
      this.#isConfirmed = true;
      // Named sessions were woken with their part.
      for (const reconciler of sessions.all()) if (!named.has(reconciler.sessionId)) reconciler.wake();
    }
    complete(named.size, unassigned.length);
  }
}
