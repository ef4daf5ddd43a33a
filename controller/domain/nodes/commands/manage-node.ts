/** What operators set on a node: its labels, and whether it accepts new sessions. */
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { NO_NODE } from '../refusals.ts';
import type { NodeRow } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

export interface NodeUpdate {
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** False cordons the node. True uncordons it, which also ends a drain. */
  readonly schedulable?: boolean | undefined;
}

/** Updates a node. A repeated update changes nothing. */
export function updateNode(id: NodeId, { labels, schedulable }: NodeUpdate, by: string): Command<Outcome<undefined>> {
  return {
    name: 'update-node',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.revokedAt !== null) return unchanged(NO_NODE);
      const after: NodeRow = { ...row, ...(labels && { labels: sorted(labels) }), ...scheduling(row, schedulable, now) };
      if (isSame(row, after)) return unchanged(accepted(undefined));
      const shown = { labels: after.labels, schedulable: after.cordonedAt === null, by };
      return { mutations: [put('nodes', after)], events: [nodeEvent('node.updated', row, shown)], result: accepted(undefined) };
    },
  };
}

function scheduling({ cordonedAt }: NodeRow, schedulable: boolean | undefined, now: number): Partial<NodeRow> {
  if (schedulable === undefined) return {};
  return schedulable ? { cordonedAt: null, drain: null } : { cordonedAt: cordonedAt ?? now };
}

/** The same labels in another order are the same. */
const sorted = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)));

const isSame = (before: NodeRow, after: NodeRow): boolean =>
  before.cordonedAt === after.cordonedAt && before.drain === after.drain && JSON.stringify(before.labels) === JSON.stringify(after.labels);
