import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import type { Client } from './client.ts';
import type { Machine } from './machine.ts';
import { mayBeUnknown } from './maintenance.ts';

const PAGE = { limit: 1000, offset: 0 } as const;

/** Work of an operator: lists orphans, and adopts or removes some or all of them. */
export async function judgeOrphans(client: Client, machine: Machine | undefined, all = false): Promise<void> {
  if (machine === undefined) return;
  const { cluster, random, book } = client;
  const found = await client.ask(`orphans of ${machine.name}`, (services, caller) => services.orphans.list(caller, machine.name, PAGE));
  if (found === 'lost') return;
  if (!found.ok) {
    const isGone = found.refusal.code === 'NOT_FOUND' && mayBeUnknown(cluster, machine);
    if (found.refusal.code !== 'UNAVAILABLE' && !isGone) client.violation(`orphans of ${machine.name}: ${found.refusal.code}`);
    return;
  }
  for (const { session_id: id } of found.value.items) {
    if (!cluster.chronicle.forgotten.has(id) && !cluster.chronicle.sessions.has(id))
      client.violation(`${machine.name} has an orphan ${id}, which never was`);
    if (!all && random.chance(0.5)) continue;
    const sessionId = id as SessionId;
    if (random.chance(0.5)) {
      const adopted = await client.ask(`adopt ${id}`, (services, caller) => services.orphans.adopt(caller, machine.name, sessionId));
      if (adopted === 'lost' || adopted.ok) {
        if (adopted !== 'lost') book.adopted(id);
        continue;
      }
      if (!['CONFLICT', 'NOT_FOUND', 'UNAVAILABLE'].includes(adopted.refusal.code))
        client.violation(`adopt ${id}: ${adopted.refusal.code}`);
    }
    const removed = await client.ask(`remove ${id}`, (services, caller) => services.orphans.remove(caller, machine.name, sessionId));
    if (removed !== 'lost' && !removed.ok && !['CONFLICT', 'NOT_FOUND', 'UNAVAILABLE'].includes(removed.refusal.code))
      client.violation(`remove ${id}: ${removed.refusal.code}`);
  }
}
