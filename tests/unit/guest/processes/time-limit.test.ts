import t from 'tap';
import { limitTime } from '../../../../guest/processes/time-limit.ts';
import { HandClock } from '../../hand-clock.ts';

t.test('a time limit counts only the time in which the session is not paused', async (t) => {
  const clock = new HandClock();
  let over = 0;
  limitTime(clock, 5500, () => {
    over += 1;
  });
  await clock.advance(3000);
  clock.sleep(3_600_000);
  await clock.advance(400);
  t.equal(over, 0, 'a pause counts as one step, twice at most');
  await clock.advance(200);
  t.equal(over, 1);
  await clock.advance(60_000);
  t.equal(over, 1, 'once');
});

t.test('a cancelled limit, and none, never end', async (t) => {
  const clock = new HandClock();
  const fail = () => t.fail();
  limitTime(clock, 2500, fail).cancel();
  const begun = limitTime(clock, 2500, fail);
  limitTime(clock, undefined, fail);
  await clock.advance(1500);
  begun.cancel();
  await clock.advance(60_000);
  t.equal(clock.timers, 0);
});
