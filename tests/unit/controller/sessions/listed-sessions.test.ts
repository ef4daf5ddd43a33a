/** Pages of sessions: their ids are found on a thread, and what is known of them is not read again. */
import t, { type Test } from 'tap';
import type { PageRequest } from '../../../../controller/contract/pages.ts';
import type { SessionFilter, SessionObject } from '../../../../controller/contract/sessions.ts';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { Permissions } from '../../../../controller/domain/access/rbac.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { updateSession } from '../../../../controller/domain/sessions/commands/update-session.ts';
import { sessionObject } from '../../../../controller/domain/sessions/session-object.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import type { Lists } from '../../../../controller/services/engine/lists.ts';
import { listSessions } from '../../../../controller/services/sessions/session-query.ts';
import { ShownSessions } from '../../../../controller/services/sessions/shown-sessions.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { ACCOUNT, NODE, newSession, node, openCore, seeded } from '../core.ts';

const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as SessionId;
const permissions = new Permissions(BUILT_IN_ROLES.slice(0, 1).map((role) => ({ role, spaceId: null })));
const CALLER: Caller = { accountId: ACCOUNT, user: 'ann', permissions, now: () => CALLER };
const PAGE: PageRequest = { limit: 100, offset: 0 };

/** `between` runs once after the ids of a page are found, `meanwhile` once after the rows of the others are read. */
async function open(t: Test, sessions: number) {
  const core = await openCore({ nodes: [node(NODE, { cpuMillis: 1e6, memoryBytes: 1e12 })] });
  const { lists, close } = listsOn(core.store.path);
  t.teardown(() => {
    close();
    core.close();
  });
  const { view } = core.store;
  const shownSessions = new ShownSessions(view);
  core.applier.onCommitted((committed) => shownSessions.committed(committed));
  const hooks: { between?: (() => Promise<unknown>) | undefined; meanwhile?: (() => Promise<unknown>) | undefined } = {};
  const read: SessionId[][] = [];
  const watched: Lists = {
    ...lists,
    async sessions(query, page) {
      const found = await lists.sessions(query, page);
      const { between } = hooks;
      hooks.between = undefined;
      await between?.();
      return found;
    },
    async sessionRows(ids, order) {
      read.push([...ids]);
      const found = await lists.sessionRows(ids, order);
      const { meanwhile } = hooks;
      hooks.meanwhile = undefined;
      await meanwhile?.();
      return found;
    },
  };
  for (let number = 1; number <= sessions; number += 1) await core.applier.submit(newSession({ id: idOf(number) }));
  async function list(filter: SessionFilter = {}, page: PageRequest = PAGE) {
    const found = await listSessions({ view, lists: watched, shownSessions }, CALLER, filter, page);
    if (!found.ok) throw new Error(found.refusal.message);
    const items = found.value.items.map(({ text }): SessionObject => JSON.parse(text));
    return { items, total: found.value.total, ids: items.map(({ id }) => id), read: read.splice(0) };
  }
  const expected = (id: SessionId) => {
    const row = view.get('sessions', id);
    return row === undefined || row.desired === 'deleted' ? undefined : sessionObject(view, row);
  };
  return { ...core, apply: core.applier.apply.bind(core.applier), list, hooks, expected };
}

t.test('a page reads the rows of the sessions that are not known, in one statement', async (t) => {
  const { apply, list } = await open(t, 5);
  t.same((await list()).read, [[5, 4, 3, 2, 1].map(idOf)]);
  t.same((await list()).read, [], 'nothing');
  await apply(updateSession(idOf(2), { name: 'two' }));
  await apply(updateSession(idOf(4), { name: 'four' }));
  const { items, read } = await list();
  t.same(read, [[4, 2].map(idOf)], 'those that changed');
  t.same(
    items.map(({ name }) => name),
    [null, 'four', null, 'two', null],
  );
});

t.test('a row that changes while it is read is shown once, and not kept', async (t) => {
  const { apply, list, hooks } = await open(t, 3);
  hooks.meanwhile = () => apply(updateSession(idOf(2), { name: 'late' }));
  t.equal((await list()).items.length, 3);
  const { items, read } = await list();
  t.same(read, [[idOf(2)]]);
  t.equal(items[1]?.name, 'late');
  t.same((await list()).read, []);
});

