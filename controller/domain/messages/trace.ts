import type { TraceObject } from '../../contract/messages.ts';
import { hopObjects } from './hops.ts';
import { messageObject } from './message-object.ts';
import type { HopRow, MessageRow } from './rows.ts';

/**
 * Returns how an answered message was answered, or, without an answer, its run as far as it is
 * known.
 */
export function traceObject(
  message: MessageRow,
  run: { readonly id: string; readonly agent: string } | undefined,
  answer: { readonly row: MessageRow; readonly hops: readonly HopRow[] } | undefined,
): TraceObject {
  const shown = messageObject(message);
  if (answer !== undefined) return { state: 'answered', message: shown, hops: hopObjects(answer.hops), answer: messageObject(answer.row) };
  if (run === undefined) return { state: 'waiting', message: shown, hops: [] };
  return { state: 'running', message: shown, run: { run_id: run.id, agent: run.agent }, hops: [] };
}
