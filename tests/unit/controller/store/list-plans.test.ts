import t from 'tap';
import type { AccountId, MessageId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put, TABLES, type TableName } from '../../../../controller/domain/engine/mutation.ts';
import { snake } from '../../../../controller/store/sqlite/columns.ts';
import { NODE, populate } from '../access/rbac-rows.ts';
import { openRbacWorld, type RbacWorld } from '../access/rbac-world.ts';
import { seeded } from '../core.ts';
import { type Extent, faultsOf, foundBy, isCount, KEY, tableOf, type WatchedLists, watchedLists } from './watched-lists.ts';

const population = populate(seeded(1), 40);
const [STRANGER, ADMIN] = population.subjects;
const [session] = population.sessions;
if (STRANGER === undefined || ADMIN === undefined || session === undefined) throw new Error('nobody there');

/** Somebody who may do everything in two spaces, and in the third one no more than know of it. */
const MEMBER = { id: '00000000-0000-4000-9000-000000000001' as AccountId, user: 'member' };
/** Somebody who may do everything in more spaces than are looked through one by one, none of them among the others. */
const MANY = { id: '00000000-0000-4000-9000-000000000002' as AccountId, user: 'many' };
const OF_MANY = Array.from({ length: 2000 }, (_, at) => `space-of-many-${at}`);
const times = { createdAt: 1, updatedAt: 1 };
const rows: readonly Mutation[] = [
  ...population.rows,
  put('accounts', { ...MEMBER, ...times, passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null }),
  put('roles', {
    ...{ id: 'knows', name: 'knows', description: null, builtIn: false, createdAt: 1 },
    rules: [{ api_groups: ['*'], resources: ['builds'], verbs: ['get'] }],
  }),
  ...population.spaces.map(({ id, name }) => {
    const principal = { principal: MEMBER.user, principalType: 'ServiceAccount', accountId: MEMBER.id } as const;
    const roleId = name === 'gamma' ? 'knows' : (ADMIN.bindings[0]?.role.id ?? '');
    return put('bindings', { id: `member of ${name}`, roleId, ...principal, spaceId: id, ...times });
  }),
  put('accounts', { ...MANY, ...times, passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null }),
  ...OF_MANY.flatMap((name) => [
    put('spaces', {
      id: name as SpaceId,
      name,
      description: null,
      settings: {},
      secretsVersion: 0,
      active: true,
      ...times,
      createdBy: 'admin',
    }),
    put('bindings', {
      ...{ id: `many in ${name}`, roleId: ADMIN.bindings[0]?.role.id ?? '', principal: MANY.user, principalType: 'ServiceAccount' },
      ...{ accountId: MANY.id, spaceId: name as SpaceId, ...times },
    }),
  ]),
  ...Array.from({ length: 100 }, (_, at) =>
    put('messages', {
      ...{ id: `message-${at}` as MessageId, sessionId: session.id, seq: at + 1, role: at % 2 === 0 ? 'user' : 'agent', content: 'x' },
      ...{ metadata: {}, inReplyTo: null, createdBy: 'admin', createdAt: at },
    }),
  ),
];

const ASKERS = { member: MEMBER, many: MANY, stranger: STRANGER, admin: ADMIN };

interface Question {
  readonly path: string;
  /**
   * What the page is found by, and its total where that is of a part: of all, any index tells how many there are.
   * Nothing: it comes from what the controller holds in memory, or from the agents of one space.
   */
  readonly by: readonly string[];
  readonly extent?: Extent;
  readonly asker?: keyof typeof ASKERS;
  /** Statements before those of the page and its total: how rare each pair of metadata is. */
  readonly looks?: number;
}

