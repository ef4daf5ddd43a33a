import type { Profile } from '../../contract/profiles.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';

/** What sessions of a space are created again and again. */
export interface KindName {
  readonly profile: Profile;
  /** Of a workstation. */
  readonly imageName: string | null;
}

/** Sessions created within so long of the first are one burst, which slots are to take whole: refilling takes longer. */
const BURST_MS = 30_000;
/** A burst is expected again for so long. Bounds how many are remembered. */
export const REMEMBERED_MS = 60 * BURST_MS;
const MAX_KINDS_OF_SPACE = 8;
const MAX_SPACES = 10_000;

interface Burst {
  readonly sinceMs: number;
  count: number;
}

interface Created extends KindName {
  /** The oldest first. */
  bursts: readonly Burst[];
}

/**
 * What was created lately, by space and kind: the largest burst of the last half hour. Times are
 * monotonic milliseconds. Spaces used longest ago are forgotten first.
 */
export class Demand {
  readonly #spaces = new Map<SpaceId, Created[]>();

  /** A session of this kind was created. */
  created(spaceId: SpaceId, { profile, imageName }: KindName, nowMs: number): void {
    const kinds = this.#spaces.get(spaceId) ?? [];
    this.#spaces.delete(spaceId);
    this.#spaces.set(spaceId, kinds);
    const [oldest] = this.#spaces.keys();
    if (this.#spaces.size > MAX_SPACES && oldest !== undefined) this.#spaces.delete(oldest);
    let kind = kinds.find((one) => one.profile === profile && one.imageName === imageName);
    if (kind === undefined) {
      kind = { profile, imageName, bursts: [] };
      if (kinds.length === MAX_KINDS_OF_SPACE) kinds.shift();
      kinds.push(kind);
    }
    const last = kind.bursts.at(-1);
    if (last !== undefined && nowMs - last.sinceMs < BURST_MS) last.count += 1;
    else kind.bursts = [...lately(kind.bursts, nowMs), { sinceMs: nowMs, count: 1 }];
  }

  /** Returns the largest burst of each kind, without those that were not created lately. */
  of(spaceId: SpaceId, nowMs: number): readonly (KindName & { readonly burst: number })[] {
    const kinds = this.#spaces.get(spaceId) ?? [];
    for (const kind of kinds) kind.bursts = lately(kind.bursts, nowMs);
    const left = kinds.filter(({ bursts }) => bursts.length > 0);
    if (left.length === 0) this.#spaces.delete(spaceId);
    else this.#spaces.set(spaceId, left);
    return left.map(({ profile, imageName, bursts }) => ({ profile, imageName, burst: Math.max(...bursts.map(({ count }) => count)) }));
  }

  forget(spaceId: SpaceId): void {
    this.#spaces.delete(spaceId);
  }
}

const lately = (bursts: readonly Burst[], nowMs: number): readonly Burst[] =>
  bursts.filter(({ sinceMs }) => nowMs - sinceMs < REMEMBERED_MS);
