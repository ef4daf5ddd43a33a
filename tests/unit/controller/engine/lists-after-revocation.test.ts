/** What a list shows is judged by the rights of when it is answered: it may have waited for the reading thread. */
import t, { type Test } from 'tap';
import { changeAccount } from '../../../../controller/domain/access/commands/accounts.ts';
import { removeBinding } from '../../../../controller/domain/access/commands/role-bindings.ts';
import type { AccountId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { Lists } from '../../../../controller/services/engine/lists.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { populate, sessionRow } from '../access/rbac-rows.ts';
import { openRbacWorld } from '../access/rbac-world.ts';
import { seeded } from '../core.ts';

const ANN = '00000000-0000-4000-8000-0000000000f1' as AccountId;
const BINDING = '00000000-0000-4000-8000-0000000000f2';
const SESSION = '00000000-0000-4000-8000-0000000000f3' as SessionId;

/** Pages that have been read, and are kept until `go`. */
function slowly(lists: Lists) {
  let reading = () => {};
  let go = () => {};
  const isRead = new Promise<void>((resolve) => {
    reading = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const kept = async <T>(page: Promise<T>): Promise<T> => {
    const read = await page;
    reading();
    await gate;
    return read;
  };
  const slow: Lists = {
    ...lists,
    rows: (table, equal, page, among) => kept(lists.rows(table, equal, page, among)),
    sessions: (query, page) => kept(lists.sessions(query, page)),
    messages: (session, query, page) => kept(lists.messages(session, query, page)),
    audit: (query, page) => kept(lists.audit(query, page)),
  };
  return { slow, isRead, go };
}

async function ask(t: Test, path: string, revoke: 'binding' | 'account' | undefined) {
  const population = populate(seeded(1), 3);
  const [admin] = population.roles;
  const [space] = population.spaces;
  if (admin === undefined || space === undefined) throw new Error('nothing is there');
  const [owner] = population.subjects;
  if (owner === undefined) throw new Error('nobody is there');
  const rows = [
    ...population.rows,
    put('accounts', {
      ...{ id: ANN, user: 'ann', passwordHash: 'x', description: null, active: true, version: 1 },
      ...{ createdAt: 1, updatedAt: 1, lastLoginAt: null },
    }),
    put('bindings', {
      ...{
        id: BINDING,
        roleId: admin.id,
        principal: 'ann',
        principalType: 'ServiceAccount',
        accountId: ANN,
        spaceId: space.id,
        createdAt: 1,
        updatedAt: 1,
      },
    }),
    put('sessions', sessionRow({ id: SESSION, name: 'a session', space, owner })),
  ];
  let slow: ReturnType<typeof slowly> | undefined;
  const world = await openRbacWorld(rows, (at) => {
    const { lists, close } = listsOn(at);
    slow = slowly(lists);
    return { lists: slow.slow, close };
  });
  t.teardown(() => world.close());
  const token = world.token({ accountId: ANN, user: 'ann', version: 1 });
  const full = path.replace('SPACE', space.name);
  const route = world.routes.find(({ method, path: shape }) => method === 'GET' && shape === shapeOf(path));
  if (route === undefined || slow === undefined) throw new Error(`there is no ${path}`);
  const asked = world.ask(token, route, full, undefined);
  await slow.isRead;
  world.frozen = false;
  if (revoke === 'binding') await world.applier.apply(removeBinding(BINDING));
  if (revoke === 'account') await world.applier.apply(changeAccount(ANN, { active: false }, 'nobody' as AccountId));
  slow.go();
  return asked;
}

const shapeOf = (path: string) => path.replace(/\?.*/, '').replace('SPACE', '{name}').replace(SESSION, '{id}');

const LISTS = [
  ['/spaces', 403],
  ['/spaces/SPACE/secrets?show_values=true', 404],
  ['/spaces/SPACE/agents', 404],
  ['/sessions?space=SPACE', 404],
  [`/sessions/${SESSION}/messages`, 404],
  ['/audit?space=SPACE', 404],
] as const;

for (const [path, status] of LISTS) {
  t.test(`${path}: a right that was lost while the page was read is lost`, async (t) => {
    t.equal((await ask(t, path, undefined)).status, 200, 'with the right');
    t.match(await ask(t, path, 'binding'), { status }, 'without it');
    t.match(await ask(t, path, 'account'), { status: 401 }, 'without the account');
  });
}
