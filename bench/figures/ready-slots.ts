import type { Cluster } from '../../tests/cluster/harness.ts';

/** Returns how many slots of a cluster can be claimed, as its metrics say. */
export async function readySlots({ ports, rest }: Pick<Cluster, 'ports' | 'rest'>): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${ports.http}/metrics`, { headers: { authorization: `Bearer ${rest.token}` } });
  return Number(/^raworc_slots\{state="ready"\} (\d+)$/m.exec(await answer.text())?.[1] ?? 0);
}
