/** Faults of the product, planted from outside by wrapping what it is handed, to see that the simulation finds them. */
import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import type { Disk, DiskFile } from '../../../seams/disk.ts';
import type { Cluster } from './cluster.ts';
import { type DiskView, diskFor, type Platter } from './disk.ts';
import { overheard } from './overhear.ts';

interface Ends {
  readonly left: Link<NodeFrame, ControllerFrame>;
  readonly right: Link<ControllerFrame, NodeFrame>;
}

export interface Plant {
  /** Between node (left) and controller (right). */
  readonly stream?: (ends: Ends, cluster: Cluster) => Ends;
  readonly volumeDisk?: (platter: Platter, view: DiskView) => Disk;
}

export const PLANTS = {
  /** The controller takes what a node says of an older generation for news of the newest one. */
  'stale-generation': {
    stream: ({ left, right }, { view }) => ({
      left,
      right: overheard(right, (frame) => {
        if (frame.kind !== 'report') return frame;
        const generation = view.get('sessions', frame.value.sessionId)?.generation ?? frame.value.generation;
        return { kind: 'report', value: { ...frame.value, generation } };
      }),
    }),
  },
  /** The guest says that it holds what has not reached its volume yet. */
  'ack-before-commit': {
    volumeDisk(platter, view) {
      const disk = diskFor(platter, view);
      return { ...disk, open: async (path) => hasty(await disk.open(path), view) };
    },
  },
  /** A node agent passes over tombstones that it is told of when it connects. */
  'ignore-tombstone': {
    stream: ({ left, right }) => ({
      right,
      left: overheard(left, (frame) =>
        frame.kind === 'assignmentSet' ? { kind: 'assignmentSet', value: { ...frame.value, tombstones: [] } } : frame,
      ),
    }),
  },
  /** Messages come to nodes without the version of the secrets that they need. */
  'old-secrets': {
    stream: ({ left, right }) => ({
      right,
      left: overheard(left, (frame) =>
        frame.kind === 'deliver' ? { kind: 'deliver', value: { ...frame.value, secretsVersion: 0 } } : frame,
      ),
    }),
  },
} satisfies Readonly<Record<string, Plant>>;
export type PlantName = keyof typeof PLANTS;

const LATE_MS = 200;

/** Writes and syncs are answered at once, and done a little later, unless the process is dead by then. */
function hasty(file: DiskFile, { time, life }: DiskView): DiskFile {
  let last: Promise<unknown> = Promise.resolve();
  const later = (work: () => Promise<void>) => {
    const before = last;
    last = time.sleep(LATE_MS).then(async () => {
      await before;
      if (!life.isDead) await work().catch(() => undefined);
    });
    return Promise.resolve();
  };
  return { ...file, write: (position, bytes) => later(() => file.write(position, bytes)), sync: () => later(() => file.sync()) };
}
