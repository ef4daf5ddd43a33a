import t from 'tap';
import { FeedPlaces, MAX_OPEN_FEEDS } from '../../../../controller/services/logs/feed-places.ts';

const { ofNode, ofSpace } = MAX_OPEN_FEEDS;
const names = (word: string, count: number) => Array.from({ length: count }, (_, at) => `${word} ${at}`);

/** Fills one node with feeds of one space. */
function fullNode() {
  const places = new FeedPlaces<string>();
  const route = { space: 's', node: 'n' };
  for (const [at, key] of names('first', ofNode).entries()) places.take(key, route, at);
  return { places, route };
}

t.test('a node, a space and all together have places; whoever finds none waits', async (t) => {
  const { places, route } = fullNode();
  t.equal(places.take('late', route, 999), false, 'the node is full');
  t.equal(places.take('first 0', route, 999), true, 'who has a place keeps it');
  t.equal(places.take('elsewhere', { space: 's', node: 'm' }, 999), true, 'another node has room');
  for (const key of names('more', ofSpace)) places.take(key, { space: 's', node: `of ${key}` }, 999);
  t.equal(places.open, ofSpace, 'the space is full');
  t.equal(places.take('other space', { space: 'u', node: 'm' }, 999), true);
  t.equal(places.waiting, 1 + ofNode + 1);
  for (let space = 0; space < 5; space += 1)
    for (const key of names(`space ${space}`, ofSpace)) places.take(key, { space: `${space}`, node: `of ${key}` }, 999);
  t.equal(places.open, MAX_OPEN_FEEDS.all);
});

t.test('a place that comes free goes to the first that fits, and to a busy session before the others', async (t) => {
  const { places, route } = fullNode();
  for (const key of ['one', 'two', 'three']) places.take(key, route, 999);
  t.equal(places.free('unknown', 999), undefined);
  t.equal(places.free('first 3', 999), 'one');
  t.equal(places.take('one', route, 999), true, 'it has the place at once');
  places.hurry('three');
  places.hurry('nobody');
  t.equal(places.free('first 4', 999), 'three');
  t.equal(places.free('three', 999), 'two');
  t.equal(places.waiting, 0);
  t.equal(places.open, ofNode);
});

t.test('quiet feeds make room for those that wait, so that all have a turn; a space with room does not lose any', async (t) => {
  const { places, route } = fullNode();
  for (const key of names('elsewhere', 50)) places.take(key, { space: 'u', node: 'm' }, -1);
  t.same(places.turn(), [], 'nobody waits');
  const late = names('late', 40);
  for (const key of late) places.take(key, route, 999);
  places.heard('first 0', 5_000);
  const closed = places.turn();
  t.same(closed, names('first', 33).slice(1), 'the quietest of that node, a few at a time');

  // Round after round, every feed is open once, although there are more than places.
  const seen = new Set<string>();
  let now = 10_000;
  for (let round = 0; round < 20; round += 1) {
    for (const victim of places.turn()) {
      now += 1;
      const next = places.free(victim, now);
      if (next !== undefined) seen.add(next);
      places.take(victim, route, now);
    }
  }
  t.ok(
    late.every((key) => seen.has(key)),
    `${seen.size} had a place`,
  );
  t.equal(places.open, ofNode + 50);
});
