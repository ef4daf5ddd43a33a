/**
 * Rights change one after another while clients and streams work: no answer that a small evaluator forbids at every moment between
 * the request and its answer, and what is open ends within a second of the change that forbids it.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import t from 'tap';
import { BUILT_IN_ROLES } from '../../controller/domain/access/built-in-roles.ts';
import type { AccountId, SessionId, SpaceId } from '../../controller/domain/engine/ids.ts';
import { Rest } from '../cluster/rest.ts';
import { randomBy, type Space } from '../unit/controller/access/rbac-rows.ts';
import { type Credential, RightsModel, type SeenEvent } from '../unit/controller/access/rights-model.ts';
import { stepsOn } from '../unit/controller/access/rights-steps.ts';
import { seeded } from '../unit/controller/core.ts';
import { WatchedStream } from '../unit/controller/events/watched-stream.ts';
import { SizedController } from './controller.ts';
import { type Asking, type Moment, momentOf, type Question, questionsOn } from './rights-questions.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

const CHANGES = scaled({ short: 80, long: 1000 });
const CLIENTS = 25;
const STREAMS = 25;
const ENDS_WITHIN_MS = 1000;
/** In changes of rights: then its client closes it, and another stream is opened. */
const MAX_OPEN = 20;
/** States that an event on its way to its client may be older than the newest. */
const ON_THE_WAY = 4;
const PASSWORD = 'another long password';
const seed = Number(process.env.RAWORC_SEED ?? Math.floor(Math.random() * 2 ** 31));

t.setTimeout(TIME_LIMIT_MS);

