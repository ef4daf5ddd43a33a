import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import type { Disk } from '../../../seams/disk.ts';
import type { Cluster } from './cluster.ts';
import type { DiskView, Platter } from './disk.ts';
import type { Machine } from './machine.ts';

/** A fault of the product, planted from outside by wrapping what it is handed. */
export interface Plant {
  readonly stream?: (
    ends: { readonly left: Link<NodeFrame, ControllerFrame>; readonly right: Link<ControllerFrame, NodeFrame> },
    machine: Machine,
    cluster: Cluster,
  ) => { readonly left: Link<NodeFrame, ControllerFrame>; readonly right: Link<ControllerFrame, NodeFrame> };
  readonly volumeDisk?: (platter: Platter, view: DiskView) => Disk;
}
