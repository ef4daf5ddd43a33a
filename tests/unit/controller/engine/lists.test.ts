import t from 'tap';
import type { MessageId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { rowsOfState } from '../../../../controller/domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { sqlLists } from '../../../../controller/store/sqlite/lists/sql-lists.ts';
import { Reader } from '../../../../controller/store/sqlite/reader/reader.ts';
import { systemClock } from '../../../../seams/system.ts';
import { ACCOUNT, newSession, openCore, SPACE, silent } from '../core.ts';

t.test('lists filter by what is visible, space, state and metadata, in a total order with the whole count', async (t) => {
  const core = await openCore();
  const reader = new Reader({ path: core.store.path, clock: systemClock, log: silent });
  t.teardown(async () => {
    await reader.close();
    core.close();
  });
  const lists = sqlLists(reader);
  const ids = ['a', 'b', 'c', 'd'].map((id) => id as SessionId);
  for (const id of ids) await core.applier.submit(newSession({ id, metadata: { letter: id, 'odd "key"': 1 } }));
  await core.applier.submit(removeSession('d' as SessionId, 'deleted'));
  const page = { limit: 2, offset: 0 };
  const found = async (query: object, at: object = page) => {
    const { items, total } = await lists.sessions({ visible: 'all', ...query }, { ...page, ...at });
    return [items.join(''), total];
  };
  t.same(await found({}), ['cb', 3], 'newest first, the deleted gone');
  t.same(await found({}, { offset: 2 }), ['a', 3]);
  t.same(await found({}, { order: 'asc' }), ['ab', 3]);
  t.same(await found({ states: rowsOfState('init') }), ['cb', 3]);
  t.same(await found({ states: rowsOfState('idle') }), ['', 0]);
  t.same(await found({ metadata: { letter: 'b' } }), ['b', 1]);
  t.same(await found({ metadata: { 'odd "key"': '1' } }), ['cb', 3]);
  t.same(await found({ metadata: { letter: "b' or 1=1 --" } }), ['', 0]);
  t.same(await found({ spaceId: 'other' as SpaceId }), ['', 0]);
  t.same(await found({ visible: { spaces: [SPACE], owner: 'x' as typeof ACCOUNT } }), ['cb', 3]);
  t.same(await found({ visible: { spaces: [], owner: 'x' as typeof ACCOUNT } }), ['', 0]);
  t.same(await found({ visible: { spaces: [], owner: ACCOUNT } }), ['cb', 3]);
  t.same(await lists.countSessions(), { init: 3, idle: 0, busy: 0, paused: 0, suspended: 0, error: 0 });
  const set = (id: string, more: Partial<SessionRow>) => put('sessions', { ...core.session(id), ...more });
  const held = {
    sessionId: 'a' as SessionId,
    seq: 1,
    agent: 'x',
    refusal: null,
    bytes: 1,
    acceptedAt: 2,
    cancelGraceMs: null,
    run: null,
    createdAt: 1,
  };
  const mutations = [
    set('a', { phase: 'running', outstanding: 1 }),
    put('queue', { id: 'm' as MessageId, ...held }),
    set('b', { phase: 'running' }),
  ];
  await core.applier.apply({ name: 'set', decide: () => ({ mutations, events: [], result: undefined }) });
  t.same(await lists.countSessions(), { init: 1, idle: 1, busy: 1, paused: 0, suspended: 0, error: 0 });
});
