import t from 'tap';
import { TimeSlices } from '../../../../controller/services/engine/time-slices.ts';
import { HandClock } from '../../hand-clock.ts';

t.test('work is done a slice a turn, in order, what is urgent first', async (t) => {
  const clock = new HandClock();
  const slices = new TimeSlices(clock);
  const done: string[] = [];
  /** Takes two milliseconds. */
  const work = (name: string) => () => {
    done.push(name);
    clock.sleep(2);
  };
  for (const name of ['a', 'b', 'c', 'd']) slices.add(work(name));
  slices.add(work('urgent'), { urgent: true });
  t.same(done, [], 'not at once');
  clock.soon(() => {
    done.push('another');
    slices.add(work('e'));
    slices.add(work('f'), { urgent: true });
  });
  await clock.advance(0);
  t.same(done, ['urgent', 'a', 'b', 'another'], 'others are served after five milliseconds');
  await clock.advance(1_000);
  t.same(done.slice(4), ['f', 'c', 'd', 'e']);
});

t.test('a piece that takes longer than a slice is alone in its turn, and what is closed does no more', async (t) => {
  const clock = new HandClock();
  const slices = new TimeSlices(clock);
  const done: string[] = [];
  for (const name of ['long', 'short']) {
    slices.add(() => {
      done.push(name);
      clock.sleep(100);
    });
  }
  await clock.advance(0);
  t.same(done, ['long']);
  slices.close();
  await clock.advance(1_000);
  t.same(done, ['long']);
});
