/** The commands of clients, each with a check of its answer. */

import type { MessageObject, PostMessage } from '../../../controller/contract/messages.ts';
import type { CreateSession, SessionObject } from '../../../controller/contract/sessions.ts';
import type { SessionId } from '../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../controller/domain/engine/outcome.ts';
import { AnswerOrder } from './answer-order.ts';
import type { MessageFact, SessionFact } from './book.ts';
import { perhapsCancel } from './cancelling.ts';
import { perhapsCancelBuild } from './cancelling-builds.ts';
import { change, putState, resume } from './changes.ts';
import type { Client } from './client.ts';
import { someConstraint, somePreference } from './label-rules.ts';
import { maintain } from './maintenance.ts';
import { makeOnce, repeat } from './once.ts';
import { judgeOrphans } from './orphans.ts';
import { patiently } from './patience.ts';
import { remix } from './remixing.ts';
import { scripted, someScript } from './scripts.ts';
import { changeQuotas, changeSecret, isSpaceFull, stopOrStart } from './spaces.ts';
import { NARROW } from './store.ts';
import { readTraces } from './traces.ts';

export type Command = (client: Client, session: SessionFact) => Promise<unknown>;

const PAGE = { limit: 1000, offset: 0 } as const;
const idOf = (session: SessionFact) => session.id as SessionId;

async function create(client: Client): Promise<void> {
  const { random, book } = client;
  const timeouts = random.weighted({ none: 16, pause: 2, suspend: 2, ttl: 1 });
  const name = client.fresh();
  // Apart, so that other draws stay as they were.
  const apart = random.fork(`placement of ${name}`);
  const patienceMs = apart.chance(0.3) ? apart.between(1_500, 9_000) : undefined;
  const body: CreateSession = {
    ...(apart.chance(0.15) ? { constraints: [someConstraint(apart)] } : {}),
    ...(apart.chance(0.2) ? { preferences: [somePreference(apart)] } : {}),
    name,
    ...(random.chance(0.3) ? { space: NARROW } : {}),
    ...(timeouts === 'pause' ? { timeouts: { idle_pause_s: random.whole(3, 15) } } : {}),
    ...(timeouts === 'suspend' ? { timeouts: { idle_suspend_s: random.whole(5, 30) } } : {}),
    ...(timeouts === 'ttl' ? { timeouts: { ttl_s: random.whole(20, 90) } } : {}),
  };
  const made = await makeOnce<SessionObject>(
    client,
    'create',
    body,
    (input, key) =>
      ({ sessions }, caller) =>
        patiently(client, { patienceMs, caller, canAsk: (now) => sessions.canCreate(now, body.space) }, (patience) =>
          sessions.create(caller, input, key, patience),
        ),
  );
  if (made === 'lost') return;
  if (made.ok) book.session(made.value.id, timeouts !== 'none');
  else if (made.refusal.code !== 'UNAVAILABLE' && !isSpaceFull(made.refusal))
    client.violation(`create: ${made.refusal.code} ${made.refusal.message}`);
}

/** Several at once, decided in one batch, each with the room that the ones before it left. */
async function createMany(client: Client): Promise<void> {
  const { random, book, cluster } = client;
  const names = Array.from({ length: random.whole(2, 6) }, () => client.fresh());
  const { restores } = cluster;
  const made = await client.ask(`create ${names.length}`, async (services, caller) => {
    const space = random.chance(0.5) ? { space: NARROW } : {};
    return accepted(await Promise.all(names.map((name) => services.sessions.create(caller, { name, ...space }))));
  });
  if (made === 'lost' || !made.ok || restores !== cluster.restores) return;
  for (const one of made.value) {
    if (one.ok) book.session(one.value.id, false);
    else if (one.refusal.code !== 'UNAVAILABLE' && !isSpaceFull(one.refusal)) client.violation(`create: ${one.refusal.code}`);
  }
}

function newMessage(client: Client): { body: PostMessage; expects: MessageFact['expects'] } {
  const { random } = client;
  const text = client.fresh();
  const kind = random.weighted({ named: 60, addressed: 20, moody: 12, unknown: 3, routed: 2, note: 5 });
  const wake = random.chance(0.15) ? { wake: false } : {};
  if (random.fork(`routed ${text}`).chance(0.1)) return { body: { content: text, ...wake }, expects: 'routed' };
  switch (kind) {
    case 'named': {
      const agent = random.pick(['once', 'once', 'again']) ?? 'once';
      return { body: { content: perhapsScripted(client, text, agent), metadata: { agent }, ...wake }, expects: 'reply' };
    }
    case 'addressed':
      return { body: { content: `@once ${text}`, ...wake }, expects: 'reply' };
    case 'moody':
      return { body: { content: text, metadata: { agent: 'moody' }, ...wake }, expects: 'moody' };
    case 'unknown':
      return { body: { content: text, metadata: { agent: 'nobody' }, ...wake }, expects: 'agent_unknown' };
    case 'routed':
      return { body: { content: text, ...wake }, expects: 'routed' };
    case 'note':
      return { body: { content: text, role: 'system' }, expects: 'nothing' };
    default:
      return kind satisfies never;
  }
}

