import { messageOf } from '../../../seams/message-of.ts';
import type { Outcome } from '../outcome.ts';
import { abortable, answerOf } from './client.ts';

const NOT_SEEN = /bind source path does not exist/i;
const DISK_NOT_SEEN =
  'Docker does not see the disk of this session. Run the node agent and Docker in one mount namespace (systemd: no PrivateMounts), then recover the session.';

/** A disk cannot be created or mounted. The message is a sentence for the user. */
class DiskFailure extends Error {}

export function asDiskFailure(error: unknown): never {
  throw new DiskFailure(`This session's disk cannot be used: ${messageOf(error)}`, { cause: error });
}

/** Also resolves if the engine refuses. Throws for errors on the way to the engine. */
export async function outcomeOf(signal: AbortSignal, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await abortable(signal, work());
  } catch (error) {
    if (error instanceof DiskFailure) return { ok: false, why: 'failed', reason: error.message };
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    if (answer.status === 400 && NOT_SEEN.test(answer.message)) return { ok: false, why: 'failed', reason: DISK_NOT_SEEN };
    if (answer.status === 404 && /no such image/i.test(answer.message)) return { ok: false, why: 'no-image' };
    if (answer.status === 409) return { ok: false, why: 'exists' };
    const reason = `Docker refused: ${answer.message}`;
    return answer.status === 400 ? { ok: false, why: 'refused', reason } : { ok: false, why: 'failed', reason };
  }
}
