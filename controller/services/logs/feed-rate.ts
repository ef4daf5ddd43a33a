import type { Clock } from '../../../seams/clock.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';

const MIB = 1024 * 1024;
/** For all followers together, of one space and of all spaces on one node; as much can come at once after a second of less. */
export const MAX_BYTES_A_SECOND = { ofSpace: 2 * MIB, ofNode: 4 * MIB } as const;
/** So many followers of a session do not slow it down: the controller passes each line to each. */
export const FOLLOWERS_AT_FULL_RATE = 16;

/**
 * Bounds how fast followed logs are read. A feed beyond it is read later: its session drops lines
 * meanwhile, and says how many. So agents that print without end keep controller and nodes from
 * nothing else.
 */
export class FeedRate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** When each space and node has used up what was read of it. In the past: nothing is owed. */
  readonly #paidAtMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Counts bytes that were read for so many followers. Returns how long to wait before the next read. */
  read({ space, node }: { readonly space: SpaceId; readonly node: NodeId }, bytes: number, followers: number): number {
    const work = bytes * Math.max(1, followers / FOLLOWERS_AT_FULL_RATE);
    return Math.max(
      this.#owes(`space ${space}`, work, MAX_BYTES_A_SECOND.ofSpace),
      this.#owes(`node ${node}`, work, MAX_BYTES_A_SECOND.ofNode),
    );
  }

  /** Call when nobody follows the space any more. */
  forget(space: SpaceId): void {
    this.#paidAtMs.delete(`space ${space}`);
  }

  /** Call when nobody follows anything any more. */
  clear(): void {
    this.#paidAtMs.clear();
  }

  #owes(key: string, work: number, perSecond: number): number {
    const nowMs = this.#clock.monotonic();
    const from = Math.max(this.#paidAtMs.get(key) ?? 0, nowMs - 1_000);
    const paidAtMs = from + (work * 1_000) / perSecond;
    this.#paidAtMs.set(key, paidAtMs);
    return Math.max(0, paidAtMs - nowMs);
  }
}
