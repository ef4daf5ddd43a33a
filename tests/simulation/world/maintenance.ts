import type { NodeId } from '../../../controller/domain/engine/ids.ts';
import { atStart, refusedWaking } from '../../../controller/domain/sessions/commands/change-desired.ts';
import type { Client } from './client.ts';
import type { Cluster } from './cluster.ts';
import { JOINED } from './joined.ts';
import { DISKS, ZONES } from './label-rules.ts';
import type { Machine } from './machine.ts';
import { openSpaces } from './spaces.ts';

/** Maintenance by an operator, during which no work is lost or done twice. */
export async function maintain(client: Client): Promise<void> {
  const { random, cluster } = client;
  const machine = random.pick(cluster.machines);
  if (machine === undefined) return;
  const how = random.weighted({ cordon: 4, drain: 10, uncordon: 10, label: 2, remove: 1 });
  if (how === 'remove') return remove(client, machine);
  const deadline = {
    deadline_s: random.pick([0, random.whole(1, 20), 600]) ?? 0,
    on_deadline: random.pick(['suspend', 'wait'] as const) ?? 'wait',
  };
  const place = random.fork(`zone ${cluster.time.now}`).pick([undefined, ...ZONES]);
  const zone = place === undefined ? {} : { zone: place };
  const answer = await client.ask<unknown>(`${how} ${machine.name}`, ({ nodes }, caller) => {
    if (how === 'drain') return nodes.drain(caller, machine.name, deadline);
    if (how === 'label')
      return nodes.update(caller, machine.name, { labels: { of: client.fresh(), disk: random.fork('disk').pick(DISKS) ?? '', ...zone } });
    return nodes.update(caller, machine.name, { schedulable: how === 'uncordon' });
  });
  if (answer === 'lost' || answer.ok || (answer.refusal.code === 'NOT_FOUND' && mayBeUnknown(cluster, machine))) return;
  client.violation(`${how} ${machine.name}: ${answer.refusal.code}`);
}

/** A removed machine stays away, so only one of three goes. */
async function remove(client: Client, machine: Machine): Promise<void> {
  const { cluster, random } = client;
  if (cluster.machines.length < 3 || cluster.machines.some((one) => one !== machine && isRemoved(cluster, one))) return;
  const lost = random.chance(0.7);
  const answer = await client.ask(`remove ${machine.name}${lost ? ', lost' : ''}`, ({ nodes }, caller) =>
    nodes.remove(caller, machine.name, { lost }),
  );
  if (answer === 'lost' || answer.ok || (!lost && answer.refusal.code === 'CONFLICT') || mayBeUnknown(cluster, machine)) return;
  client.violation(`remove ${machine.name}: ${answer.refusal.code}`);
}

/** A restore of an older backup makes a removed node one of the cluster again. */
export const isRemoved = ({ view }: Pick<Cluster, 'view'>, { id }: Machine): boolean => view.get('nodes', id as NodeId)?.revokedAt != null;

/** A restored store learns of a node that joined after its backup when that connects. */
export const mayBeUnknown = (cluster: Cluster, machine: Machine): boolean =>
  isRemoved(cluster, machine) || (cluster.restores > 0 && machine.name.startsWith(JOINED));

/** Why what is left of a removed node is not in order yet. */
export function unforgotten({ view, controller }: Cluster, machine: Machine): string | undefined {
  const id = machine.id as NodeId;
  if (controller?.core.fleet.isConnected(id)) return `${machine.name} was removed, and is connected`;
  const [unfailed] = view.unfailedOn(id, 1);
  if (unfailed !== undefined) return `${unfailed.id} is ${unfailed.desired} on ${machine.name}, which was removed`;
  const [running] = machine.host.containers.keys();
  if (running !== undefined) return `${machine.name} was removed, and still has the container of ${running}`;
  const [slot] = view.slotsOnAfter(id, '', 1);
  if (slot !== undefined) return `${machine.name} was removed, and has the slot ${slot.id}`;
  const [tombstone] = view.tombstonesOf(id, '', 1);
  return tombstone && `${machine.name} was removed, and is to remove ${tombstone.id}`;
}

/** Makes every machine accept sessions again, and every space active. */
export async function uncordonAll(client: Client): Promise<void> {
  await openSpaces(client);
  for (const machine of client.cluster.machines) {
    const { name } = machine;
    if (isRemoved(client.cluster, machine)) continue;
    const answer = await client.insist(`uncordon ${name}`, ({ nodes }, caller) => nodes.update(caller, name, { schedulable: true }));
    if (answer !== 'lost' && !answer.ok) client.violation(`uncordon ${name}: ${answer.refusal.code}`);
  }
}

/** Returns why a node is not in its desired state yet. */
export function unmaintained({ view, machines, controller }: Cluster, id: NodeId): string | undefined {
  const row = view.get('nodes', id);
  if (row === undefined || controller === undefined) return undefined;
  if (row.drain === null) {
    const { directory } = controller.core;
    const asleep = view.wakeWantedOn(id, 1000).find((session) => {
      const next = atStart(view, directory, session);
      return view.isQueued(session.id) && refusedWaking(view, directory, next) === undefined;
    });
    return asleep && `${asleep.id} was to wake once ${row.name} was uncordoned`;
  }
  const running = view.drainableOn(id, true, 1)[0];
  if (running !== undefined) return `${running.id} is ${running.desired} on ${row.name}, which is drained`;
  if (row.drain.doneAt === null || row.drain.left > 0) return `${row.name} is not drained: ${row.drain.left} are left`;
  const { containers } = machines.find((machine) => machine.id === id)?.host ?? { containers: new Map<string, unknown>() };
  const [left] = [...containers.keys()].filter((sessionId) => view.get('sessions', sessionId) !== undefined);
  return left && `${row.name} is drained, and has the container of ${left}`;
}
