import { leastReadyFirst } from './make-room.ts';
import type { SlotKind, SlotRow } from './rows.ts';
import { isSameKind } from './slot.ts';

/** A slot that is not ready by then, when it starts or starts again, is given up. */
export const READY_WITHIN_MS = 120_000;

export interface Wanted<Kind extends SlotKind> {
  readonly kind: Kind;
  readonly count: number;
}

export interface SlotPlan<Kind> {
  readonly end: readonly SlotRow[];
  /** What to start next; undefined: there are enough. */
  readonly start: Kind | undefined;
  /** Milliseconds until a slot that starts now is given up; undefined: none starts. */
  readonly dueMs: number | undefined;
}

/**
 * Compares the slots of a space with those that it should have. Ends what nobody will claim (of an
 * older build or other sizes, or on a node that takes no sessions), what failed to start, and what
 * is too many, beginning with those that have cost least.
 */
export function planSlots<Kind extends SlotKind>(
  slots: readonly SlotRow[],
  wanted: readonly Wanted<Kind>[],
  isUsable: (slot: SlotRow) => boolean,
  ageMs: (since: number) => number,
): SlotPlan<Kind> {
  const end: SlotRow[] = [];
  const kept = new Map<Wanted<Kind>, SlotRow[]>(wanted.map((one) => [one, []]));
  let dueMs: number | undefined;
  for (const slot of slots) {
    const leftMs = slot.phase === 'running' ? undefined : READY_WITHIN_MS - ageMs(slot.phaseAt);
    const one = wanted.find(({ kind }) => isSameKind(kind, slot));
    if (one === undefined || !isUsable(slot) || (leftMs !== undefined && leftMs <= 0)) end.push(slot);
    else {
      kept.get(one)?.push(slot);
      if (leftMs !== undefined) dueMs = Math.min(dueMs ?? leftMs, leftMs);
    }
  }
  let start: Kind | undefined;
  for (const [{ kind, count }, those] of kept) {
    end.push(...leastReadyFirst(those).slice(0, Math.max(0, those.length - count)));
    if (those.length < count) start ??= kind;
  }
  return { end, start, dueMs };
}
