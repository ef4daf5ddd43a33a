import { Entries } from './entries.ts';
import { answerRecord, messageRecord, readRecord, runRecord, settledRecord, stampRecord } from './journal-records.ts';

/** What the records of a mailbox's journal add up to. */
export interface Recorded {
  readonly entries: Entries;
  readonly acceptedSeq: number;
  /** How often the mailbox was opened before. */
  readonly life: number;
  /** Whether the journal belonged to another session, so that nothing of it counts. */
  readonly wiped: boolean;
}

export function recordedIn(records: readonly Uint8Array[], sessionId: string): Recorded {
  const entries = new Entries();
  const frames = records.map(readRecord);
  const stamp = frames[0];
  const mine = stamp?.kind === 'hello' && stamp.value.sessionId === sessionId;
  if (!mine) return { entries, acceptedSeq: 0, life: 0, wiped: frames.length > 0 };
  let acceptedSeq = 0;
  let life = 0;
  for (const frame of frames) {
    if (frame.kind === 'hello') {
      acceptedSeq = Math.max(acceptedSeq, frame.value.acceptedSeq);
      life = Math.max(life, frame.value.life);
    }
    if (frame.kind === 'deliver') {
      acceptedSeq = Math.max(acceptedSeq, frame.value.seq);
      entries.restoreMessage(frame.value);
    } else if (frame.kind === 'runStarted') entries.restoreRun(frame.value.messageId, frame.value.runId, frame.value.hop);
    else if (frame.kind === 'answer') entries.restoreAnswer(frame.value);
    else if (frame.kind === 'settled') entries.settle(frame.value.messageId);
  }
  return { entries, acceptedSeq, life, wiped: false };
}

/** Returns records that add up to this. */
export function recordsOf({ entries, acceptedSeq, life }: Omit<Recorded, 'wiped'>, sessionId: string): Uint8Array[] {
  const records = [stampRecord(sessionId, acceptedSeq, life)];
  for (const messageId of entries.settledIds) records.push(settledRecord(sessionId, messageId));
  for (const { message, runId, hops, answer } of entries.all()) {
    if (answer) records.push(answerRecord(answer), messageRecord({ ...message, content: '', contextJson: '', router: null }));
    else {
      records.push(messageRecord(message));
      if (runId === undefined) continue;
      const { messageId, agent } = message;
      for (const hop of [null, ...hops]) records.push(runRecord(sessionId, messageId, runId, agent, hop));
    }
  }
  return records;
}
