import type { MessageId, SessionId } from '../../../controller/domain/engine/ids.ts';
import type { MessageFact } from './book.ts';
import type { Client } from './client.ts';

const CHANCE = 0.2;
const MAX_WAIT_MS = 4_000;

/**
 * Cancels some messages soon after they were posted, and repeats some of these requests. Once the
 * request is answered, the message has an answer or the store keeps the request.
 */
export async function perhapsCancel(client: Client, message: MessageFact): Promise<void> {
  const { cluster } = client;
  // Apart, so that other draws stay as they were.
  const apart = client.random.fork(`cancel of ${message.id}`);
  if (!apart.chance(CHANCE)) return;
  await cluster.time.sleep(apart.mostlySmall(0, MAX_WAIT_MS));
  for (let times = apart.chance(0.3) ? 2 : 1; times > 0; times -= 1) {
    const graceS = apart.chance(0.6) ? 0 : apart.between(0, 4_000) / 1000;
    await cancel(client, message, graceS);
  }
}

async function cancel(client: Client, { id, sessionId, role }: MessageFact, graceS: number): Promise<void> {
  const { cluster } = client;
  const cancelled = await client.ask(`cancel ${id}`, (services, caller) =>
    services.messages.cancel(caller, sessionId as SessionId, id, { grace_s: graceS }),
  );
  if (cancelled === 'lost') return;
  if (!cancelled.ok) {
    const { code } = cancelled.refusal;
    const { view } = cluster;
    const isThere = view.get('messages', id) !== undefined && view.get('sessions', sessionId)?.desired !== 'deleted';
    const mayBe = { CONFLICT: role === 'system', NOT_FOUND: !isThere, UNAVAILABLE: true, RATE_LIMITED: true };
    if (mayBe[code as keyof typeof mayBe] !== true) client.violation(`cancel ${id}: ${code}`);
    return;
  }
  if (role === 'system') client.violation(`the note ${id} was cancelled`);
  const queued = cluster.view.get('queue', id as MessageId);
  if (queued !== undefined && queued.refusal === null && queued.cancelGraceMs === null)
    client.violation(`the cancelled message ${id} waits as if nothing was asked`);
}
