import type { SlotRow } from '../../../../controller/domain/slots/rows.ts';
import type { Cluster } from '../cluster.ts';
import type { FaultName } from '../faults.ts';
import type { Plan } from '../plan.ts';

const ONCE_READY = {
  ...{ 'container ended': 5, 'container gone': 4, 'node killed': 3, 'connection cut': 3, partition: 2 },
  ...{ 'images pruned': 2, 'controller restored': 3, 'controller killed': 2, 'engine restarted': 2, 'volume gone': 1 },
} satisfies Partial<Record<FaultName, number>>;
const ONCE_CLAIMED = {
  ...{ 'node killed': 6, 'container ended': 5, 'container gone': 4, 'controller killed': 5, 'connection cut': 4, partition: 3 },
  ...{ 'power cut': 3, 'controller restored': 3, 'engine restarted': 2, 'frames repeated': 3, 'ledger failing': 2, 'store full': 2 },
} satisfies Partial<Record<FaultName, number>>;

/** More than a node needs to hear of it. */
const SOON_MS = 400;
const BEFORE_IT_IS_TAKEN_MS = 8_000;

/** Faults just before a session takes a slot, and just after. */
export function disturbSlots(cluster: Cluster, plan: Plan): void {
  const { time, auditors } = cluster;
  const random = cluster.random.fork('slot faults');
  const strike = (fault: FaultName, { id, nodeId }: SlotRow, afterMs: number) => {
    const machine = cluster.machines.find((one) => one.id === nodeId);
    if (machine !== undefined) time.schedule(afterMs, () => plan.strikeAt(fault, machine.name, id));
  };
  auditors.slots.onReady.add((slot) => {
    if (random.chance(0.15)) strike(random.weighted(ONCE_READY), slot, random.mostlySmall(0, BEFORE_IT_IS_TAKEN_MS));
  });
  auditors.slots.onClaimed.add((slot) => {
    if (random.chance(0.3)) strike(random.weighted(ONCE_CLAIMED), slot, random.mostlySmall(0, SOON_MS));
  });
}
