/**
 * After any sequence of grants and revocations nobody reads or changes what a fresh evaluator forbids: through any route, by any token or
 * key that was ever handed out, and by the streams that are open.
 */
import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { within } from '../../../cluster/deadline.ts';
import { seeded } from '../core.ts';
import { WatchedStream } from '../events/watched-stream.ts';
import { type Case, casesOf, type Verdict } from './rbac-expected.ts';
import { populate, RULE_NAMES, randomBy, type Space, sessionRow } from './rbac-rows.ts';
import { type Asked, openRbacWorld, type RbacWorld } from './rbac-world.ts';
import { type Credential, type ModelAccount, RightsModel, type SeenEvent, type Standing } from './rights-model.ts';
import { stepsOn } from './rights-steps.ts';

const first = Number(process.env.RAWORC_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SEEDS = Number(process.env.RAWORC_RUNS ?? 2);
const STEPS = Number(process.env.RAWORC_STEPS ?? 60);
const PROBES = 25;
const STREAMS = 8;

t.setTimeout(300_000);

function isVerdict({ status, body }: Asked, verdict: Verdict | 401): boolean {
  if (verdict !== 'pass') return status === verdict;
  return ![401, 403].includes(status) && !(status === 404 && /no such (space|session|role binding|API key)\b/.test(JSON.stringify(body)));
}

interface Watched {
  readonly stream: WatchedStream;
  readonly credential: Credential;
  /** Of one session; undefined: of everything. */
  readonly session: string | undefined;
  /** What it could see when it was opened. */
  readonly sight: string;
}

/** There is no node to place a session: its row is written as an adoption would. */
async function adopted(world: RbacWorld, account: ModelAccount, space: Space, name: string): Promise<SessionId> {
  const row = sessionRow({ id: randomUUID() as SessionId, name, space, owner: { ...account } });
  const event = { type: 'session.created', spaceId: space.id, sessionId: row.id, data: { space: space.name } } as const;
  const decide = () => ({ mutations: [put('sessions', row)], events: [event], result: undefined });
  await world.applier.apply({ name: 'test-session', decide });
  return row.id;
}

/** Of all histories. */
const totals = new Map<string, number>();

async function history(t: Test, seed: number): Promise<void> {
  const random = randomBy(seeded(seed));
  const { pick, chance } = random;
  const population = populate(random.next, 6);
  const world: RbacWorld = await openRbacWorld(population.rows);
  t.teardown(() => world.close());
  const model = new RightsModel(population);
  const root = model.accounts[1];
  if (root === undefined) throw new Error('there is no root');
  const rootBearer = world.token({ accountId: root.id, user: root.user, version: 1 });
  const { newToken, alive, step } = stepsOn({
    ...{ model, random, root, rootBearer },
    ask: (bearer, method, path, body) => world.ask(bearer, { method, answers: {} }, path, body),
    token: ({ id: accountId, user, version }) => world.token({ accountId, user, version }),
    makeSession: (account, space, name) => adopted(world, account, space, name),
  });
  for (const account of model.accounts) await newToken(account);

  const faults: string[] = [];
  const done: string[] = [];
  const counts = { asked: 0, pass: 0, refused: 0, ended: 0, stayed: 0, events: 0 };
  const fault = (text: string) => faults.push(`step ${done.length} (${done.slice(-3).join('; ')}): ${text}`);
  let before = new Map<Credential, Standing>();
  const standings = () => new Map(model.credentials.map((one) => [one, model.standing(one)]));

  const open: Watched[] = [];
  async function watch(): Promise<void> {
    const credential = pick(alive());
    const session = chance(0.6) ? pick(model.sessions) : undefined;
    const path = session === undefined ? '/events' : `/sessions/${session.id}/events`;
    const stream = new WatchedStream(`${world.url}/api/v0${path}`, credential.bearer, (data) => {
      if (session !== undefined) return;
      counts.events += 1;
      const event = data as unknown as SeenEvent;
      if (model.shows(before.get(credential), event) || model.shows(model.standing(credential), event)) return;
      fault(`${credential.account.user} is shown ${event.type} of ${event.space}`);
    });
    const status = await stream.status;
    const expected = session === undefined || model.canSee(model.standing(credential), session) ? 200 : 404;
    if (status !== expected) fault(`${credential.account.user} opens ${path}: ${status}, and not ${expected}`);
    if (status === 200) open.push({ stream, credential, session: session?.id, sight: model.sight(model.standing(credential)) });
  }

  async function judgeStreams(): Promise<void> {
    for (const watched of [...open]) {
      const { stream, credential, session } = watched;
      const standing = model.standing(credential);
      const row = session === undefined ? undefined : model.sessions.find(({ id }) => id === session);
      const mayGoOn = session === undefined ? model.sight(standing) === watched.sight : row !== undefined && model.canSee(standing, row);
      if (!mayGoOn) {
        await within(`the stream of ${credential.account.user} ends, after ${done.at(-1)}`, 20_000, stream.ended);
        counts.ended += 1;
      } else if (session !== undefined) {
        if (stream.isOver) fault(`the stream of ${credential.account.user} has ended, and may go on`);
        else counts.stayed += 1;
      }
      if (stream.isOver) open.splice(open.indexOf(watched), 1);
    }
  }

  async function probe(): Promise<void> {
    const { population: now, askings } = model.asked();
    const table = Object.entries(casesOf(now, RULE_NAMES));
    for (let at = 0; at < PROBES; at += 1) {
      const [name, cases] = pick(table);
      const route = world.routes.find(({ method, path }) => `${method} ${path}` === name);
      const one: Case | undefined = cases.length === 0 ? undefined : pick(cases);
      if (route === undefined || one === undefined) continue;
      const credential = pick(model.credentials);
      const asking = askings.find((each) => each.credential === credential);
      const verdict = asking === undefined ? 401 : one.expected(asking);
      const answer = await world.ask(credential.bearer, route, one.path, one.body);
      counts.asked += 1;
      counts[verdict === 'pass' ? 'pass' : 'refused'] += 1;
      if (isVerdict(answer, verdict)) continue;
      const by = `${credential.account.user}${credential.keyId === undefined ? '' : ` by a key of ${JSON.stringify(credential.rules)}`}`;
      fault(
        `${by}: ${route.method} ${one.path} ${JSON.stringify(one.body)} is ${answer.status} ${JSON.stringify(answer.body)}, and not ${verdict}`,
      );
    }
  }

  for (let at = 0; at < STEPS && faults.length === 0; at += 1) {
    while (open.length < STREAMS) {
      const size = open.length;
      await watch();
      if (open.length === size && chance(0.3)) break;
    }
    before = standings();
    world.frozen = false;
    done.push(await step());
    await judgeStreams();
    world.frozen = true;
    await probe();
  }
  for (const { stream } of open) stream.close();
  t.same(faults.slice(0, 5), [], `RAWORC_SEED=${seed}`);
  t.comment(`seed ${seed}: ${JSON.stringify(counts)}`);
  for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
}

for (let at = 0; at < SEEDS; at += 1)
  t.test(`a history of grants and revocations (seed ${first + at})`, { timeout: 200_000 }, (t) => history(t, first + at));

t.test('each kind of question came up', (t) => {
  t.equal(totals.size, 6);
  for (const [name, count] of totals) t.ok(count > 0, `${name}: ${count}`);
  t.end();
});
