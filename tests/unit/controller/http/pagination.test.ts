import t from 'tap';
import { jsonWithin } from '../../../../controller/http/input/pagination.ts';

t.test('a page is what fits into its bytes, and its first two items in any case', async (t) => {
  const items = ['a'.repeat(10), 'é'.repeat(10), 'c'.repeat(10), 'd'.repeat(10)];
  const whole = JSON.stringify(items);
  const bytes = Buffer.byteLength(whole);
  t.same(jsonWithin(items, bytes), { text: whole, count: 4 });
  t.same(jsonWithin(items, bytes - 1), { text: JSON.stringify(items.slice(0, 3)), count: 3 }, 'bytes, not characters');
  t.same(jsonWithin(items, 20), { text: JSON.stringify(items.slice(0, 2)), count: 2 });
  t.same(jsonWithin(items, 1), { text: JSON.stringify(items.slice(0, 2)), count: 2 });
  t.same(jsonWithin(items.slice(0, 1), 1), { text: JSON.stringify(items.slice(0, 1)), count: 1 });
  t.same(jsonWithin([], 0), { text: '[]', count: 0 });
});