function perhapsScripted({ cluster, random }: Client, text: string, agent: string): string {
  // Apart, so that other draws stay as they were.
  const apart = random.fork(`script of ${text}`);
  return cluster.together && apart.chance(0.35) ? scripted(text, someScript(apart, [agent])) : text;
}

async function post(client: Client, session: SessionFact): Promise<MessageFact | undefined> {
  const { book, cluster } = client;
  const { body, expects } = newMessage(client);
  const postedAt = cluster.time.now;
  const made = await makeOnce<MessageObject>(
    client,
    `post to ${session.id}`,
    body,
    (_, key) => (services, caller) => services.messages.post(caller, idOf(session), body, key),
  );
  if (made === 'lost') return undefined;
  if (!made.ok) {
    const state = cluster.chronicle.sessions.get(session.id)?.desired;
    const mayBe = {
      CONFLICT: cluster.chronicle.failed.has(session.id) || isSpaceFull(made.refusal),
      NOT_FOUND: state === 'deleted' || session.clearedUntil > postedAt || session.isForgotten,
    };
    if (mayBe[made.refusal.code as keyof typeof mayBe] === false) client.violation(`post to ${session.id}, ${state}: ${made.refusal.code}`);
    return undefined;
  }
  const { id, seq, content } = made.value;
  const fact: MessageFact = { id, sessionId: session.id, seq, postedAt, content, role: body.role ?? 'user', expects };
  if (content !== body.content) client.violation(`what was posted as ${body.content} is kept as ${content}`);
  book.messages.set(id, fact);
  await perhapsCancel(client, fact);
  return fact;
}

async function chat(client: Client, session: SessionFact): Promise<void> {
  const { cluster, random } = client;
  const message = await post(client, session);
  if (message === undefined) return;
  const patience = new AbortController();
  cluster.time.schedule(random.between(1_000, 8_000), () => patience.abort());
  const answered = await client.ask(`wait for ${message.id}`, async (services) =>
    accepted(await services.messages.whenAnswered(message.id, patience.signal)),
  );
  if (answered === 'lost' || !answered.ok || answered.value === undefined) return;
  const { role, metadata } = answered.value;
  if (role !== 'agent' || metadata.in_reply_to !== message.id) client.violation(`the answer to ${message.id} is another's`);
}

async function get(client: Client, session: SessionFact): Promise<void> {
  const wasGone = session.deletion === 'done';
  const found = await client.ask(`get ${session.id}`, (services, caller) => services.sessions.get(caller, idOf(session)));
  if (found === 'lost') return;
  if (found.ok && wasGone) client.violation(`the deleted session ${session.id} is shown`);
  if (found.ok || session.deletion !== 'none' || session.hasTimeouts || session.isForgotten) return;
  client.violation(`the session ${session.id} is not found`);
}

async function list(client: Client): Promise<void> {
  const { random, book } = client;
  const state = random.pick([undefined, 'idle', 'busy', 'paused', 'suspended', 'error', 'init'] as const);
  const gone = [...book.sessions.values()].filter(({ deletion }) => deletion === 'done').map(({ id }) => id);
  const found = await client.ask('list', (services, caller) => services.sessions.list(caller, state === undefined ? {} : { state }, PAGE));
  if (found === 'lost') return;
  if (!found.ok) return client.violation(`list: ${found.refusal.code}`);
  const { total } = found.value;
  const items = found.value.items.map(({ text }): SessionObject => JSON.parse(text));
  if (items.length !== total) client.violation(`a list of ${items.length} of ${total}`);
  for (const { id } of items) if (gone.includes(id)) client.violation(`the deleted session ${id} is listed`);
  if (state !== undefined && items.some((one) => one.state !== state.toLowerCase())) client.violation(`listed as ${state}, and is not`);
}

