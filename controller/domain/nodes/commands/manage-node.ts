/** What operators set on a node: its labels, and whether it accepts new sessions. */
import { MAX_LABELS } from '../../../contract/nodes.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { NO_NODE } from '../refusals.ts';
import type { NodeRow } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

export interface NodeUpdate {
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Sets or (null) removes these, and keeps the others. */
  readonly labelChanges?: Readonly<Record<string, string | null>> | undefined;
  /** False cordons the node. True uncordons it, which also ends a drain. */
  readonly schedulable?: boolean | undefined;
}

/** Updates a node. A repeated update changes nothing. 409 if it would have too many labels. */
export function updateNode(id: NodeId, { labels, labelChanges = {}, schedulable }: NodeUpdate, by: string): Command<Outcome<undefined>> {
  return {
    name: 'update-node',
    decide({ view, now }) {
      const row = view.get('nodes', id);
      if (row === undefined || row.revokedAt !== null) return unchanged(NO_NODE);
      const changed = withChanges(labels ?? row.labels, labelChanges);
      if (changed.length > MAX_LABELS)
        return unchanged(
          refused('CONFLICT', `The node would have ${changed.length} labels, and at most ${MAX_LABELS} are allowed. Remove some first.`),
        );
      const after: NodeRow = { ...row, labels: Object.fromEntries(changed), ...scheduling(row, schedulable, now) };
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

/** Returns the labels in their order, so that the same labels are the same. */
const withChanges = (labels: NodeRow['labels'], changes: Readonly<Record<string, string | null>>): readonly [string, string][] =>
  Object.entries<string | null>({ ...labels, ...changes })
    .filter((label): label is [string, string] => label[1] !== null)
    .sort(([one], [other]) => (one < other ? -1 : 1));

const isSame = (before: NodeRow, after: NodeRow): boolean =>
  before.cordonedAt === after.cordonedAt && before.drain === after.drain && JSON.stringify(before.labels) === JSON.stringify(after.labels);
