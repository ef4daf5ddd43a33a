import type { EventPosition } from '../../../controller/domain/events/events.ts';
import type { EventWatcher } from '../../../controller/services/events/watching.ts';
import type { Services } from '../../../controller/services/services.ts';
import type { Cluster } from './cluster.ts';
import type { SeededRandom } from './random.ts';
import { EPOCH } from './store.ts';

/** Watches all events, and resumes where a stream ended. */
export class Watcher {
  readonly #cluster: Cluster;
  readonly name: string;
  readonly #random: SeededRandom;
  #position: EventPosition = { epoch: EPOCH, number: 0 };

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
    this.#random = cluster.random.fork(name);
  }

  async run(): Promise<void> {
    const { time } = this.#cluster;
    for (;;) {
      const process = this.#cluster.controller;
      if (process !== undefined) await this.#follow(process.core.services.events, process.life);
      await time.sleep(this.#random.between(100, 2_000));
    }
  }

  get position(): EventPosition {
    return this.#position;
  }

  /** Runs until the watch or its process ends. */
  #follow(events: Services['events'], life: { atDeath(notice: () => void): unknown; run(work: () => void): void }): Promise<void> {
    return new Promise((resolve) => {
      life.atDeath(resolve);
      life.run(() => {
        const watching = events.watch(
          {},
          this.#position,
          this.watcher(resolve, (hasRoom) =>
            this.#cluster.time.schedule(this.#random.between(1, 3_000), () =>
              life.run(() => {
                hasRoom();
                watching.resume();
              }),
            ),
          ),
        );
      });
    });
  }

  /** With `resumeLater`, it is sometimes full. */
  watcher(ended: () => void, resumeLater?: (hasRoom: () => void) => void): EventWatcher {
    let isFull = false;
    return {
      event: ({ number }, position) => {
        if (isFull) this.#cluster.violation(`${this.name} was shown event ${number} while it was full`);
        if (resumeLater !== undefined && this.#random.chance(0.02)) {
          isFull = true;
          resumeLater(() => {
            isFull = false;
          });
          return 'full';
        }
        const before = this.#position.number;
        if (number !== before + 1) this.#cluster.violation(`${this.name} saw event ${number} after ${before}`);
        this.#position = position;
        return 'more';
      },
      delta: () => 'more',
      log: () => 'more',
      reset: (position) => {
        const { epoch, number } = this.#position;
        if (position.epoch === epoch) this.#cluster.violation(`${this.name} was reset to ${position.number}, at ${number}`);
        this.#position = position;
        return 'more';
      },
      end: ended,
    };
  }
}
