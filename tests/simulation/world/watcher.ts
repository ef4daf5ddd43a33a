import type { EventPosition } from '../../../controller/domain/events.ts';
import type { EventWatcher, Services } from '../../../controller/services/api.ts';
import type { Cluster } from './cluster.ts';
import { EPOCH } from './store.ts';

/** Someone who follows all events, and takes them up again where they ended. */
export class Watcher {
  readonly #cluster: Cluster;
  readonly name: string;
  #position: EventPosition = { epoch: EPOCH, number: 0 };

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
  }

  async run(): Promise<void> {
    const { time } = this.#cluster;
    const random = this.#cluster.random.fork(this.name);
    for (;;) {
      const process = this.#cluster.controller;
      if (process !== undefined) await this.#follow(process.core.services.events, process.life);
      await time.sleep(random.between(100, 2_000));
    }
  }

  get position(): EventPosition {
    return this.#position;
  }

  /** Until the watch ends, or its process. */
  #follow(events: Services['events'], life: { atDeath(notice: () => void): unknown; run(work: () => void): void }): Promise<void> {
    return new Promise((resolve) => {
      life.atDeath(resolve);
      life.run(() => void events.watch({}, this.#position, this.watcher(resolve)));
    });
  }

  watcher(ended: () => void): EventWatcher {
    return {
      event: ({ number }, position) => {
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
