import t from 'tap';
import { seeded } from '../core.ts';
import { type Asking, casesOf, type Verdict } from './rbac-expected.ts';
import { may, mayOwn, ownCounts } from './rbac-naive.ts';
import { type Population, populate } from './rbac-rows.ts';
import { type Asked, openRbacWorld, type RbacWorld } from './rbac-world.ts';

const seed = Number(process.env.RAWORC_SEED ?? 4711);
const SUBJECTS = Number(process.env.RAWORC_SUBJECTS ?? 4);
const PUBLIC = ['GET /health', 'GET /version', 'POST /auth/login', 'GET /openapi.json'];

t.setTimeout(120_000);

let world: RbacWorld;
let population: Population;
/** Everybody by a token, by a key, and by a key with rules of its own. */
let askings: readonly (Asking & { readonly bearer: string })[];

t.before(async () => {
  population = populate(seeded(seed), SUBJECTS);
  world = await openRbacWorld(population.rows);
  t.teardown(() => world.close());
  askings = population.subjects.flatMap((subject) => {
    const bindings = subject.bindings.map(({ role, spaceId }) => ({ rules: role.rules, space: spaceId }));
    const bearer = world.token({ accountId: subject.id, user: subject.user, version: 1 });
    return [
      { subject, isKey: false, naive: { bindings, key: null }, bearer },
      ...subject.keys.map(({ key, rules }) => ({ subject, isKey: true, naive: { bindings, key: rules }, bearer: key })),
    ];
  });
});

t.test('every route names a permission, is in the oracle’s table, and takes no request without a token unless it says so', async (t) => {
  const table = casesOf(population, []);
  t.ok(world.routes.length > 50);
  for (const route of world.routes) {
    const name = `${route.method} ${route.path}`;
    t.match(route.permission, /^(public|self|((own|self) or )?[a-z-]+:[a-z-]+)$/, name);
    if (route.permission === 'public') t.ok(PUBLIC.includes(name), `${name} is public`);
    else t.ok((table[name]?.length ?? 0) > 0, `${name} is in the table`);
    if (route.permission === 'public') continue;
    const answer = await world.ask('', route, route.path.replaceAll(/\{\w+\}/g, 'x'), {});
    t.equal(answer.status, 401, `${name} without a token`);
  }
});

t.test(
  `each route decides as the contract's words do, for any roles, bindings and keys (seed ${seed})`,
  { timeout: 120_000 },
  async (t) => {
    const names = [...new Set(population.roles.flatMap(({ rules }) => rules.flatMap(({ resource_names }) => resource_names ?? [])))];
    const table = casesOf(population, names);
    const wrong: string[] = [];
    let asked = 0;
    for (const route of world.routes) {
      const name = `${route.method} ${route.path}`;
      const seen = new Set<Verdict>();
      for (const { path, body, expected } of table[name] ?? []) {
        for (const asking of askings) {
          const verdict = expected(asking);
          const answer = await world.ask(asking.bearer, route, path, body);
          asked++;
          seen.add(verdict);
          if (isVerdict(answer, verdict)) continue;
          const who = `${asking.subject.user}${asking.isKey ? ` by a key of ${JSON.stringify(asking.naive.key)}` : ''}`;
          wrong.push(
            `${who}: ${route.method} ${path} ${JSON.stringify(body)} is ${answer.status} ${JSON.stringify(answer.body)}, and not ${verdict}`,
          );
        }
      }
      if (seen.size > 0 && /:/.test(route.permission) && name !== 'GET /sessions') t.ok(seen.size > 1, `${name} came up both ways`);
    }
    t.same(wrong.slice(0, 10), [], `${wrong.length} of ${asked}`);
  },
);

/** Refusals for lack of a right are told by their words: whatever else is refused was let through first. */
function isVerdict({ status, body }: Asked, verdict: Verdict): boolean {
  if (verdict !== 'pass') return status === verdict;
  return (
    status !== 401 && status !== 403 && !(status === 404 && /no such (space|session|role binding|API key)\b/.test(JSON.stringify(body)))
  );
}

t.test('lists hold what may be seen, and count nothing else', async (t) => {
  const { spaces, sessions } = population;
  for (const { subject, naive, bearer } of askings) {
    const shown = async (path: string) => {
      const route = world.routes.find((one) => one.method === 'GET' && one.path === path);
      if (route === undefined) throw new Error(`no ${path}`);
      const { status, body } = await world.ask(bearer, route, path, undefined);
      return status === 200 ? (body as readonly { id: string; name: string }[]) : [];
    };
    const mine = sessions.filter(
      ({ owner, space }) =>
        (owner === subject && ownCounts(naive, space.id) && mayOwn(naive, 'sessions', 'list', [])) ||
        may(naive, 'sessions', 'list', space.id),
    );
    t.same(new Set((await shown('/sessions')).map(({ id }) => id)), new Set(mine.map(({ id }) => id)), `sessions of ${subject.user}`);
    const visible = spaces.filter(({ id }) => may(naive, 'spaces', 'list', id));
    t.same(
      new Set((await shown('/spaces')).map(({ name }) => name)),
      new Set(visible.map(({ name }) => name)),
      `spaces of ${subject.user}`,
    );
  }
});
