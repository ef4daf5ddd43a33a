import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import type { Client } from './client.ts';
import { judgeOrphans } from './orphans.ts';
import { openSpaces } from './spaces.ts';

/** Once all has come to rest: what nothing explains is adopted or removed, what sleeps is woken and what failed is recovered, and has to answer what it still owes. */
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
