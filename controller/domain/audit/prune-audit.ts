import type { Command } from '../engine/command.ts';
import type { Mutation } from '../engine/mutation.ts';
import { PRUNED_AT_ONCE } from '../engine/prune.ts';
import type { AuditPart } from './audit.ts';

/** For each part of the audit log, the last record number past its bounds; 0 if none is. */
export type AuditCutoffs = readonly (readonly [part: AuditPart, upTo: number])[];

/**
 * Removes a batch of audit records past their bounds. Returns whether there can be more; repeat
 * until false.
 */
export function pruneAudit(cutoffs: AuditCutoffs): Command<boolean> {
  return {
    name: 'prune-audit',
    decide({ view }) {
      const mutations = cutoffs
        .filter(([part, upTo]) => upTo > 0 && view.hasAudit(part, upTo))
        .map(([part, upTo]): Mutation => ({ kind: 'prune-audit', part, upTo, limit: PRUNED_AT_ONCE }));
      return { mutations, events: [], result: mutations.length > 0 };
    },
  };
}
