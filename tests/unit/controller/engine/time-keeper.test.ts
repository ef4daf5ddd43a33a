import t from 'tap';
import type { KeptTime } from '../../../../controller/domain/engine/agreed-time.ts';
import { ClusterTime } from '../../../../controller/services/engine/time/cluster-time.ts';
import { TimeKeeper } from '../../../../controller/services/engine/time/time-keeper.ts';
import { HandClock } from '../../hand-clock.ts';
import { silent } from '../core.ts';

t.test('the time is stored with the first commit, then once a second, and with each correction', (t) => {
  const clock = new HandClock();
  let skewMs = 0;
  const skewed = {
    now: () => clock.now() + skewMs,
    monotonic: () => clock.monotonic(),
    after: clock.after.bind(clock),
    soon: clock.soon.bind(clock),
  };
  const time = new ClusterTime(skewed, undefined, 0, silent);
  const times: number[] = [];
  const kept: KeptTime[] = [];
  const keeper = new TimeKeeper(time, skewed, { keepLastTime: (at) => times.push(at), keepTime: (one) => kept.push(one) });
  const commit = () => {
    time.stamp();
    keeper.keep();
  };
  for (let at = 0; at < 25; at += 1) {
    commit();
    clock.sleep(100);
  }
  t.equal(kept.length, 3);
  t.equal(times.length, 3);
  skewMs = 24 * 3_600_000;
  commit();
  const before = kept.length;
  clock.sleep(11 * 60_000);
  commit();
  t.equal(kept.length, before + 1);
  t.equal(kept.at(-1)?.corrections.length, 1);
  t.end();
});
