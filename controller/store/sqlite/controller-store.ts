import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Store } from '../../services/engine/store.ts';
import { openBareStore } from './bare-store.ts';
import { Checkpointer } from './checkpoints/checkpointer.ts';
import { sqlLists } from './lists/sql-lists.ts';
import { eventsOnThread } from './reader/event-pages.ts';
import { Reader } from './reader/reader.ts';
import { LogSyncer } from './syncs/syncer.ts';

export interface SqliteDeps {
  readonly path: string;
  /** The current epoch of the store. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Opens the controller's database at `path` like {@link openBareStore}, with a thread for lists, one
 * for event pages, one for syncs and one for checkpoints.
 */
export async function openControllerStore({ path, epoch, clock, log, metrics }: SqliteDeps): Promise<Store> {
  const checkpointer = new Checkpointer({ path, clock, log, metrics });
  const syncer = new LogSyncer({ path, clock, log, metrics });
  const { writer, view, events, audit, check, close } = await openBareStore(path, epoch, { checkpointer, syncer });
  syncer.start();
  const durable = () => syncer.inProgress;
  const lists = new Reader({ path, clock, log, metrics, durable });
  // A separate thread, so that reconnecting watchers and lists do not wait for each other.
  const pages = new Reader({ path, clock, log, durable });
  return {
    writer,
    view,
    lists: sqlLists(lists),
    events: eventsOnThread(events, pages),
    audit,
    check,
    readersDown: () => [lists, pages].filter(({ isUp }) => !isUp).length,
    async close() {
      await pages.close();
      await lists.close();
      await checkpointer.close();
      await syncer.close();
      close();
    },
  };
}
