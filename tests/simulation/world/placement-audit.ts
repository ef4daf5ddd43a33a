import type { FleetNode } from '../../../controller/domain/engine/fleet.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { NodeRules } from '../../../controller/domain/nodes/node-rules.ts';
import type { NodeRow } from '../../../controller/domain/nodes/rows.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../controller/domain/slots/rows.ts';
import { schedulingIn } from '../../../controller/domain/spaces/space-settings.ts';
import { type Ask, against, modelOf, unfit } from './placement-model.ts';
import { Rooms } from './room.ts';

/** Costs closer than this can be in either order, since sums are rounded. */
const SAME = 1e-9;

export interface PlacementAuditDeps {
  /** Of the writer: with the changes of the batch in progress. */
  readonly view: View;
  readonly rules: NodeRules;
  /** Requests that wait for room go before those that take slots. */
  readonly isAnyoneWaiting: () => boolean;
  readonly violation: (what: string) => void;
}

/** Compares where a controller places each new session with a slow model, at the moment of the placement. */
export class PlacementAudit {
  readonly #deps: PlacementAuditDeps;
  readonly #rooms: Rooms;
  readonly #nodes = new Map<string, NodeRow>();
  #facts: () => readonly FleetNode[] = () => [];

  constructor(rows: Iterable<SessionRow>, slots: Iterable<SlotRow>, deps: PlacementAuditDeps) {
    this.#deps = deps;
    this.#rooms = new Rooms(rows, slots);
    for (const row of deps.view.nodes()) this.#nodes.set(row.id, row);
  }

  /** Sets what is checked. */
  of(directory: { nodes(): readonly FleetNode[] }): void {
    this.#facts = () => directory.nodes();
  }

  committed(mutations: readonly Mutation[]): void {
    this.#rooms.apply(mutations);
    for (const mutation of mutations)
      if (mutation.kind === 'put' && mutation.table === 'nodes') this.#nodes.set(mutation.row.id, mutation.row);
  }

  /** Called when a command is decided. Its changes are those of its batch from `own` on. */
  decided(pending: readonly Mutation[], own: number): void {
    const taken = pending.slice(own).flatMap((one) => (one.kind === 'remove' && one.table === 'slots' ? [one.id] : []));
    for (const mutation of pending.slice(own))
      if (mutation.kind === 'put' && mutation.table === 'sessions')
        this.#judge(mutation.row, pending.slice(0, own), taken.includes(mutation.row.id));
  }

  #judge(row: SessionRow, before: readonly Mutation[], isTaken: boolean): void {
    const isPlaced = (isTaken || row.generation === 1) && row.copyFrom === null && row.restoredFrom === null && row.nodeId !== null;
    if (!isPlaced || this.#rooms.row(row.id) !== undefined) return;
    const rooms = before.length === 0 ? this.#rooms : this.#rooms.with(before);
    if (rooms.row(row.id) !== undefined) return;
    // Of the nodes with slots that it could take, the best.
    const offered = new Set([...rooms.slots.values()].filter((slot) => couldTake(row, slot)).map(({ nodeId }) => nodeId));
    const ask = this.#askOf(row);
    const all = modelOf(this.#facts(), (id) => this.#nodes.get(id), rooms, row.spaceId, this.#deps.rules);
    const { violation } = this.#deps;
    const lies = all.find((node) => offered.has(node.row.id) && unfit(node, ask) === undefined);
    if (!isTaken && row.parentId === null && lies !== undefined && !this.#deps.isAnyoneWaiting())
      violation(`${row.id} starts cold, and ${lies.row.name} has a slot for it`);
    const nodes = isTaken ? all.filter((node) => offered.has(node.row.id)) : all;
    const chosen = nodes.find(({ row: { id } }) => id === row.nodeId);
    if (chosen === undefined && isTaken) return violation(`${row.id} took a slot that is not ready, or not of its kind`);
    if (chosen === undefined) return violation(`${row.id} was placed on ${row.nodeId}, which is no node`);
    const why = unfit(chosen, ask);
    if (why !== undefined) return violation(`${row.id} was placed on ${chosen.row.name}, but ${why}`);
    const cost = against(chosen, ask);
    const better = nodes.find((node) => unfit(node, ask) === undefined && against(node, ask) < cost - SAME);
    if (better !== undefined)
      violation(
        `${row.id} (${ask.strategy}, ${ask.antiAffinity}) was placed on ${chosen.row.name} at ${cost}, and ${better.row.name} is better at ${against(better, ask)}`,
      );
  }

  #askOf({ spaceId, requests, limits, image, constraints, preferences }: SessionRow): Ask {
    const { view } = this.#deps;
    const space = schedulingIn(view.get('spaces', spaceId)?.settings ?? {});
    return {
      ...{ requests, limits, image, strategy: space.strategy ?? 'spread', antiAffinity: space.anti_affinity ?? 'none' },
      inRegistry: new Set([
        ...(view.get('images', image) === undefined ? [] : ['linux/amd64']),
        ...(view.get('images', `${image} linux/arm64`) === undefined ? [] : ['linux/arm64']),
      ]),
      constraints: [...constraints, ...(space.constraints ?? [])],
      preferences: [...preferences, ...(space.preferences ?? [])],
    };
  }
}

/** Whether a session of this kind can be one that was started ahead of need. */
function couldTake(row: SessionRow, slot: SlotRow): boolean {
  const sizes = (one: Pick<SessionRow, 'requests' | 'limits'>) =>
    [
      one.requests.cpuMillis,
      one.requests.memoryBytes,
      one.limits.cpuMillis,
      one.limits.memoryBytes,
      one.limits.diskBytes,
      one.limits.processes,
    ].join(' ');
  return (
    slot.phase === 'running' &&
    row.constraints.length + row.preferences.length === 0 &&
    [slot.spaceId, slot.image, slot.profile, slot.imageName].join(' ') === [row.spaceId, row.image, row.profile, row.imageName].join(' ') &&
    sizes(row) === sizes(slot)
  );
}
