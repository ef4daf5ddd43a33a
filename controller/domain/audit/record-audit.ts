import type { Command } from '../engine/command.ts';
import { type Attribution, type AuditRecord, recordOf } from './audit.ts';

/** Records an action that changes nothing else: a refusal, a login, the reading of a value. */
export function recordAudit(attribution: Attribution, outcome: AuditRecord['outcome'], count: number): Command<void> {
  return {
    name: 'record-audit',
    decide({ view, now }) {
      const { space } = attribution.thing;
      const spaceId = space === null ? null : (view.spaceByName(space)?.id ?? null);
      const record = { ...recordOf(attribution, outcome, now), count, spaceId };
      return { mutations: [{ kind: 'audit', record }], events: [], result: undefined };
    },
  };
}
