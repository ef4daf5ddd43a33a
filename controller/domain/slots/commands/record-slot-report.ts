import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';
import { isLater, type Report } from '../../sessions/commands/record-report.ts';
import { SLOT_GENERATION, slotEnds } from '../slot.ts';

/** `gone`: there is no such slot on that node. `old`: a later report is known. `failed`: the slot could not start, and ended. */
export type SlotReportResult = 'yes' | 'old' | 'gone' | 'failed';

/** Records a node's report about a slot. A slot that fails, or stops unasked, is given up: another one replaces it. */
export function recordSlotReport(report: Report): Command<SlotReportResult> {
  return {
    name: 'record-slot-report',
    decide({ view, now }) {
      const slot = view.get('slots', report.sessionId);
      if (slot === undefined || slot.nodeId !== report.from) return unchanged('gone');
      if (report.generation !== SLOT_GENERATION || !isLater(report.order, slot.observedOrder)) return unchanged('old');
      const { phase, containerId, volume } = report;
      if (phase !== 'starting' && phase !== 'running') return { mutations: slotEnds(slot, now), events: [], result: 'failed' };
      const after = {
        ...slot,
        phase,
        observedOrder: report.order,
        containerId: containerId === '' ? null : containerId,
        volume: volume === '' ? null : volume,
        isolation: report.isolation ?? slot.isolation,
        phaseAt: phase === slot.phase ? slot.phaseAt : now,
      };
      return { mutations: [put('slots', after)], events: [], result: 'yes' };
    },
  };
}
