/** What a world of permissions holds: spaces with a thing of each kind, and subjects with any roles. */
import type { Rule } from '../../../../controller/contract/access/roles.ts';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import type { AccountId, AgentId, BuildId, NodeId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../../controller/domain/engine/mutation.ts';
import { UNMANAGED } from '../../../../controller/domain/nodes/rows.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { sessionRow as rowOf } from '../engine/session-rows.ts';
import { RESOURCES, VERBS } from './rbac-naive.ts';
import { hashOfKey, keyRing } from './rbac-world.ts';

export interface Space {
  readonly id: SpaceId;
  readonly name: string;
}
export interface Subject {
  readonly id: AccountId;
  readonly user: string;
  /** Role and space ids. */
  readonly bindings: readonly { readonly id: string; readonly role: NamedRole; readonly spaceId: SpaceId | null }[];
  readonly keys: readonly { readonly id: string; readonly key: string; readonly rules: readonly Rule[] | null }[];
}
export interface NamedRole {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly Rule[];
}
export interface Session {
  readonly id: SessionId;
  readonly name: string;
  readonly space: Space;
  readonly owner: Subject;
}
export interface Population {
  readonly spaces: readonly Space[];
  readonly roles: readonly NamedRole[];
  readonly subjects: readonly Subject[];
  readonly sessions: readonly Session[];
  readonly rows: readonly Mutation[];
}

export const AGENT = 'helper';
export const SECRET = 'TOKEN';
export const NODE = { id: '00000000-0000-4000-8000-0000000000aa' as NodeId, name: 'hall' };
export const buildOf = (space: Space): string => space.id.replace('0000-4000', '0001-4000');

const by = { createdAt: 1, updatedAt: 1, createdBy: 'admin' };

export interface Random {
  next(): number;
  pick<T>(from: readonly T[]): T;
  chance(p: number): boolean;
}

export const randomBy = (next: () => number): Random => ({
  next,
  pick: <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T,
  chance: (p) => next() < p,
});

/** All that rules are narrowed to. */
export const RULE_NAMES: readonly string[] = [
  ...[AGENT, SECRET, 'alpha', 'beta', 'user-1', 'user-2', 'role-1', 'session-1', NODE.name, 'made'],
];

/** Between one and `most` rules of any words. */
export function anyRules({ next, pick, chance }: Random, most: number): Rule[] {
  const some = (from: readonly string[], most: number) => Array.from({ length: 1 + Math.floor(next() * most) }, () => pick(from));
  const anyRule = (): Rule => ({
    api_groups: ['*'],
    resources: some([...RESOURCES, '*', 'space-secrets', 'session_messages'], 5),
    verbs: some([...VERBS, '*', 'read'], 5),
    ...(chance(0.35) ? { resource_names: some([...RULE_NAMES, '*'], 4) } : {}),
  });
  return Array.from({ length: 1 + Math.floor(next() * most) }, anyRule);
}

export function populate(next: () => number, howMany: number): Population {
  const random = randomBy(next);
  const { pick, chance } = random;
  let last = 0;
  const id = () => `00000000-0000-4000-8000-${String(++last).padStart(12, '0')}`;

  const spaces = ['alpha', 'beta', 'gamma'].map((name): Space => ({ id: id() as SpaceId, name }));
  const roles: NamedRole[] = [
    ...BUILT_IN_ROLES,
    ...Array.from({ length: 6 }, (_, at) => ({ id: id(), name: `role-${at}`, rules: anyRules(random, 3) })),
  ];
  const [admin] = roles;
  if (admin === undefined) throw new Error('no roles');
  // The first holds nothing, the second everything.
  const subjects = Array.from({ length: howMany }, (_, at): Subject => {
    const bindings =
      at === 0
        ? []
        : at === 1
          ? [{ id: id(), role: admin, spaceId: null }]
          : Array.from({ length: 1 + Math.floor(next() * 3) }, () => ({
              id: id(),
              role: pick(roles),
              spaceId: chance(0.6) ? pick(spaces).id : null,
            }));
    const keys = [null, anyRules(random, 3)].map((rules) => ({
      id: id(),
      key: `rwk_${`${at}-${rules?.length ?? 0}`.padEnd(43, 'x')}`,
      rules,
    }));
    return { id: id() as AccountId, user: `user-${at}`, bindings, keys };
  });
  const sessions = spaces.flatMap((space, at) =>
    Array.from(
      { length: at === 0 ? 2 : 1 },
      (_, more): Session => ({ id: id() as SessionId, name: `session-${at + more}`, space, owner: pick(subjects) }),
    ),
  );
  const rows = [
    ...roles.map((role) => put('roles', { ...role, description: null, builtIn: !role.name.startsWith('role-'), createdAt: 1 })),
    ...spaces.flatMap((space) => rowsOfSpace(space, id)),
    ...subjects.flatMap(rowsOfSubject),
    ...sessions.map((session) => put('sessions', sessionRow(session))),
    put('nodes', {
      ...{ ...NODE, incarnation: 1, joinedAt: 1, driver: 'hollow', version: '1', cpuMillis: 1, memoryBytes: 1, maxSessions: 0 },
      ...{ lastSeenAt: null, unreachableSince: null, lostAt: null, ...UNMANAGED, keyHash: null, revokedAt: null, bounds: null },
    }),
  ];
  return { spaces, roles, subjects, sessions, rows };
}

function rowsOfSpace(space: Space, id: () => string): Mutation[] {
  const secret = { id: id(), spaceId: space.id, keyName: SECRET };
  return [
    put('spaces', { ...space, description: null, settings: {}, secretsVersion: 1, active: true, ...by }),
    put('secrets', { ...secret, description: null, ...keyRing().seal(secret, 'value', new Uint8Array(12)), ...by }),
    put('agents', {
      ...{
        id: id() as AgentId,
        spaceId: space.id,
        name: AGENT,
        description: null,
        purpose: null,
        sourceRepo: null,
        sourceBranch: 'main',
        sourceDirectory: null,
        sourceSecret: null,
        manifest: null,
        sourceCommit: null,
      },
      ...{ wanted: 'active', sourceDigest: null, program: null, sourceAt: null, sourceBytes: 0, sourceFiles: 0 },
      ...{ ...by, createdById: 'nobody' as AccountId },
    }),
    put('builds', {
      ...{ id: buildOf(space) as BuildId, spaceId: space.id, status: 'completed', image: 'i', imageId: 'i', baseImage: 'base', agents: [] },
      ...{ nodeId: null, error: null, unfetched: [], stages: [], createdAt: 1, completedAt: 2, createdBy: 'admin' },
    }),
  ];
}

function rowsOfSubject({ id, user, bindings, keys }: Subject): Mutation[] {
  const account = { id, user, passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null };
  const principal = { principal: user, principalType: 'ServiceAccount', accountId: id } as const;
  return [
    put('accounts', { ...account, createdAt: 1, updatedAt: 1 }),
    ...bindings.map(({ id: bindingId, role, spaceId }) =>
      put('bindings', { id: bindingId, roleId: role.id, ...principal, spaceId, createdAt: 1, updatedAt: 1 }),
    ),
    ...keys.map(({ id: keyId, key, rules }) =>
      put('apiKeys', {
        id: keyId,
        accountId: id,
        parentId: null,
        name: 'key',
        keyHash: hashOfKey(key),
        spaceId: null,
        rules,
        expiresAt: null,
        lastUsedAt: null,
        createdAt: 1,
      }),
    ),
  ];
}

export const sessionRow = ({ id, name, space, owner }: Session): SessionRow =>
  rowOf(1, {
    ...{ id, name, spaceId: space.id, containerId: 'c', volume: 'v', startedAt: 1, createdBy: owner.user, createdById: owner.id },
    requests: { cpuMillis: 50, memoryBytes: 1 },
    limits: { cpuMillis: 50, memoryBytes: 1, diskBytes: 1, processes: 1 },
  });
