import t from 'tap';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { NODE, populate } from '../access/rbac-rows.ts';
import { openRbacWorld } from '../access/rbac-world.ts';
import { seeded } from '../core.ts';

const KEEPER = { id: '00000000-0000-4000-9000-000000000003' as AccountId, user: 'keeper' };
const removes = ({ method, path }: { method: string; path: string }) => method === 'DELETE' && path === '/nodes/{id}';
const times = { createdAt: 1, updatedAt: 1 };

t.test('a rule that is narrowed to the name of a node, or to its id, holds however the node is called in the path', async (t) => {
  for (const narrowed of [NODE.name, NODE.id]) {
    const world = await openRbacWorld([
      ...populate(seeded(1), 2).rows,
      put('accounts', { ...KEEPER, ...times, passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null }),
      put('roles', {
        ...{ id: 'keeps', name: 'keeps', description: null, builtIn: false, createdAt: 1 },
        rules: [{ api_groups: ['*'], resources: ['nodes'], verbs: ['get', 'update', 'delete'], resource_names: [narrowed] }],
      }),
      put('bindings', {
        ...{ id: 'keeper', roleId: 'keeps', principal: KEEPER.user, principalType: 'ServiceAccount', accountId: KEEPER.id, spaceId: null },
        ...times,
      }),
    ]);
    t.teardown(() => world.close());
    const token = world.token({ accountId: KEEPER.id, user: KEEPER.user, version: 1 });
    const nodes = world.routes.filter(({ path }) => path.startsWith('/nodes/{id}'));
    // The node is removed last.
    nodes.sort((one, other) => Number(removes(one)) - Number(removes(other)));
    t.ok(nodes.length >= 12);
    for (const route of nodes) {
      for (const ref of [NODE.name, NODE.id]) {
        const path = route.path.replace('{id}', ref).replace('{session}', '00000000-0000-4000-8000-000000000009');
        const { status } = await world.ask(token, route, path, {});
        t.not(status, 403, `${route.method} ${path} by a rule for ${narrowed}`);
      }
      const other = route.path.replace('{id}', 'another').replace('{session}', '00000000-0000-4000-8000-000000000009');
      t.equal((await world.ask(token, route, other, {})).status, 403, `${route.method} ${other}`);
    }
  }
});
