import t from 'tap';
import { eventIds } from '../../../../controller/services/events/event-ids.ts';

const ids = eventIds(new Uint8Array(32).fill(7));

t.test('an id is read as the position that it was spelled from', async (t) => {
  for (const position of [
    { epoch: 1, number: 0 },
    { epoch: 1, number: 1 },
    { epoch: 1_900_000_000, number: 2 ** 47 },
  ])
    t.same(ids.read(ids.spell(position)), position);
});

t.test('ids tell neither how many events lie between two, nor which came first', async (t) => {
  const spelled = Array.from({ length: 100 }, (_, number) => ids.spell({ epoch: 1, number }));
  t.equal(new Set(spelled).size, 100);
  const sorted = [...spelled].sort();
  t.not(sorted.join(), spelled.join());
  const alike = spelled.filter((id, at) => at > 0 && id.slice(0, 2) === spelled[at - 1]?.slice(0, 2));
  t.ok(alike.length < 5, 'neighbours do not look alike');
});

t.test('an id of another store is a position in no life of this one, and what is no id is nothing', async (t) => {
  const elsewhere = eventIds(new Uint8Array(32).fill(8)).spell({ epoch: 1, number: 5 });
  t.same(ids.read(elsewhere), { epoch: 0, number: 0 });
  for (const text of ['', 'e1-5', 'nonsense', `${elsewhere}A`, elsewhere.slice(1)]) t.equal(ids.read(text), undefined, text);
});
