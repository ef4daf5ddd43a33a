import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import type { Client } from './client.ts';
import { judgeOrphans } from './orphans.ts';
import { openSpaces } from './spaces.ts';

/**
 * Called at rest: adopts or removes orphans, wakes resting sessions and recovers failed ones, which
 * then must answer everything left.
 */
export async function wakeAll(client: Client): Promise<void> {
  const { cluster } = client;
  await openSpaces(client);
  for (const machine of cluster.machines) await judgeOrphans(client, machine, true);
  for (const { id, desired } of [...cluster.chronicle.sessions.values()]) {
    if (desired === 'deleted' || desired === 'running') continue;
    const request = desired === 'failed' ? 'recover' : 'resume';
    const fact = client.book.session(id, true);
    await client.request(fact, request, request, (services, caller) =>
      services.sessions.change(caller, id as SessionId, request, { force: false }),
    );
  }
}
