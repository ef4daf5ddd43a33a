import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { NewEvent } from '../../../../controller/domain/events/events.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../../controller/domain/slots/rows.ts';
import type { Chronicle } from '../chronicle.ts';
import type { Machine } from '../machine.ts';

export interface SlotAuditDeps {
  readonly chronicle: Chronicle;
  readonly view: () => View;
  readonly violation: (what: string) => void;
}

/** What of a slot a session has as well. */
const KEPT = ['spaceId', 'nodeId', 'image', 'profile', 'imageName', 'buildId', 'agents', 'requests', 'limits'] as const;
const CLAIMED_GENERATION = 2;

/**
 * Sessions started ahead of need: each is taken once, when it is ready, by a session of the same
 * kind. Until then no client can see it. A slot that nobody takes leaves nothing behind.
 */
export class SlotAudit {
  readonly #deps: SlotAuditDeps;
  /** As last committed. */
  readonly rows = new Map<string, SlotRow>();
  /** Sessions that took one. */
  readonly claimed = new Set<string>();
  readonly #ever = new Set<string>();
  /** That nobody took. */
  readonly #ended = new Set<string>();
  /** Unknown to the restored store. */
  readonly #forgotten = new Set<string>();
  readonly counts = { started: 0, claimed: 0, ended: 0, forgotten: 0 };
  /** Called once one can be taken, or was. */
  readonly onReady = new Set<(slot: SlotRow) => void>();
  readonly onClaimed = new Set<(slot: SlotRow) => void>();

  constructor(deps: SlotAuditDeps) {
    this.#deps = deps;
  }

  /** Whether a node removes it by itself, since a restored store does not know of it. */
  isForgotten(id: string): boolean {
    return this.#ever.has(id) && !this.rows.has(id) && !this.#deps.chronicle.sessions.has(id);
  }

  /** Call before the chronicle. */
  committed(mutations: readonly Mutation[], events: readonly NewEvent[]): void {
    const { chronicle, violation } = this.#deps;
    const removed = new Map<string, SlotRow>();
    const made = new Set<string>();
    const buried = new Set<string>();
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'slots') this.#removed(mutation.id, removed);
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'slots') this.#put(mutation.row);
      if (mutation.table === 'tombstones') buried.add(mutation.row.id);
      if (mutation.table !== 'sessions' || made.has(mutation.row.id) || chronicle.sessions.has(mutation.row.id)) continue;
      made.add(mutation.row.id);
      this.#made(mutation.row, removed);
    }
    for (const { id, nodeId } of removed.values()) {
      this.#ended.add(id);
      this.counts.ended += 1;
      const isAway = this.#deps.view().get('nodes', nodeId)?.revokedAt != null;
      if (!buried.has(id) && !isAway) violation(`the slot ${id} ends, and its node is not told`);
    }
    for (const id of buried) {
      const row = chronicle.sessions.get(id);
      if (this.claimed.has(id) && (made.has(id) || (row !== undefined && row.desired !== 'deleted')) && !this.#isDeleted(id, mutations))
        violation(`${id}, which was a slot, is to be removed, and nobody deleted it`);
    }
    for (const { type, sessionId } of events)
      if (sessionId !== null && this.#ever.has(sessionId) && !made.has(sessionId) && !chronicle.sessions.has(sessionId))
        violation(`all are told ${type} of the slot ${sessionId}`);
  }

  /** Call after the chronicle. */
  restored(view: View): void {
    for (const id of this.rows.keys()) this.#forgotten.add(id);
    this.counts.forgotten += this.rows.size;
    this.rows.clear();
    for (const { id } of [...view.nodes(), ...view.removedNodes()])
      for (const slot of view.slotsOnAfter(id, '', 1000)) this.#deps.violation(`the slot ${slot.id} is still one after a restore`);
    for (const id of this.claimed) if (view.get('sessions', id as SessionRow['id']) === undefined) this.claimed.delete(id);
  }

  /** Call once everything is at rest. `present`: the machines that were not removed. */
  judge(present: readonly Machine[], view: View): void {
    for (const { host, name } of present)
      for (const id of new Set([...host.containers.keys(), ...host.volumes.keys()]))
        if (this.#ended.has(id) || (this.#forgotten.has(id) && view.get('sessions', id as SessionRow['id']) === undefined))
          this.#deps.violation(`${name} still has something of the slot ${id}, which nobody took`);
  }

  #put(row: SlotRow): void {
    const { chronicle, violation } = this.#deps;
    const before = this.rows.get(row.id);
    if (chronicle.sessions.has(row.id)) violation(`${row.id} is a slot and a session`);
    if (before === undefined && this.#ever.has(row.id)) violation(`the slot ${row.id} came back`);
    if (before !== undefined && !KEPT.every((what) => isSame(before[what], row[what]))) violation(`the slot ${row.id} became another`);
    if (!['none', 'starting', 'running'].includes(row.phase)) violation(`the slot ${row.id} is ${row.phase}`);
    if (before === undefined) this.counts.started += 1;
    this.#ever.add(row.id);
    this.rows.set(row.id, row);
    if (row.phase === 'running' && before?.phase !== 'running') for (const notice of this.onReady) notice(row);
  }

  #removed(id: string, removed: Map<string, SlotRow>): void {
    const slot = this.rows.get(id);
    if (slot === undefined) return this.#deps.violation(`the slot ${id} ends, which was none`);
    removed.set(id, slot);
    this.rows.delete(id);
  }

  /** A session's first row. */
  #made(row: SessionRow, removed: Map<string, SlotRow>): void {
    const { chronicle, violation } = this.#deps;
    const { id } = row;
    const slot = removed.get(id);
    removed.delete(id);
    if (this.rows.has(id)) return violation(`${id} is a session, and still a slot`);
    if (slot === undefined) {
      const isBack = chronicle.forgotten.has(id);
      if (this.#ever.has(id) && !isBack) violation(`${id} is a session, and was a slot that nobody took`);
      return;
    }
    this.claimed.add(id);
    this.counts.claimed += 1;
    if (slot.phase !== 'running') violation(`${id} took a slot that is ${slot.phase}`);
    if (row.generation !== CLAIMED_GENERATION) violation(`${id} took a slot, and is of generation ${row.generation}`);
    if (row.phase !== 'none') violation(`${id} took a slot, and is ${row.phase} before its node said so`);
    for (const what of KEPT)
      if (!isSame(slot[what], row[what]))
        violation(`${id} has ${what} ${JSON.stringify(row[what])}, its slot ${JSON.stringify(slot[what])}`);
    if (chronicle.runs.some(({ sessionId }) => sessionId === id)) violation(`an agent ran in ${id} while it was a slot`);
    for (const notice of this.onClaimed) notice(slot);
  }

  #isDeleted(id: string, mutations: readonly Mutation[]): boolean {
    return mutations.some((one) => one.kind === 'put' && one.table === 'sessions' && one.row.id === id && one.row.desired === 'deleted');
  }
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
