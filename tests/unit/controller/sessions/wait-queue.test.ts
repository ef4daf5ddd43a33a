import t from 'tap';
import type { NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { dominantShare, MAX_WAITING, WaitQueue } from '../../../../controller/domain/sessions/placement/wait-queue.ts';
import { seeded } from '../core.ts';

interface Caller {
  readonly spaceId: SpaceId;
  readonly constraints: readonly { readonly label: string; readonly operator: 'exists' }[];
  readonly number: number;
  readonly size: number;
}

let made = 0;
function caller(space: string, size = 1, label?: string): Caller {
  made += 1;
  return { spaceId: space as SpaceId, constraints: label === undefined ? [] : [{ label, operator: 'exists' }], number: made, size };
}
const equal = () => 0;
const all = () => true;

t.test('callers of one space are served in order; a first one that does not fit holds up those behind it, and no others', async (t) => {
  const queue = new WaitQueue<Caller>();
  const [large, small, other, gpu] = [caller('a', 9), caller('a', 1), caller('b', 1), caller('a', 1, 'gpu')];
  for (const one of [large, small, gpu, other]) queue.add(one);
  const fits = ({ size }: Caller) => size < 5;
  t.equal(queue.next(fits, equal), gpu, 'other constraints are another order');
  t.equal(queue.next(all, equal), large);
  t.equal(queue.remove(gpu), undefined);
  t.equal(queue.next(fits, equal), other);
  t.equal(queue.remove(other), undefined);
  t.equal(queue.next(fits, equal), undefined);
  t.equal(queue.remove(large), small, 'which is first now');
  t.equal(queue.next(fits, equal), small);
  t.equal(queue.remove(large), undefined, 'it is gone already');
});

t.test('a session that wakes is not held up by a copy on the same node, which cannot use the room reserved for it', async (t) => {
  const queue = new WaitQueue<Caller & { readonly onlyOn: NodeId; readonly wakes?: boolean }>();
  const onlyOn = 'node' as NodeId;
  const copy = { ...caller('a', 9), onlyOn };
  const [first, second] = [
    { ...caller('a'), onlyOn, wakes: true },
    { ...caller('a'), onlyOn, wakes: true },
  ];
  for (const one of [copy, first, second]) queue.add(one);
  const fits = ({ size }: Caller) => size < 5;
  t.equal(queue.next(fits, equal), first);
  t.equal(queue.ahead(second), first, 'and those that wake are served in order');
  t.equal(queue.next(all, equal), copy);
});

t.test('the space with the smallest share is next, however long others wait', async (t) => {
  const queue = new WaitQueue<Caller>();
  const [rich, poor] = [caller('rich'), caller('poor')];
  queue.add(rich);
  queue.add(poor);
  const share = (space: SpaceId) => (String(space) === 'rich' ? 0.5 : 0.1);
  t.equal(queue.next(all, share), poor);
  t.equal(queue.next(all, equal), rich, 'of equals the one that waits longest');
  t.equal(
    queue.next((one) => one !== poor, share),
    rich,
  );
  const total = { cpuMillis: 1000, memoryBytes: 1000 };
  t.equal(dominantShare({ cpuMillis: 100, memoryBytes: 700 }, total), 0.7);
  t.equal(dominantShare({ cpuMillis: 800, memoryBytes: 700 }, total), 0.8);
  t.equal(dominantShare({ cpuMillis: 0, memoryBytes: 0 }, { cpuMillis: 0, memoryBytes: 0 }), 0, 'without any node');
});

t.test('the queue is bounded for each space and in all', async (t) => {
  const queue = new WaitQueue<Caller>();
  const first = caller('space-0');
  queue.add(first);
  while (queue.fullOf(first.spaceId) === undefined) queue.add(caller('space-0'));
  t.equal(queue.size, MAX_WAITING.space);
  t.equal(queue.fullOf(first.spaceId), 'space');
  for (let space = 1; queue.size < MAX_WAITING.all; space += 1)
    while (queue.size < MAX_WAITING.all && queue.fullOf(`space-${space}` as SpaceId) === undefined) queue.add(caller(`space-${space}`));
  t.equal(queue.fullOf('new' as SpaceId), 'all');
  queue.remove(first);
  t.equal(queue.fullOf(first.spaceId), undefined);
  t.equal(queue.fullOf('new' as SpaceId), undefined);
});

t.test('random comings and goings: nobody is forgotten, overtaken in its order, or served against the shares', async (t) => {
  const random = seeded(11);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const queue = new WaitQueue<Caller>();
  const waiting: Caller[] = [];
  const served = new Map<string, number>();
  const share = (space: SpaceId) => served.get(space) ?? 0;
  const laneOf = ({ spaceId, constraints }: Caller) => `${spaceId}${constraints.length}`;
  const leave = (gone: Caller) => waiting.splice(waiting.indexOf(gone), 1);
  const seen = { served: 0, left: 0, stuck: 0 };
  for (let step = 0; step < 5000; step += 1) {
    const what = random();
    if (what < 0.45) {
      const newcomer = caller(one(['a', 'b', 'c']), 1 + Math.floor(random() * 4), random() < 0.3 ? 'gpu' : undefined);
      queue.add(newcomer);
      waiting.push(newcomer);
    } else if (what < 0.55 && waiting.length > 0) {
      const gone = one(waiting);
      queue.remove(gone);
      leave(gone);
      seen.left += 1;
    } else {
      const room = Math.floor(random() * 5);
      const next = queue.next(({ size }) => size <= room, share);
      const first = waiting.filter((each) => each === waiting.find((before) => laneOf(before) === laneOf(each)));
      const able = first.filter(({ size }) => size <= room);
      const best = able.toSorted((x, y) => share(x.spaceId) - share(y.spaceId) || x.number - y.number)[0];
      if (next !== best) t.fail(`step ${step}: served ${JSON.stringify(next)} instead of ${JSON.stringify(best)}`);
      if (next === undefined) seen.stuck += 1;
      else {
        queue.remove(next);
        leave(next);
        served.set(next.spaceId, share(next.spaceId) + next.size);
        seen.served += 1;
      }
    }
    if (queue.size !== waiting.length) t.fail(`step ${step}: ${queue.size} are waiting, ${waiting.length} should be`);
  }
  t.ok(seen.served > 1000 && seen.left > 200 && seen.stuck > 100, `came up: ${JSON.stringify(seen)}`);
});
