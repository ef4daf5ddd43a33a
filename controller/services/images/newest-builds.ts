import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildView } from '../../domain/builds/view.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';

export type NewestBuild = Pick<BuildRow, 'id' | 'image' | 'baseImage'>;

/**
 * The newest completed build of each space that has been looked for. Each report of a node's images
 * looks for those of all spaces that it serves, and rows of builds are large.
 */
export class NewestBuilds {
  readonly #view: Pick<BuildView, 'newestBuild'>;
  readonly #known = new Map<SpaceId, NewestBuild>();
  /** By the ids of the builds. */
  readonly #spaceOf = new Map<string, SpaceId>();

  constructor(view: Pick<BuildView, 'newestBuild'>) {
    this.#view = view;
  }

  of(spaceId: SpaceId): NewestBuild | undefined {
    const known = this.#known.get(spaceId);
    if (known !== undefined) return known;
    const row = this.#view.newestBuild(spaceId, 'completed');
    if (row === undefined) return undefined;
    const { id, image, baseImage } = row;
    const newest = { id, image, baseImage };
    this.#known.set(spaceId, newest);
    this.#spaceOf.set(id, spaceId);
    return newest;
  }

  /** Call after each COMMIT. */
  committed(mutations: readonly Mutation[]): void {
    for (const one of mutations) {
      if (one.kind === 'put' && one.table === 'builds') this.#forget(one.row.spaceId);
      if (one.kind === 'remove' && one.table === 'builds') this.#forget(this.#spaceOf.get(one.id));
    }
  }

  #forget(spaceId: SpaceId | undefined): void {
    const known = spaceId && this.#known.get(spaceId);
    if (spaceId === undefined || known === undefined) return;
    this.#known.delete(spaceId);
    this.#spaceOf.delete(known.id);
  }
}
