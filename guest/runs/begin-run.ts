import { JournalFull } from '../../journal/journal.ts';
import type { Random } from '../../seams/random.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/**
 * Records that a run starts, unless it was when its message was stored. Resolves to its id once that
 * is durable; to undefined if there is no room for it.
 */
export async function beginRun(
  entry: Entry,
  agent: string,
  mailbox: Mailbox,
  begun: Set<string>,
  random: Random,
): Promise<string | undefined> {
  if (entry.runId !== undefined && begun.has(entry.runId) && entry.runAgent === agent) return entry.runId;
  const runId = random.uuid();
  try {
    await mailbox.begin(entry, runId, agent);
  } catch (fault) {
    if (fault instanceof JournalFull) return undefined;
    throw fault;
  }
  begun.add(runId);
  return runId;
}
