import type { BuildObject } from '../../../controller/contract/builds.ts';
import type { Client } from './client.ts';

/** Sometimes cancels the newest build of the space, which other clients can share, at any moment of it. */
export async function perhapsCancelBuild(client: Client): Promise<void> {
  // Apart, so that other draws stay as they were.
  const apart = client.random.fork(`cancel the build after ${client.fresh()}`);
  if (!apart.chance(0.4)) return;
  const newest = await client.ask('newest build', (services, caller) => services.builds.latest(caller, 'default'));
  if (newest === 'lost' || !newest.ok) return;
  await client.cluster.time.sleep(apart.mostlySmall(0, 400));
  const { id } = newest.value;
  const cancel = () =>
    client.ask<BuildObject>(`cancel the build ${id}`, async (services, caller) => services.builds.cancel(caller, 'default', id));
  const first = await cancel();
  if (first === 'lost' || !first.ok) return;
  const { status } = first.value;
  if (status === 'pending' || status === 'building') client.violation(`the cancelled build ${id} is ${status}`);
  const again = await cancel();
  if (again !== 'lost' && again.ok && again.value.status !== status)
    client.violation(`the build ${id} was ${status} and is ${again.value.status}`);
}
