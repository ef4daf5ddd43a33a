import type { RowView } from '../engine/view.ts';
import type { SessionRow } from '../sessions/rows.ts';

/**
 * Whether an agent of this session can receive messages: it still exists, is the one in the image,
 * and is active.
 */
export function canAnswer(view: RowView, session: SessionRow, name: string): boolean {
  const built = session.agents.find((agent) => agent.name === name);
  return built !== undefined && view.get('agents', built.id)?.wanted === 'active';
}
