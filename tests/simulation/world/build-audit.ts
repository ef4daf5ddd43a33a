import type { BuildRow } from '../../../controller/domain/builds/rows.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import { LEASE } from '../../../controller/services/nodes/lease.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';

/** A node notices within a lease that it has none, and its engine answers a little later. */
const BOTH_MS = 2 * LEASE.leaseMs;

interface Work {
  readonly machine: string;
  readonly life: Life;
}

export interface BuildAuditDeps {
  readonly violation: (what: string) => void;
  readonly schedule: (ms: number, work: () => void) => void;
  /** Whether a controller of the previous release is up. */
  readonly isPreviousController: () => boolean;
}

/** Each build ends once, on one node, and one that was cancelled leaves nothing. */
export class BuildAudit {
  readonly #deps: BuildAuditDeps;
  readonly #rows = new Map<string, BuildRow>();
  readonly #working = new Map<string, Set<Work>>();
  /** Builds at work on node agents of the previous release, or cancelled by its controller: neither knows of cancellations. */
  readonly #uncancellable = new Set<string>();
  readonly counts = { cancelled: 0, cancelledAtWork: 0 };

  constructor(deps: BuildAuditDeps) {
    this.#deps = deps;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'builds') continue;
      const { row } = mutation;
      const before = this.#rows.get(row.id);
      this.#rows.set(row.id, row);
      if (before === undefined) continue;
      if (row.status === 'cancelled' && before.status !== 'cancelled') {
        this.counts.cancelled += 1;
        if (this.#deps.isPreviousController()) this.#uncancellable.add(row.id);
        if (before.nodeId !== null) this.counts.cancelledAtWork += 1;
      }
      if (isOver(before) && (row.status !== before.status || row.imageId !== before.imageId))
        this.#deps.violation(`the build ${row.id} was ${before.status} and becomes ${row.status}`);
      if (isOver(row) !== (row.completedAt !== null))
        this.#deps.violation(`the build ${row.id} is ${row.status} and completed at ${row.completedAt}`);
    }
  }

  restored(view: Pick<View, 'get'>): void {
    for (const id of [...this.#rows.keys()]) {
      const row = view.get('builds', id);
      if (row === undefined) this.#rows.delete(id);
      else this.#rows.set(id, row);
    }
  }

  /** A node agent has its engine make an image, which ends with the id of its build. Call the result when the node agent is done with it. */
  begins(image: string, machine: string, life: Life): () => void {
    const build = image.slice(image.lastIndexOf(':') + 1);
    const those = this.#working.get(build) ?? new Set();
    this.#working.set(build, those);
    if (life.isPrevious) this.#uncancellable.add(build);
    const work = { machine, life };
    those.add(work);
    const both = () => [...those].filter((one) => !one.life.isDead && !one.life.isStopped && one.machine !== machine);
    const first = both();
    if (first.length > 0)
      this.#deps.schedule(BOTH_MS, () => {
        const still = both().find((one) => first.includes(one));
        if (still !== undefined && those.has(work) && !life.isDead && !life.isStopped)
          this.#deps.violation(`${image} is made on ${still.machine} and on ${machine}`);
      });
    return () => those.delete(work);
  }

  /** Call once everything is at rest. */
  judge(present: readonly Machine[]): void {
    for (const { id, image, status } of this.#rows.values()) {
      if (!isOver({ status })) this.#deps.violation(`the build ${id} is ${status} for ever`);
      if (status !== 'cancelled' || this.#uncancellable.has(id)) continue;
      for (const { host, name, agent } of present) {
        // A session that a restored controller has lost can have it.
        if (agent?.isPrevious === true || host.usesImage(image)) continue;
        if (host.hasImage(image)) this.#deps.violation(`${name} has ${image}, which was cancelled`);
      }
    }
  }
}

const isOver = ({ status }: Pick<BuildRow, 'status'>): boolean => status !== 'pending' && status !== 'building';
