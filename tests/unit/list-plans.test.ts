import Database from 'better-sqlite3';
import t from 'tap';
import type { SpaceId } from '../../controller/domain/ids.ts';
import { rowsOfState } from '../../controller/domain/life-cycle.ts';
import type { SessionQuery } from '../../controller/services/lists.ts';
import { sqlLists } from '../../controller/store/sql-lists.ts';
import { ACCOUNT, openCore, SPACE } from './controller-core.ts';

const ELSEWHERE = '00000000-0000-4000-8000-00000000000e' as SpaceId;

/** Ways in which whole tables are read. What is sorted are the rows of the page, and heads of parts that were cut to its reach. */
const SLOW = /SCAN sessions$|SCAN messages/;

t.test('a page of sessions and its total are read by an index, whoever asks and whatever for', async (t) => {
  const core = await openCore();
  const database = new Database(core.store.path, { readonly: true });
  t.teardown(() => {
    database.close();
    core.close();
  });
  const plans: string[][] = [];
  const lists = sqlLists({
    async read(queries) {
      for (const { sql, parameters } of queries) {
        const plan = database.prepare(`explain query plan ${sql}`).all(...parameters) as { detail: string }[];
        plans.push(plan.map(({ detail }) => detail));
      }
      return queries.map(() => []);
    },
  });
  const page = { limit: 100, offset: 0 };
  const questions: readonly (readonly [string, SessionQuery, RegExp])[] = [
    ['all', { visible: 'all' }, /sessions_created/],
    ['a space', { visible: 'all', spaceId: SPACE }, /sessions_space/],
    ['a state', { visible: 'all', spaceId: SPACE, states: rowsOfState('idle') }, /sessions_space/],
    ['what says so', { visible: 'all', spaceId: SPACE, metadata: { a: 'b' } }, /sessions_space/],
    ['one’s own', { visible: { spaces: [], owner: ACCOUNT } }, /sessions_owner/],
    ['one’s own in a space', { visible: { spaces: [], owner: ACCOUNT }, spaceId: SPACE }, /sessions_owner/],
    ['a space among one’s spaces', { visible: { spaces: [SPACE, ELSEWHERE], owner: ACCOUNT }, spaceId: SPACE }, /sessions_space/],
  ];
  for (const [name, query, index] of questions) {
    for (const order of ['asc', 'desc'] as const) {
      plans.length = 0;
      await lists.sessions(query, { ...page, order });
      const [rows = [], total = []] = plans;
      t.match(rows.join('\n'), index, `${name}, ${order}: the page`);
      t.match(total.join('\n'), index, `${name}: the total`);
      for (const line of [...rows, ...total]) t.notMatch(line, SLOW, `${name}: ${line}`);
    }
  }
  plans.length = 0;
  await lists.sessions({ visible: { spaces: [SPACE, ELSEWHERE], owner: ACCOUNT } }, page);
  const [rows = [], total = []] = plans;
  const parts = rows.filter((line) => /(SEARCH|SCAN) sessions USING COVERING INDEX/.test(line));
  t.equal(parts.length, 3, 'several spaces and one’s own: a part each');
  for (const line of [...parts, ...total]) t.notMatch(line, /SCAN sessions/, line);
  t.equal(total.filter((line) => /COVERING INDEX/.test(line)).length, 3, 'counted in the indexes alone');

  plans.length = 0;
  await lists.messages('s' as Parameters<typeof lists.messages>[0], { role: 'user', afterSeq: 3 }, page);
  for (const line of plans.flat()) t.match(line, /SEARCH messages USING .*INDEX messages_seq/, line);
});
