import { newsOnBus } from '../../../controller/bus/news.ts';
import { Loops } from '../../../controller/services/engine/loops.ts';
import { Tail } from '../../../controller/services/events/tail.ts';
import { ProcessClock } from './clock.ts';
import type { Cluster } from './cluster.ts';
import { Life } from './life.ts';
import { Watcher } from './watcher.ts';

/**
 * A process beside the controller, like a second one: it receives events over the bus only, and
 * reads missing ones from the store.
 */
export function observe(cluster: Cluster): Watcher {
  const watcher = new Watcher(cluster, 'observer');
  let life = follow(cluster, watcher);
  cluster.onRestored.add(() => {
    life.kill();
    life = follow(cluster, watcher);
  });
  return watcher;
}

/** One process of it, on one epoch of the store. */
function follow(cluster: Cluster, watcher: Watcher): Life {
  const life = new Life('observer');
  const log = cluster.trace.log('observer');
  const clock = new ProcessClock(cluster.time, life, { skewMs: 0 });
  const loops = new Loops({ clock, random: cluster.random.fork('observer'), log });
  const tail = new Tail({ loops, events: cluster.events, news: newsOnBus(cluster.broker.busFor(life), log), clock, log });
  tail.start();
  tail.watch(
    {},
    watcher.position,
    watcher.watcher(() => cluster.violation('the observer was closed')),
  );
  return life;
}
