/** Messages of many sessions, from post to answer, in the two commits that a quick agent causes. */
import { randomUUID } from 'node:crypto';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { acceptMessage } from '../../../../controller/domain/messages/commands/accept-message.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { startRun } from '../../../../controller/domain/messages/commands/start-run.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import type { Attributed } from '../../../../controller/services/audit/audit-record.ts';
import { ACCOUNT, type Core, LEAST_SIZES, NODE, newMessage, newSession, withAgents } from '../core.ts';

const asAdmin = (action: string, ref: string | null): Attributed => ({
  accountId: ACCOUNT,
  user: 'admin',
  attribution: {
    actor: { type: 'ServiceAccount', id: ACCOUNT, name: 'admin' },
    credential: `token:${ACCOUNT}`,
    address: '192.0.2.1',
    requestId: randomUUID(),
    action,
    thing: { kind: 'sessions', ref, space: 'default' },
  },
});

/** Creates running sessions with an agent. */
export async function runningSessions(core: Core, count: number): Promise<readonly SessionId[]> {
  await withAgents(core, ['echo']);
  const ids = Array.from({ length: count }, () => randomUUID() as SessionId);
  await Promise.all(
    ids.map(async (id, at) => {
      const outcome = await core.applier.submit(newSession({ id, ...LEAST_SIZES }), asAdmin('createSession', null));
      if (!outcome.ok) throw new Error(outcome.refusal.message);
      await core.applier.apply(
        recordReport({
          ...{ from: NODE, sessionId: id, generation: 1, phase: 'running', order: { incarnation: 1, boot: 1, number: at + 1 } },
          ...{ containerId: `c-${at}`, volume: `v-${at}`, reason: '', acceptedSeq: 0 },
        }),
      );
    }),
  );
  return ids;
}

/** Sends a message and answers it: one commit for the post, one for everything that the agent does. */
export async function converse(core: Core, sessionId: SessionId): Promise<void> {
  const message = newMessage(sessionId, 'hello');
  const outcome = await core.applier.submit(postMessage(message), asAdmin('createMessage', sessionId));
  if (!outcome.ok) throw new Error(outcome.refusal.message);
  const about = { from: NODE, generation: 1, sessionId, messageId: message.id };
  const run = { ...about, runId: randomUUID(), agent: 'echo' };
  const lazily = [core.applier.applyLazily(acceptMessage({ ...about, settled: false })), core.applier.applyLazily(startRun(run))];
  const result = await core.applier.apply(recordAnswer({ ...run, outcome: 'reply', content: 'hello', reason: '', durationMs: 3 }));
  if (result !== 'committed') throw new Error(result);
  await Promise.all(lazily);
}
