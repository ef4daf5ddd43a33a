import { newsOver } from '../../../controller/bus/news.ts';
import { Tail } from '../../../controller/services/tail.ts';
import { ProcessClock } from './clock.ts';
import type { Cluster } from './cluster.ts';
import { Life } from './life.ts';
import { EPOCH } from './store.ts';
import { Watcher } from './watcher.ts';

/** A process beside the controller, as a second one would be: it hears of events over the bus alone, and reads the store for what is missing. */
export function observe(cluster: Cluster): Watcher {
  const life = new Life('observer');
  const log = cluster.trace.log('observer');
  const tail = new Tail({
    ...{ events: cluster.events, news: newsOver(cluster.broker.busFor(life), log), log },
    clock: new ProcessClock(cluster.time, life, { skewMs: 0 }),
  });
  const watcher = new Watcher(cluster, 'observer');
  tail.start();
  tail.watch(
    {},
    { epoch: EPOCH, number: 0 },
    watcher.watcher(() => cluster.violation('the observer was closed')),
  );
  return watcher;
}
