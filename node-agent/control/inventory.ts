import type { NodeFrame } from '../../proto/frame.ts';
import type { Report__Output as WireReport } from '../../proto/generated/raworc/node/v0/Report.ts';
import type { Tombstone } from '../domain/session.ts';
import type { Orphan } from '../session/status.ts';

/** Maximum of one part, well below a frame and below a stream's buffer. */
export const IN_A_PART = 256;

export interface Holdings {
  /** Lazy: each report shows the session's state when its part is built. */
  readonly reports: Iterator<WireReport>;
  readonly images: readonly string[];
  readonly tombstones: readonly Tombstone[];
  readonly orphans: readonly Orphan[];
}

/** Yields the inventory of this node in parts, at least one. */
export function* inventoryParts({ reports, images, tombstones, orphans }: Holdings): Generator<Extract<NodeFrame, { kind: 'inventory' }>> {
  let next = reports.next();
  for (let part = 1; ; part += 1) {
    const from = (part - 1) * IN_A_PART;
    const sessions: WireReport[] = [];
    for (; next.done !== true && sessions.length < IN_A_PART; next = reports.next()) sessions.push(next.value);
    const of = <Thing>(all: readonly Thing[]) => all.slice(from, from + IN_A_PART);
    const more = next.done !== true || Math.max(images.length, tombstones.length, orphans.length) > from + IN_A_PART;
    const value = { sessions, images: of(images), tombstones: of(tombstones), orphans: of(orphans), part, more };
    yield { kind: 'inventory', value };
    if (!more) return;
  }
}
