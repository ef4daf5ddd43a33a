import t from 'tap';
import { Paced } from '../../../../controller/services/engine/paced.ts';

t.test('few pieces of work run in one turn, the others later, and all in order', async (t) => {
  const turns: (() => void)[] = [];
  const ran: number[] = [];
  const paced = new Paced(
    {
      soon(run) {
        turns.push(run);
        return { cancel: () => undefined };
      },
    },
    3,
  );
  for (let at = 0; at < 8; at += 1) paced.run(() => ran.push(at));
  t.same(ran, [0, 1, 2]);
  turns.shift()?.();
  t.same(ran, [0, 1, 2, 3, 4, 5]);
  paced.run(() => ran.push(8));
  t.same(ran.length, 6, 'who comes later waits behind the others');
  turns.shift()?.();
  t.same(ran, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  turns.shift()?.();
  t.equal(turns.length, 0, 'and nothing is left to do');
});
