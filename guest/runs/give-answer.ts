import { JournalFull } from '../../journal/journal.ts';
import type { Answer__Output as Answer } from '../../proto/generated/raworc/v0/Answer.ts';
import { withoutTexts } from '../hops/hop-records.ts';
import type { HostSide } from '../host/host-side.ts';
import type { Entry } from '../mailbox/entries.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { REASONS } from './reasons.ts';
import type { RunnerDeps } from './runner-deps.ts';

/** Stores and sends the answer to a message. Resolves once it is durable. */
export async function giveAnswer(
  mailbox: Mailbox,
  host: HostSide,
  entry: Entry,
  answer: Answer,
  { barriers, clock, log }: Pick<RunnerDeps, 'barriers' | 'clock' | 'log'>,
): Promise<void> {
  const { sessionId, messageId, agent } = answer;
  const storeOr = (otherwise: Answer, first: Answer) =>
    mailbox.answer(entry, first).catch((fault: unknown) => {
      if (!(fault instanceof JournalFull)) throw fault;
      return mailbox.get(messageId) === entry ? mailbox.answer(entry, otherwise) : undefined;
    });
  await barriers.reach('guest.before-answer');
  const stored = mailbox.answer(entry, answer).catch((fault: unknown) => {
    if (!(fault instanceof JournalFull)) throw fault;
    // The answer was sent and may be settled already.
    if (mailbox.get(messageId) !== entry) return;
    const shorter = { ...answer, hops: withoutTexts(answer.hops) };
    const full = { ...shorter, outcome: 'ERROR' as const, content: REASONS.disk_full, reason: 'disk_full' };
    // What agents said to one another matters less than the reply.
    return answer.hops.length === 0 ? mailbox.answer(entry, full) : storeOr(full, shorter);
  });
  // Sent while the disk syncs. The next run starts only afterwards.
  host.sendAnswers();
  await stored;
  await barriers.reach('guest.answered');
  host.sendAnswers();
  const run = { session: sessionId, message: messageId, run: answer.runId, agent };
  // Writing to the log takes time, so send the answer first.
  clock.soon(() => log.info('run.ended', { ...run, reason: answer.reason || undefined, durationMs: answer.durationMs }));
}
