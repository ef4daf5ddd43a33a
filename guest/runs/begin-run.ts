import { JournalFull } from '../../journal/journal.ts';
import type { Hop__Output as Hop } from '../../proto/generated/raworc/v0/Hop.ts';
import type { Random } from '../../seams/random.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/**
 * Records that a run starts, unless it was when its message was stored. Resolves to its id once that
 * is durable; to undefined if there is no room for it.
 */
export async function beginRun(entry: Entry, mailbox: Mailbox, begun: Set<string>, random: Random): Promise<string | undefined> {
  if (entry.runId !== undefined && begun.has(entry.runId)) return entry.runId;
  const runId = random.uuid();
  try {
    await mailbox.begin(entry, runId);
  } catch (fault) {
    if (fault instanceof JournalFull) return undefined;
    throw fault;
  }
  begun.add(runId);
  return runId;
}

/**
 * Records the state of a hop. Resolves to whether there was room, once it is durable. Failures go to
 * `onFault`, if given.
 */
export async function recordHop(entry: Entry, hop: Hop, mailbox: Mailbox, onFault?: (fault: unknown) => void): Promise<boolean> {
  try {
    await mailbox.recordHop(entry, hop);
    return true;
  } catch (fault) {
    if (fault instanceof JournalFull) return false;
    if (onFault === undefined) throw fault;
    onFault(fault);
    return false;
  }
}
