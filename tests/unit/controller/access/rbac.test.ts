import t from 'tap';
import type { Resource, Rule, Verb } from '../../../../controller/contract/access/roles.ts';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { type Binding, covers, Permissions } from '../../../../controller/domain/access/rbac.ts';
import { seeded } from '../core.ts';
import { holdsAllOf, holdsSomething, may, mayOwn, ownCounts, RESOURCES, VERBS } from './rbac-naive.ts';

const rule = (resources: string, verbs: string, names?: string): Rule => ({
  api_groups: ['*'],
  resources: resources.split(' '),
  verbs: verbs.split(' '),
  ...(names === undefined ? {} : { resource_names: names.split(' ') }),
});
const held = (spaceId: string | null, ...rules: Rule[]): Binding => ({ role: { name: 'r', rules }, spaceId });

t.test('nothing is allowed that no binding says', (t) => {
  const nobody = new Permissions([]);
  for (const resource of RESOURCES as Resource[]) for (const verb of VERBS as Verb[]) t.notOk(nobody.allows(resource, verb, 'a'));
  t.notOk(nobody.knows('a'));
  t.same(nobody.spacesAllowing('sessions', 'list'), new Set());
  t.end();
});

t.test('a binding holds in its space and nowhere else; one to every space holds globally too', (t) => {
  const local = new Permissions([held('a', rule('sessions', 'list'))]);
  t.ok(local.allows('sessions', 'list', 'a'));
  t.notOk(local.allows('sessions', 'list', 'b'));
  t.notOk(local.allows('sessions', 'list', null));
  t.same(local.spacesAllowing('sessions', 'list'), new Set(['a']));
  const wide = new Permissions([held(null, rule('sessions', 'list'))]);
  t.ok(wide.allows('sessions', 'list', 'a') && wide.allows('sessions', 'list', null));
  t.equal(wide.spacesAllowing('sessions', 'list'), 'all');
  t.notOk(new Permissions([held('a', rule('nodes', '*'))]).knows('a'), 'what is of no space is nothing in one');
  t.end();
});

t.test('names narrow, and what has no name is not among them', (t) => {
  const one = new Permissions([held('a', rule('secrets', 'get list', 'TOKEN'))]);
  t.ok(one.allows('secrets', 'get', 'a', 'TOKEN'));
  t.ok(one.allows('secrets', 'get', 'a', 'id', 'TOKEN'));
  t.notOk(one.allows('secrets', 'get', 'a', 'OTHER'));
  t.notOk(one.allows('secrets', 'list', 'a'));
  t.ok(new Permissions([held('a', rule('secrets', 'list', '*'))]).allows('secrets', 'list', 'a'));
  t.end();
});

t.test('what covers what', (t) => {
  const table: readonly [string, Binding[], Binding[], boolean][] = [
    ['nothing', [], [], true],
    ['the same', [held('a', rule('sessions', 'get'))], [held('a', rule('sessions', 'get'))], true],
    ['another space', [held('a', rule('sessions', 'get'))], [held('b', rule('sessions', 'get'))], false],
    ['every space by one', [held('a', rule('sessions', 'get'))], [held(null, rule('sessions', 'get'))], false],
    ['one by every space', [held(null, rule('sessions', 'get'))], [held('a', rule('sessions', 'get'))], true],
    [
      'by a union',
      [held('a', rule('sessions', 'get')), held(null, rule('agents', 'get'))],
      [held('a', rule('sessions agents', 'get'))],
      true,
    ],
    ['a wildcard by a list of all words', [held(null, rule(RESOURCES.join(' '), VERBS.join(' ')))], [held(null, rule('*', 'get'))], false],
    ['a list by a wildcard', [held(null, rule('*', '*'))], [held(null, rule('sessions', 'get'))], true],
    ['names by all', [held('a', rule('agents', 'get'))], [held('a', rule('agents', 'get', 'x y'))], true],
    ['all by names', [held('a', rule('agents', 'get', 'x y'))], [held('a', rule('agents', 'get'))], false],
    [
      'names by names of two',
      [held('a', rule('agents', 'get', 'x')), held('a', rule('*', 'get', 'y'))],
      [held('a', rule('agents', 'get', 'x y'))],
      true,
    ],
    ['one name too many', [held('a', rule('agents', 'get', 'x'))], [held('a', rule('agents', 'get', 'x y'))], false],
    ['another spelling', [held('a', rule('space-secrets', 'read'))], [held('a', rule('secrets', 'get'))], true],
    ['a read of values by get', [held('a', rule('secrets', 'get'))], [held('a', rule('secrets', 'read-values'))], false],
  ];
  for (const [name, mine, theirs, expected] of table) t.equal(covers(new Permissions(mine), theirs), expected, name);
  const admin = BUILT_IN_ROLES[0]?.rules ?? [];
  for (const role of BUILT_IN_ROLES)
    t.ok(new Permissions([held(null, ...admin)]).covers(role.rules, null), `the admin may give ${role.name}`);
  t.end();
});

