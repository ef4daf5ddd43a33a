import type { Cluster } from '../cluster.ts';
import { isRemoved } from '../maintenance.ts';

/** Call once everything is at rest: nothing is left of builds but their images and logs. */
export function judgeBuilds(cluster: Cluster): void {
  if (cluster.git === undefined) return;
  cluster.logs.judge();
  for (const machine of cluster.machines) {
    const { jobs, unnamed, isUntidy } = machine.builds;
    // A removed node has no node agent that would tidy up.
    if (isRemoved(cluster, machine) || machine.agent?.isPrevious === true) continue;
    if (jobs.size > 0) cluster.violation(`${machine.name} still has ${jobs.size} containers of builds`);
    if (unnamed.size > 0 && !isUntidy) cluster.violation(`${machine.name} still has ${unnamed.size} images of builds without a name`);
  }
}
