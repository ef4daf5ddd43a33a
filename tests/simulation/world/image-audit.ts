import type { BuildRow } from '../../../controller/domain/builds/rows.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { SlotRow } from '../../../controller/domain/slots/rows.ts';
import type { Chronicle } from './chronicle.ts';
import type { Machine } from './machine.ts';
import { IMAGE } from './store.ts';

/** More than a grace, a few passes and their repetition. */
const LATE_MS = 5 * 60_000;

export interface ImageAuditDeps {
  readonly chronicle: Chronicle;
  readonly nowMs: () => number;
  readonly slots: ReadonlyMap<string, SlotRow>;
  readonly violation: (what: string) => void;
  /** Whether a controller of the previous release is up. */
  readonly isPreviousController: () => boolean;
}

/** No image goes that is needed, and none stays that has not been for long. */
export class ImageAudit {
  readonly #deps: ImageAuditDeps;
  /** The newest completed build of each space. */
  readonly #newest = new Map<string, BuildRow>();
  /** Images that were the newest of their space before, until when. */
  readonly #replaced = new Map<string, number>();
  #wasRestored = false;

  constructor(deps: ImageAuditDeps) {
    this.#deps = deps;
  }

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'builds' || mutation.row.status !== 'completed') continue;
      const { row } = mutation;
      const before = this.#newest.get(row.spaceId);
      if (before !== undefined && before.createdAt >= row.createdAt) continue;
      this.#newest.set(row.spaceId, row);
      if (before !== undefined && before.image !== row.image) this.#replaced.set(before.image, this.#deps.nowMs());
    }
  }

  /** Needs can come back. */
  restored(): void {
    this.#wasRestored = true;
  }

  /** A node agent asks its engine to remove an image. */
  removing(machine: string, image: string): void {
    const need = this.#needOf(image);
    if (need !== undefined && !this.#wasRestored) this.#deps.violation(`${machine} removes ${image}, ${need}`);
  }

  /** Call once everything is at rest. */
  judge(present: readonly Machine[]): void {
    const { nowMs, violation, isPreviousController } = this.#deps;
    if (this.#wasRestored || isPreviousController()) return;
    for (const { host, name, agent } of present) {
      // The previous release removes no images.
      if (agent?.isPrevious === true) continue;
      for (const [image, atMs] of this.#replaced)
        if (host.hasImage(image) && nowMs() - atMs > LATE_MS && !this.#wasUsedLately(image)) violation(`${name} still has ${image}`);
    }
  }

  #needOf(image: string): string | undefined {
    if (image === IMAGE) return 'the base image';
    if ([...this.#newest.values()].some((build) => build.image === image)) return 'the newest of its space';
    const session = [...this.#deps.chronicle.sessions.values()].find((one) => one.image === image && one.desired !== 'deleted');
    const slot = [...this.#deps.slots.values()].find((one) => one.image === image);
    if (slot !== undefined) return `which the slot ${slot.id} has`;
    return session && `which ${session.id} has`;
  }

  /** Also by sessions whose removal was a while ago. */
  #wasUsedLately(image: string): boolean {
    const { chronicle, nowMs } = this.#deps;
    return [...chronicle.sessions.values()].some(
      ({ image: own, desired, updatedAt }) => own === image && (desired !== 'deleted' || nowMs() - updatedAt < LATE_MS),
    );
  }
}