const seed = Number(process.env.RAWORC_SEED ?? 4711);
t.test(`any rules decide as the contract's words do (seed ${seed})`, (t) => {
  const random = seeded(seed);
  const pick = <T>(from: readonly [T, ...T[]] | readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const some = (from: readonly string[], most: number) => Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(from));
  const names = ['x', 'y', 'z'];
  const words = { resources: [...RESOURCES, '*', 'space-secrets', 'session_messages'], verbs: [...VERBS, '*', 'read'] };
  const anyRule = (): Rule => ({
    api_groups: ['*'],
    resources: some(words.resources, 6),
    verbs: some(words.verbs, 6),
    ...(random() < 0.3 ? { resource_names: some([...names, ...names, '*'], 2) } : {}),
  });
  const anyBindings = (most: number) =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, () =>
      held(pick(['a', 'b', null]), ...Array.from({ length: 1 + Math.floor(random() * 2) }, anyRule)),
    );
  let covered = 0;
  for (let round = 0; round < 400; round++) {
    const bindings = anyBindings(4);
    const key = random() < 0.4 ? [anyRule(), anyRule(), anyRule()] : null;
    const mine = new Permissions(bindings, key);
    const subject = { bindings: bindings.map(({ role, spaceId }) => ({ rules: role.rules, space: spaceId })), key };
    for (let call = 0; call < 60; call++) {
      const [resource, verb, space] = [pick(RESOURCES) as Resource, pick(VERBS) as Verb, pick(['a', 'b', 'c', null])];
      const called = random() < 0.5 ? [] : some(names, 2);
      const said = [mine.allows(resource, verb, space, ...called), mine.allowsOwn(resource, verb, ...called)];
      const expected = [may(subject, resource, verb, space, called), mayOwn(subject, resource, verb, called)];
      if (said.join() !== expected.join()) t.fail(`round ${round}: ${resource}:${verb} in ${space} is ${said}, and not ${expected}`);
    }
    for (const space of ['a', 'b', 'c']) {
      if (mine.knows(space) !== holdsSomething(subject, space)) t.fail(`round ${round}: knows ${space}`);
      const held = mine.spacesWithRights();
      const said = [mine.hasRightsIn(space), held === 'all' || held.has(space), mine.allowsOwnIn(space, 'sessions', 'get')];
      const own = ownCounts(subject, space);
      const expected = [own, own, own && mayOwn(subject, 'sessions', 'get', [])];
      if (said.join() !== expected.join()) t.fail(`round ${round}: own in ${space} is ${said}, and not ${expected}`);
    }
    // Often a part of what the subject holds, so that both answers come up.
    const theirs =
      random() < 0.6
        ? bindings.flatMap(({ role, spaceId }) => (random() < 0.5 ? [held(random() < 0.8 ? spaceId : 'a', ...role.rules.slice(0, 1))] : []))
        : anyBindings(1);
    const expected = holdsAllOf(
      subject,
      theirs.map(({ role, spaceId }) => ({ rules: role.rules, space: spaceId })),
      names,
    );
    if (expected && theirs.length > 0) covered++;
    if (covers(mine, theirs) !== expected) t.fail(`round ${round}: covers is not ${expected}`);
  }
  t.ok(covered > 30, `${covered} were covered`);
  t.end();
});
