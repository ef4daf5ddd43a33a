import type { Clock } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Applier } from '../engine/applier.ts';
import type { Capacity } from '../engine/capacity.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { PlacementWaits } from './placement-waits.ts';

interface Deps {
  readonly applier: Applier;
  readonly capacity: Capacity;
  readonly directory: NodeDirectory;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Opens the queue for room, and wakes it whenever a session could fit that did not. */
export function openPlacementWaits({ applier, capacity, directory, fleet, clock, metrics }: Deps): PlacementWaits {
  const waits = new PlacementWaits({ fleet: directory, capacity, clock, metrics });
  applier.onCommitted(({ mutations }) => waits.committed(mutations));
  fleet.listen({
    live: (node) => waits.nodeChanged(node),
    imagesChanged: (node) => waits.nodeChanged(node),
    conditionsChanged: (node) => waits.nodeChanged(node),
    closed: (node) => waits.nodeChanged(node),
  });
  return waits;
}
