import type { Clock } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';

/** A node that could not repeat a build is not asked again for so long, unless it connects again. */
export const FAILED_MS = 10 * 60_000;

/** The nodes that repeat builds for other platforms: one for each image and platform. */
export class PlatformBuilds {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By the key of the image's row. */
  readonly #builders = new Map<string, NodeId>();
  /** When nodes failed, on the monotonic clock. */
  readonly #failures = new Map<string, Map<NodeId, number>>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Returns whether this node is the one to repeat it. */
  take(key: string, nodeId: NodeId): boolean {
    if (this.#builders.has(key)) return false;
    const failedMs = this.#failures.get(key)?.get(nodeId);
    if (failedMs !== undefined && this.#clock.monotonic() - failedMs < FAILED_MS) return false;
    this.#builders.set(key, nodeId);
    return true;
  }

  /** The build failed. Returns whether another node can repeat it now. */
  failed(key: string, nodeId: NodeId): boolean {
    if (this.#builders.get(key) !== nodeId) return false;
    this.#builders.delete(key);
    const failures = this.#failures.get(key) ?? new Map<NodeId, number>();
    this.#failures.set(key, failures.set(nodeId, this.#clock.monotonic()));
    return true;
  }

  /** The image is there. */
  end(key: string): void {
    this.#builders.delete(key);
    this.#failures.delete(key);
  }

  /** A node disconnected. Returns the keys that it was to build. */
  gone(nodeId: NodeId): readonly string[] {
    for (const [key, failures] of this.#failures) if (failures.delete(nodeId) && failures.size === 0) this.#failures.delete(key);
    const keys = [...this.#builders].filter(([, builder]) => builder === nodeId).map(([key]) => key);
    for (const key of keys) this.#builders.delete(key);
    return keys;
  }
}
