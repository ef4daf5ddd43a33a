import type { Command } from '../engine/command.ts';
import type { Mutation } from '../engine/mutation.ts';
import { PRUNED_AT_ONCE } from '../events/prune.ts';
import type { AuditPart } from './audit.ts';

/** Up to which number each part of the audit record is past its bounds; 0: none of it. */
export type AuditCutoffs = readonly (readonly [part: AuditPart, upTo: number])[];

/** Removes a little of what is past its bounds. Answers whether there may be more: it is to be given again until there is not. */
export function pruneAudit(cutoffs: AuditCutoffs): Command<boolean> {
  return {
    name: 'prune-audit',
    decide({ view }) {
      const mutations = cutoffs
        .filter(([part, upTo]) => upTo > 0 && view.hasAudit(part, upTo))
        .map(([part, upTo]): Mutation => ({ kind: 'prune-audit', part, upTo, limit: PRUNED_AT_ONCE }));
      return { mutations, events: [], answer: mutations.length > 0 };
    },
  };
}