t.test(`${CHANGES} changes of rights while ${CLIENTS} clients and ${STREAMS} streams work (seed ${seed})`, async (t) => {
  const controller = await SizedController.start(t);
  await controller.node(t);
  const { url, rest: admin, token: rootBearer } = controller;
  const random = randomBy(seeded(seed));
  const { pick, chance } = random;

  const spaces = ['alpha', 'beta', 'gamma'].map((name): Space => ({ id: name as SpaceId, name }));
  for (const { name } of spaces) {
    await admin.call('POST', '/spaces', { name });
    await admin.call('POST', `/spaces/${name}/secrets`, { key_name: 'TOKEN', value: 'x' });
    await admin.call('POST', `/spaces/${name}/agents`, { name: 'helper' });
  }
  const model = new RightsModel({ spaces, roles: BUILT_IN_ROLES, subjects: [], sessions: [], rows: [] });
  const people = await Promise.all([
    admin.call('GET', '/auth/me'),
    ...Array.from({ length: 10 }, (_, at) => newAccount(admin, `user-${at}`)),
  ]);
  model.accounts = people.map(({ body }) => {
    const { id, user } = body as { id: AccountId; user: string };
    return { id, user, active: true, version: 1, bindings: [], keys: [] };
  });
  const [root] = model.accounts;
  if (root === undefined) throw new Error('there is no admin');
  const [everything] = BUILT_IN_ROLES;
  if (everything !== undefined) root.bindings.push({ id: '', role: everything, spaceId: null });
  // There is always somebody who may ask.
  model.credentials.push({ bearer: rootBearer, account: root, rules: null, version: root.version });
  for (const space of spaces) await keep(await admin.createSession({ space: space.name, name: 'session-1' }), root.id, space);

  async function keep({ id }: { readonly id: string }, owner: AccountId, space: Space): Promise<SessionId> {
    model.addSession({ id: id as SessionId, name: 'session-1', space, owner });
    return id as SessionId;
  }

  const { newToken, alive, step } = stepsOn({
    ...{ model, random, root, rootBearer },
    ask: (bearer, method, path, body) => new Rest(url, bearer).call(method, path, body),
    async token({ user }) {
      for (const pass of [PASSWORD, 'a long enough password']) {
        const answer = await new Rest(url, '').call('POST', '/auth/login', { user, pass });
        if (answer.status === 200) return (answer.body as { token: string }).token;
      }
      throw new Error(`${user} cannot log in`);
    },
    async makeSession(account, space, name) {
      const credential = alive().find((one) => one.account === account && one.rules === null);
      if (credential === undefined) return undefined;
      const { status, body } = await new Rest(url, credential.bearer).call('POST', '/sessions', { space: space.name, name });
      return status === 201 ? ((body as { id: string }).id as SessionId) : undefined;
    },
  });
  for (const account of model.accounts.slice(1)) await newToken(account);

  // State number n is what holds after the n-th change. A change that is under way may have been made or not.
  const states: Moment[] = [momentOf(model)];
  let begun = 0;
  let isOver = false;
  const completed = () => states.length - 1;
  const faults: string[] = [];
  const counts = { asked: 0, pass: 0, refused: 0, ended: 0, stayed: 0, slowestEndMs: 0, events: 0, between: 0 };
  const unjudged: (Asking & { readonly from: number; readonly to: number })[] = [];

  function judge(): void {
    for (const asking of unjudged.splice(0)) {
      const { from, to, credential, question, answer } = asking;
      const moments = states.slice(from, to + 1);
      counts.asked += 1;
      if (moments.length > 1) counts.between += 1;
      const verdicts = moments.map((moment) => question.judge(moment, credential, answer));
      const fits = verdicts.find(({ isRight }) => isRight);
      if (fits !== undefined) counts[fits.isRefusal ? 'refused' : 'pass'] += 1;
      else
        faults.push(
          `${credential.account.user}: ${question.name} is ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)} in the states ${from} to ${to}, and not ${verdicts.map(({ expected }) => expected)}`,
        );
    }
  }

  const questions = questionsOn(model, random);
  async function client(): Promise<void> {
    while (!isOver) {
      const credential = pick(chance(0.7) ? alive() : model.credentials.slice(-40));
      const question: Question = pick(questions)();
      const from = completed();
      const answer = await new Rest(url, credential.bearer).call(question.method, question.path, question.body);
      unjudged.push({ credential, question, answer, from, to: begun });
      if (from !== begun) continue;
      quiet -= 1;
      if (quiet === 0) afterQuiet();
    }
  }

  /** Requests between two changes: of these the answer is known exactly. */
  let quiet = 0;
  let afterQuiet = (): void => undefined;
  const quietTime = () =>
    new Promise<void>((resolve) => {
      quiet = 1 + Math.floor(random.next() * CLIENTS);
      afterQuiet = resolve;
    });

  interface Open {
    readonly stream: WatchedStream;
    readonly credential: Credential;
    readonly question: Question;
    /** The states that it may have been opened in. */
    readonly from: number;
  }
  const open = new Set<Open>();
  const endings: Promise<void>[] = [];

  /** It has a second from when this is called. */
  async function end(one: Open): Promise<void> {
    open.delete(one);
    const since = performance.now();
    await Promise.race([one.stream.ended, setTimeout(ENDS_WITHIN_MS, undefined, { ref: false })]);
    // A timer of a busy process may be late, and what has arrived is read after it.
    for (let turn = 0; turn < 3 && !one.stream.isOver; turn += 1) await setImmediate();
    if (!one.stream.isOver)
      faults.push(`${one.question.name} of ${one.credential.account.user} goes on, ${ENDS_WITHIN_MS} ms after the change`);
    counts.ended += 1;
    counts.slowestEndMs = Math.max(counts.slowestEndMs, Math.round(performance.now() - since));
    one.stream.close();
  }

  function judgeOpen(): void {
    const now = states.at(-1);
    if (now === undefined) return;
    for (const one of open) {
      const opened = states.slice(one.from);
      if (one.question.mayGoOn?.(now, one.credential, opened) !== true) endings.push(end(one));
      else if (one.stream.isOver) open.delete(one);
      else {
        if (one.question.path !== '/events') counts.stayed += 1;
        // Whoever keeps every right makes room for others.
        const most = one.credential.account === root ? 1 : MAX_OPEN;
        if (opened.length > most) one.stream.close();
      }
    }
  }

  async function streamer(): Promise<void> {
    while (!isOver) {
      const credential = chance(0.9) ? pick(alive()) : pick(model.credentials);
      const question = questionsOn.streams(model, random, pick);
      const from = completed();
      const stream = new WatchedStream(`${url}/api/v0${question.path}`, credential.bearer, (data) => {
        if (question.path !== '/events') return;
        counts.events += 1;
        const event = data as unknown as SeenEvent;
        const seen = states.slice(-ON_THE_WAY).some((moment) => model.shows(moment.standings.get(credential), event));
        // A change that is under way is in no state yet.
        if (!seen && begun === completed())
          faults.push(`${credential.account.user} is shown ${event.type} of ${event.space} in state ${begun}`);
      });
      const status = await stream.status;
      unjudged.push({ credential, question, answer: { status, body: '' }, from, to: begun });
      if (status !== 200 || isOver) {
        stream.close();
        continue;
      }
      open.add({ stream, credential, question, from });
      // A change that is under way can have allowed it already. Then it is judged after the change.
      if (begun === completed()) judgeOpen();
      await stream.ended;
    }
  }

  const work = [...Array.from({ length: CLIENTS }, client), ...Array.from({ length: STREAMS }, streamer)];
  for (let change = 0; change < CHANGES && faults.length === 0; change += 1) {
    begun += 1;
    await step();
    states.push(momentOf(model));
    judgeOpen();
    judge();
    if (chance(0.3)) await quietTime();
  }
  isOver = true;
  await Promise.all(endings);
  for (const { stream } of open) stream.close();
  await Promise.all(work);
  judge();
  t.same(faults.slice(0, 5), [], `RAWORC_SEED=${seed}: ${faults.length} faults`);
  t.comment(JSON.stringify(counts));
  t.ok(counts.ended > 0, `${counts.ended} streams ended, the slowest ${counts.slowestEndMs} ms after its change`);
  t.ok(counts.stayed > 0, `${counts.stayed} times, one whose right remained went on`);
  t.ok(counts.pass > CHANGES && counts.refused > CHANGES, `${counts.pass} passed, ${counts.refused} were refused`);
  t.ok(counts.events > 0, `${counts.events} events`);
});

const newAccount = (admin: Rest, user: string) => admin.call('POST', '/service-accounts', { user, pass: 'a long enough password' });