t.test('what was deleted or left the state meanwhile is no part of the page, nor of its total', async (t) => {
  const { apply, list, hooks } = await open(t, 4);
  const first = (page: PageRequest = PAGE) => list({ state: 'init' }, page);
  hooks.between = () => apply(removeSession(idOf(3), 'deleted'));
  t.match(await first(), { ids: [4, 2, 1].map(idOf), total: 3 }, 'of sessions that must be read');
  hooks.between = () => apply(changeDesired(idOf(2), 'suspend', 0));
  t.match(await first(), { ids: [4, 1].map(idOf), total: 2 }, 'of sessions that were known');
  hooks.meanwhile = () => apply(removeSession(idOf(4), 'deleted'));
  await apply(updateSession(idOf(1), { name: 'one' }));
  t.match(await first(), { ids: [4, 1].map(idOf), total: 2 }, 'as it was read');
  t.match(await first(), { ids: [idOf(1)], total: 1 });
});

t.test('what no longer has the requested name or metadata is no part of the page', async (t) => {
  const { apply, list, hooks } = await open(t, 4);
  const metadata = { color: 'red', size: 3, deep: { a: [1] } };
  for (const number of [1, 2, 3]) await apply(updateSession(idOf(number), { name: 'same', metadata }));
  const renamed = (number: number) => () => apply(updateSession(idOf(number), { name: `other-${number}` }));
  const changed = (number: number, color: string) => () => apply(updateSession(idOf(number), { metadata: { ...metadata, color } }));
  const red: SessionFilter = { metadata: { color: 'red', size: '3', deep: '{"a":[1]}' } };

  hooks.between = renamed(2);
  t.match(await list({ name: 'same' }), { ids: [3, 1].map(idOf), total: 2 }, 'a name');
  hooks.between = changed(3, 'green');
  t.match(await list(red), { ids: [2, 1].map(idOf), total: 2 }, 'metadata');
  await list();
  hooks.between = changed(1, 'red');
  t.match(await list(red), { ids: [2, 1].map(idOf), total: 2 }, 'a change that leaves it');
  hooks.between = () => apply(updateSession(idOf(2), { metadata: {} }));
  t.match(await list(red), { ids: [idOf(1)], total: 1 }, 'of sessions that were known');
});

t.test('a page that has lost all its sessions is found again, as others have come in their place', async (t) => {
  const { apply, list, hooks } = await open(t, 3);
  const one: PageRequest = { limit: 1, offset: 0 };
  hooks.between = () => apply(removeSession(idOf(3), 'deleted'));
  t.match(await list({}, one), { ids: [idOf(2)], total: 2 });
  hooks.between = () => apply(changeDesired(idOf(2), 'suspend', 0));
  t.match(await list({ state: 'init' }, one), { ids: [idOf(1)], total: 1 });
  hooks.between = () => apply(removeSession(idOf(1), 'deleted'));
  t.match(await list({ state: 'init' }, one), { ids: [], total: 0 }, 'unless there are none');
});

t.test('a page whose rows are too large ends early, and the next begins there', async (t) => {
  const { apply, list } = await open(t, 0);
  const metadata = { large: 'x'.repeat(60_000) };
  for (let number = 1; number <= 300; number += 1) await apply(newSession({ id: idOf(number), metadata }));
  const { ids, total } = await list({}, { limit: 1000, offset: 0, order: 'asc' });
  t.equal(total, 300);
  t.ok(ids.length > 100 && ids.length < 150, `${ids.length} of them`);
  const next = await list({}, { limit: 1000, offset: ids.length, order: 'asc' });
  t.same(
    [...ids, ...next.ids],
    Array.from({ length: ids.length + next.ids.length }, (_, at) => idOf(at + 1)),
  );
});

t.test('whatever is committed while pages are read, each session is shown as it is', async (t) => {
  const { apply, list, hooks, expected } = await open(t, 12);
  const random = seeded(11);
  const among = (count: number) => Math.floor(random() * count);
  let step = 0;
  const change = async () => {
    step += 1;
    const id = idOf(1 + among(12));
    const commands = [
      () => updateSession(id, { metadata: { step } }),
      () => changeDesired(id, 'suspend', 0),
      () => changeDesired(id, 'resume', 0),
      () => removeSession(id, 'deleted'),
    ];
    const command = commands[random() < 0.05 ? 3 : among(3)];
    if (command !== undefined) await apply(command() as ReturnType<typeof updateSession>).catch(() => undefined);
  };
  for (let turn = 0; turn < 300; turn += 1) {
    if (random() < 0.5) hooks.between = change;
    if (random() < 0.5) hooks.meanwhile = change;
    await Promise.all([list(), list({}, { limit: 5, offset: among(8) })]);
    if (random() < 0.5) await change();
    hooks.between = undefined;
    hooks.meanwhile = undefined;
    const { items, total } = await list();
    t.equal(items.length, total);
    for (const item of items)
      if (JSON.stringify(item) !== JSON.stringify(expected(item.id as SessionId))) t.fail(`${item.id} at turn ${turn}`);
  }
  t.ok(step > 300, `${step} changes`);
});