const messages = `/sessions/${session.id}/messages`;
/** What is asked of each list, by the admin where nobody else is named. */
const QUESTIONS: Readonly<Record<string, readonly Question[]>> = {
  '/service-accounts': [{ path: '/service-accounts', by: ['accounts_created'], extent: 'whole' }],
  '/roles': [{ path: '/roles', by: ['roles_created'], extent: 'whole' }],
  '/role-bindings': [
    { path: '/role-bindings', by: ['bindings_created'], extent: 'whole' },
    { path: '/role-bindings?space=alpha', by: ['bindings_space'] },
  ],
  '/api-keys': [
    { path: '/api-keys', by: ['api_keys_account'] },
    { path: '/api-keys', by: ['api_keys_account'], asker: 'stranger' },
  ],
  '/spaces': [
    { path: '/spaces', by: ['spaces_created'], extent: 'whole' },
    { path: '/spaces?active=true', by: ['spaces_active'] },
    { path: '/spaces', by: [KEY], asker: 'member' },
    { path: '/spaces', by: [KEY], asker: 'many' },
    { path: '/spaces?active=true', by: [KEY], asker: 'member' },
  ],
  '/spaces/{name}/secrets': [{ path: '/spaces/alpha/secrets', by: ['secrets_created'] }],
  '/spaces/{name}/agents': [{ path: '/spaces/alpha/agents', by: ['agents_created'] }],
  '/spaces/{name}/builds': [{ path: '/spaces/alpha/builds', by: ['builds_newest'] }],
  '/spaces/{name}/agents/running': [{ path: '/spaces/alpha/agents/running', by: [] }],
  '/sessions': [
    { path: '/sessions', by: ['sessions_created'], extent: 'whole' },
    { path: '/sessions?space=alpha', by: ['sessions_space'] },
    { path: '/sessions?space=alpha&state=idle', by: ['sessions_space'] },
    // By the key of the pairs of metadata.
    { path: '/sessions?space=alpha&metadata.a=b', by: [KEY] },
    { path: '/sessions?metadata.a=b', by: [KEY] },
    { path: '/sessions?metadata.a=b&metadata.c=d', by: [KEY], asker: 'member', looks: 2 },
    { path: '/sessions?metadata.a=b', by: [KEY], asker: 'many' },
    { path: '/sessions?state=idle', by: ['sessions_created'], extent: 'whole' },
    { path: '/sessions?name=work', by: ['sessions_name'] },
    { path: '/sessions?name=work', by: ['sessions_name'], asker: 'member' },
    { path: '/sessions?name=work&space=space-of-many-7', by: ['sessions_name'], asker: 'many' },
    { path: '/sessions?id_prefix=0123', by: [KEY] },
    { path: '/sessions?id_prefix=0123', by: [KEY], asker: 'many' },
    { path: '/sessions?id_prefix=0', by: ['sessions_created'], extent: 'whole' },
    { path: '/sessions', by: ['sessions_created'], asker: 'many', extent: 'whole' },
    { path: '/sessions?state=idle', by: ['sessions_created'], asker: 'many', extent: 'whole' },
    { path: '/sessions?space=space-of-many-7', by: ['sessions_space'], asker: 'many' },
    { path: '/sessions?space=alpha', by: ['sessions_space'], asker: 'member' },
    { path: '/sessions', by: ['sessions_space', 'sessions_space', 'sessions_owner'], asker: 'member' },
    { path: '/sessions?space=gamma', by: ['sessions_owner'], asker: 'member' },
    { path: '/sessions', by: [], asker: 'stranger' },
  ],
  '/sessions/{id}/messages': [
    { path: messages, by: ['messages_seq'] },
    { path: `${messages}?role=user`, by: ['messages_seq'] },
    { path: `${messages}?since=2026-01-01T00:00:00Z`, by: ['messages_seq'] },
    { path: `${messages}?include=hops&role=user`, by: ['messages_seq', 'hops_seq'] },
  ],
  '/sessions/{id}/messages/count': [{ path: `${messages}/count`, by: ['messages_seq'] }],
  '/audit': [
    { path: '/audit', by: [KEY], extent: 'whole' },
    { path: '/audit?actor=admin', by: ['audit_actor'] },
    { path: '/audit?action=createSession', by: ['audit_action'] },
    { path: `/audit?resource=sessions/${session.id}`, by: ['audit_resource_id'] },
    { path: '/audit?resource=secrets/KEY', by: ['audit_resource_name'] },
    { path: '/audit?space=alpha', by: ['audit_space'] },
    { path: '/audit?space=alpha', by: ['audit_space'], asker: 'member' },
    { path: '/audit?since=2026-01-01T00:00:00Z', by: ['audit_at'] },
    { path: '/audit?until=2026-01-01T00:00:00Z', by: ['audit_at'] },
  ],
  '/nodes': [{ path: '/nodes', by: [] }],
  '/nodes/tokens': [{ path: '/nodes/tokens', by: [] }],
  '/nodes/{id}/orphans': [{ path: `/nodes/${NODE.id}/orphans`, by: [] }],
};
const NOT_LISTED = [
  'sandboxes',
  'images',
  'condemnedImages',
  'revokedTokens',
  'slots',
  'tombstones',
  'nodes',
  'nodeTokens',
  'idempotency',
  'backlog',
  'portShares',
];

