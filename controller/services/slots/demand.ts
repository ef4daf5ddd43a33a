import type { Profile } from '../../contract/profiles.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';

/** What sessions of a space are created again and again. */
export interface KindName {
  readonly profile: Profile;
  /** Of a workstation. */
  readonly imageName: string | null;
}

/** Sessions created within so long are a burst, which slots are to take whole: refilling takes longer. */
const BURST_MS = 30_000;
/** A burst is expected again for so long. */
const REMEMBERED = 60;
export const REMEMBERED_MS = BURST_MS * REMEMBERED;
const MAX_KINDS_OF_SPACE = 8;
const MAX_SPACES = 10_000;

/** Sessions created in each of the last periods; the index is the period's number modulo their count. */
interface Counts extends KindName {
  readonly created: Uint16Array;
  period: number;
}

/**
 * What was created lately, by space and kind: the largest burst of the last half hour. Times are
 * monotonic milliseconds. Spaces used longest ago are forgotten first.
 */
export class Demand {
  readonly #spaces = new Map<SpaceId, Counts[]>();

  /** `count` sessions of this kind were created. */
  created(spaceId: SpaceId, { profile, imageName }: KindName, nowMs: number, count = 1): void {
    const kinds = this.#spaces.get(spaceId) ?? [];
    this.#spaces.delete(spaceId);
    this.#spaces.set(spaceId, kinds);
    const [oldest] = this.#spaces.keys();
    if (this.#spaces.size > MAX_SPACES && oldest !== undefined) this.#spaces.delete(oldest);
    let counts = kinds.find((one) => one.profile === profile && one.imageName === imageName);
    if (counts === undefined) {
      counts = { profile, imageName, created: new Uint16Array(REMEMBERED), period: periodOf(nowMs) };
      if (kinds.length === MAX_KINDS_OF_SPACE) kinds.shift();
      kinds.push(counts);
    }
    advance(counts, nowMs);
    const at = counts.period % REMEMBERED;
    counts.created[at] = Math.min(0xffff, (counts.created[at] ?? 0) + count);
  }

  /** Returns the largest burst of each kind, without those that were not created lately. */
  of(spaceId: SpaceId, nowMs: number): readonly (KindName & { readonly burst: number })[] {
    const kinds = this.#spaces.get(spaceId) ?? [];
    for (const counts of kinds) advance(counts, nowMs);
    const lately = kinds.filter(({ created }) => created.some((count) => count > 0));
    if (lately.length === 0) this.#spaces.delete(spaceId);
    else this.#spaces.set(spaceId, lately);
    return lately.map(({ profile, imageName, created }) => ({ profile, imageName, burst: Math.max(...created) }));
  }

  forget(spaceId: SpaceId): void {
    this.#spaces.delete(spaceId);
  }
}

const periodOf = (nowMs: number): number => Math.floor(nowMs / BURST_MS);

function advance(counts: Counts, nowMs: number): void {
  const period = periodOf(nowMs);
  for (let passed = Math.max(counts.period + 1, period - REMEMBERED + 1); passed <= period; passed += 1)
    counts.created[passed % REMEMBERED] = 0;
  counts.period = Math.max(counts.period, period);
}
