import t from 'tap';
import { rfc3339 } from '../../../../controller/domain/engine/time.ts';

t.test('times are spelled as a Date does, whatever the day and whatever came before', (t) => {
  const day = 86_400_000;
  const times = [
    0,
    -1,
    1,
    day - 1,
    day,
    -day,
    -day - 1,
    Date.UTC(1999, 11, 31, 23, 59, 59, 999),
    Date.UTC(2000, 1, 29),
    Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  ];
  for (let at = 0; at < 10_000; at += 1) times.push((at * 7_919_777_777) % 4_102_444_800_000);
  for (const time of times) {
    if (rfc3339(time) !== new Date(time).toISOString()) t.equal(rfc3339(time), new Date(time).toISOString());
  }
  t.ok(times.length > 10_000);
  t.end();
});