async function read(client: Client, session: SessionFact): Promise<void> {
  const found = await client.ask(`read ${session.id}`, (services, caller) => services.messages.list(caller, idOf(session), {}, PAGE));
  if (found === 'lost' || !found.ok) return;
  let lastSeq = 0;
  const order = new AnswerOrder();
  const asked = new Map<string, { seq: number; agent: unknown }>();
  for (const { id, seq, role, metadata, created_by: by } of found.value.items) {
    if (seq <= lastSeq) client.violation(`message ${seq} of ${session.id} comes after ${lastSeq}`);
    lastSeq = seq;
    if (metadata.type === 'hop') client.violation(`the hop ${id} is in the list of ${session.id}`);
    asked.set(id, { seq, agent: metadata.agent });
    if (role !== 'agent') continue;
    const question = asked.get(String(metadata.in_reply_to));
    // Its question can be cleared while a page spans two commits, but no later question can be
    // answered first, except by an agent that answers several at once.
    if (question === undefined) {
      client.violation(`${id} answers what is not there`);
      continue;
    }
    const overtaken = order.overtaken(question.seq, question.agent, by);
    if (overtaken !== undefined) client.violation(`${seq} of ${session.id} answers ${question.seq}, after ${overtaken} was answered`);
  }
  await readTraces(client, session);
}

async function count(client: Client, session: SessionFact): Promise<void> {
  await client.ask(`count ${session.id}`, (services, caller) => services.messages.count(caller, idOf(session), {}));
}

async function clear(client: Client, session: SessionFact): Promise<void> {
  session.clearedUntil = Number.POSITIVE_INFINITY;
  const cleared = await client.insist(`clear ${session.id}`, (services, caller) => services.messages.clear(caller, idOf(session)));
  if (cleared !== 'lost') session.clearedUntil = client.cluster.time.now;
}

async function remove(client: Client, session: SessionFact): Promise<void> {
  if (session.deletion === 'none') session.deletion = 'asked';
  const removed = await client.insist(`delete ${session.id}`, (services, caller) => services.sessions.remove(caller, idOf(session)));
  if (removed === 'lost') return;
  session.deletion = 'done';
  if (!removed.ok && removed.refusal.code !== 'NOT_FOUND') client.violation(`delete ${session.id}: ${removed.refusal.code}`);
}

/** Deletes a session at once, while its node creates it. */
async function createAndRemove(client: Client): Promise<void> {
  const known = new Set(client.book.sessions.keys());
  await create(client);
  const made = [...client.book.sessions.values()].find(({ id }) => !known.has(id));
  if (made === undefined) return;
  await client.cluster.time.sleep(client.random.mostlySmall(0, 300));
  await remove(client, made);
}

/** Remixes a session, and changes the parent or the copy meanwhile. */
async function remixAndMore(client: Client, session: SessionFact): Promise<void> {
  const copy = await remix(client, session);
  if (copy === undefined) return;
  await client.cluster.time.sleep(client.random.mostlySmall(0, 3_000));
  const one = client.random.chance(0.7) ? session : copy;
  const next = client.random.pick([remove, remove, change('pause'), change('suspend'), change('resume'), remix]) ?? remove;
  await next(client, one);
}

/** Builds a new image with the same contents for later sessions. */
async function deploy(client: Client): Promise<void> {
  const name = client.random.pick(['once', 'again']) ?? 'once';
  const deployed = await client.ask(`deploy ${name}`, (services, caller) => services.agents.deploy(caller, 'default', name));
  if (deployed !== 'lost' && !deployed.ok) client.violation(`deploy ${name}: ${deployed.refusal.code}`);
  await perhapsCancelBuild(client);
}

export const COMMANDS = {
  create: (client) => create(client),
  createMany: (client) => createMany(client),
  createAndRemove: (client) => createAndRemove(client),
  remix,
  remixAndMore,
  repeat: (client) => repeat(client),
  secrets: (client) => changeSecret(client),
  quotas: (client) => changeQuotas(client),
  moods: (client) => stopOrStart(client),
  deploy: (client) => deploy(client),
  maintain: (client) => maintain(client),
  orphans: (client) => judgeOrphans(client, client.random.pick(client.cluster.machines)),
  post,
  chat,
  get,
  list: (client) => list(client),
  read,
  count,
  pause: change('pause'),
  suspend: change('suspend'),
  resume,
  recover: change('recover'),
  putState,
  clear,
  remove,
} satisfies Readonly<Record<string, Command>>;
export type CommandName = keyof typeof COMMANDS;

/** Weights of a client's commands. */
export const USUAL: Readonly<Record<CommandName, number>> = {
  create: 9,
  createMany: 0.7,
  createAndRemove: 1,
  remix: 2,
  remixAndMore: 2,
  repeat: 4,
  secrets: 4,
  quotas: 2.5,
  moods: 3,
  deploy: 0.8,
  maintain: 3,
  orphans: 2,
  post: 36,
  chat: 6,
  get: 6,
  list: 4,
  read: 6,
  count: 2,
  pause: 8,
  suspend: 7,
  resume: 6,
  recover: 3,
  putState: 6,
  clear: 1,
  remove: 4,
};
