import type { ChangeNode, DrainNode, NodeObject, PatchNode, RemoveNode } from '../../contract/nodes.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { drainNode } from '../../domain/nodes/commands/drain-node.ts';
import { updateNode } from '../../domain/nodes/commands/manage-node.ts';
import { NO_NODE } from '../../domain/nodes/refusals.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import { forbidden, nodeFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { LeaseLoop } from './lease-loop.ts';
import { drainObject, type NodeObjectDeps, nodeObject } from './node-object.ts';

const DEFAULT_DRAIN_S = 3600;

const NO_DRAIN = refused('NOT_FOUND', 'This node is not being drained.');

export type Nodes = ReturnType<typeof nodeService>;

export interface NodeDeps extends NodeObjectDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly fleet: Fleet;
  readonly leases: LeaseLoop;
  readonly directory: NodeDirectory;
}

export function nodeService(deps: NodeDeps) {
  const { view, directory, applier, leases } = deps;

  function shown({ id }: NodeRow): Outcome<NodeObject> {
    const node = directory.node(id);
    return node === undefined ? NO_NODE : accepted(nodeObject(deps, node));
  }

  return {
    list(caller: Caller, { limit, offset, order = 'desc' }: PageRequest) {
      if (!caller.permissions.allows('nodes', 'list', null)) return forbidden('nodes', 'list');
      const all = directory.nodes().map((node) => nodeObject(deps, node));
      if (order === 'desc') all.reverse();
      return accepted({ items: all.slice(offset, offset + limit), total: all.length });
    },
    get(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'get');
      return node.ok ? shown(node.value) : node;
    },
    /** Replaces the labels, cordons or uncordons. Uncordoning ends a drain. 400 for an empty update. */
    async update(caller: Caller, id: string, update: ChangeNode) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      if (Object.keys(update).length === 0) return refused('BAD_REQUEST', 'The request changes nothing. Send labels or schedulable.');
      const updated = await applier.submit(updateNode(node.value.id, update, caller.user), caller);
      return updated.ok ? shown(node.value) : updated;
    },
    /** Changes single labels, cordons or uncordons. 400 for an empty update. */
    async patch(caller: Caller, id: string, { labels: labelChanges, ...update }: PatchNode) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      if (labelChanges === undefined && update.schedulable === undefined)
        return refused('BAD_REQUEST', 'The request changes nothing. Send labels or schedulable.');
      const updated = await applier.submit(updateNode(node.value.id, { ...update, labelChanges }, caller.user), caller);
      return updated.ok ? shown(node.value) : updated;
    },
    /** Begins a drain, which a background loop carries out. */
    async drain(caller: Caller, id: string, { deadline_s = DEFAULT_DRAIN_S, on_deadline: onDeadline = 'suspend' }: DrainNode) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      const drain = { deadlineMs: 1000 * deadline_s, onDeadline };
      const begun = await applier.submit(drainNode(node.value.id, drain, caller.user), caller);
      return begun.ok ? shown(node.value) : begun;
    },
    drainOf(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'get');
      if (!node.ok) return node;
      return node.value.drain === null ? NO_DRAIN : accepted(drainObject(view, node.value, node.value.drain));
    },
    async endDrain(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      if (node.value.drain === null) return NO_DRAIN;
      return applier.submit(updateNode(node.value.id, { schedulable: true }, caller.user), caller);
    },
    /** Removes a node. 409 while it has sessions, unless `lost`, which fails them. */
    async remove(caller: Caller, id: string, { lost = false }: RemoveNode) {
      const node = nodeFor(view, caller, id, 'delete');
      return node.ok ? leases.remove(node.value.id, lost, caller) : node;
    },
    /**
     * Declares an unreachable node lost: its sessions fail, and can be recovered if it returns. 409
     * for a ready node.
     */
    async lose(caller: Caller, id: string) {
      const node = nodeFor(view, caller, id, 'update');
      if (!node.ok) return node;
      const lost = await leases.lose(node.value.id, caller.user, caller);
      return lost.ok ? shown(node.value) : lost;
    },
  };
}