let world: RbacWorld;
let watched: WatchedLists;

t.before(async () => {
  world = await openRbacWorld(rows, (path) => {
    watched = watchedLists(path);
    return watched;
  });
  t.teardown(() => world.close());
});

async function readFor({ path, asker = 'admin' }: Question, order: 'asc' | 'desc') {
  const { id: accountId, user } = ASKERS[asker];
  const route = world.routes.find(({ method }) => method === 'GET');
  if (route === undefined) throw new Error('no route');
  const asked = path.endsWith('/count') ? path : `${path}${path.includes('?') ? '&' : '?'}order=${order}`;
  watched.taken();
  const { status } = await world.ask(world.token({ accountId, user, version: 1 }), route, asked, undefined);
  return { status, reads: watched.taken() };
}

t.test('every list of the API is asked for here, and every table is listed or named as one that is not', async (t) => {
  for (const { path } of world.routes.filter(({ paged }) => paged)) {
    t.ok(QUESTIONS[path]?.length, `${path} is among the questions: say there what finds its rows`);
  }
  const listed = new Set<string | undefined>();
  for (const question of Object.values(QUESTIONS).flat()) {
    const { reads } = await readFor(question, 'desc');
    for (const step of reads.flatMap(({ steps }) => steps)) listed.add(tableOf(step));
  }
  for (const table of Object.keys(TABLES) as TableName[]) t.equal(listed.has(snake(table)), !NOT_LISTED.includes(table), table);
});

t.test('a page and its total are found by an index, in both orders, and no more is sorted than is shown', async (t) => {
  for (const question of Object.values(QUESTIONS).flat()) {
    const { path, by, asker = 'admin', extent = 'part', looks = 0 } = question;
    for (const order of ['asc', 'desc'] as const) {
      const { status, reads } = await readFor(question, order);
      const name = `${path}, ${order}, for the ${asker}`;
      if (by.length > 0) t.equal(status, 200, name);
      t.equal(reads.length, by.length === 0 ? 0 : path.endsWith('/count') ? 1 : 2 + looks, `${name}: a page and its total`);
      for (const read of reads) {
        if (extent === 'part' || !isCount(read)) t.same(foundBy(read), by, `${name}: ${read.sql}`);
        t.same(faultsOf(read, extent), [], `${name}: ${read.sql}`);
      }
    }
  }
});

t.test('the sandboxes of a space are found by an index, in both orders, and sorted by it', async (t) => {
  const [space] = population.spaces;
  const spaceId = space?.id as SpaceId;
  for (const order of ['asc', 'desc'] as const)
    for (const more of [{}, { after: { createdAt: 5, id: 'x' } }, { startedAfter: 5 }, { owner: MEMBER.id, metadata: { a: 'b' } }]) {
      watched.taken();
      await watched.lists.sandboxes({ kind: 'sandbox', spaceId, states: ['running', 'paused'], order, limit: 101, ...more });
      const [read] = watched.taken();
      const plan = read?.steps.map(({ detail }) => detail) ?? [];
      t.match(plan[0], /^SEARCH b USING (?:COVERING )?INDEX sandboxes_of_space \(space_id=\? AND kind=\?/, read?.sql ?? 'nothing');
      t.notMatch(plan.join('\n'), /TEMP B-TREE|AUTOMATIC/, read?.sql ?? 'nothing');
    }
});
