import t from 'tap';
import type { SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { Demand, REMEMBERED_MS } from '../../../../controller/services/slots/demand.ts';

const SPACE = 'space' as SpaceId;
const LOCKED = { profile: 'locked', imageName: null } as const;

t.test('the largest burst is expected again for half an hour, whenever it began', (t) => {
  for (const beganMs of [0, 14_999, 29_000, 59_990]) {
    const demand = new Demand();
    const burst = (nowMs: number) => demand.of(SPACE, nowMs)[0]?.burst ?? 0;
    for (let one = 0; one < 50; one += 1) demand.created(SPACE, LOCKED, beganMs + one * 400);
    t.equal(burst(beganMs + 20_000), 50);
    demand.created(SPACE, LOCKED, beganMs + 40_000);
    t.equal(burst(beganMs + 40_000), 50, 'a smaller one changes nothing');
    t.equal(burst(beganMs + REMEMBERED_MS + 10_000), 1, 'the smaller one is younger');
    t.equal(burst(beganMs + REMEMBERED_MS + 50_000), 0);
  }
  t.end();
});

t.test('kinds are apart, and what is remembered is bounded', (t) => {
  const demand = new Demand();
  for (let second = 0; second < 7200; second += 1) demand.created(SPACE, LOCKED, second * 1000);
  t.match(demand.of(SPACE, 7_200_000), [{ burst: 30 }]);
  for (let one = 0; one < 20; one += 1) demand.created(SPACE, { profile: 'workstation', imageName: `image-${one}` }, 7_200_000);
  t.equal(demand.of(SPACE, 7_200_000).length, 8);
  t.end();
});
