import type { SessionId } from '../engine/ids.ts';
import type { PortShareRow } from './rows.ts';

export interface PortView {
  /** The lowest port first. */
  portSharesOf(session: SessionId): readonly PortShareRow[];
  /** By id, those behind `after`. */
  portShares(after: string, limit: number): readonly PortShareRow[];
}
