import Database from 'better-sqlite3';
import type { Test } from 'tap';
import { z } from 'zod';
import { containersOf } from './docker.ts';
import { Follower } from './follow.ts';
import type { Cluster } from './harness.ts';
import { expect, type Rest } from './rest.ts';
import { type Message, messageShape, sessionShape } from './shapes.ts';
import type { Kill } from './storm.ts';
import type { Run } from './storm-agent.ts';
import { type Excuse, judgeErrorsBy } from './storm-errors.ts';

const SETTLES_WITHIN_MS = 90_000;

const asked = (messages: readonly Message[]) => messages.filter(({ role }) => role === 'user');
const answerTo = (messages: readonly Message[], { id }: Message) => messages.filter(({ metadata }) => metadata.in_reply_to === id);

/** Asserts that every message of these sessions is answered, and that each session is idle. */
export async function untilCalm(rest: Rest, sessions: readonly string[]): Promise<void> {
  for (const session of sessions) {
    const life = await Follower.of(rest, session);
    try {
      for (;;) {
        const messages = await rest.messages(session);
        const open = asked(messages).find((message) => answerTo(messages, message).length === 0);
        const { state, settled } = await rest.session(session);
        if (open === undefined && state === 'idle' && settled) break;
        if (state === 'error') throw new Error(`${session} is in error`);
        await life.next(
          `${session}, ${state}, to answer ${open?.content ?? 'nothing'} and be idle`,
          ({ type, data }) => isAnswer(data.message) || (type === 'session.state' && isIdle(data.session)),
          SETTLES_WITHIN_MS,
        );
      }
    } finally {
      life.close();
    }
  }
}

const isAnswer = (value: unknown) => messageShape.safeParse(value).data?.role === 'agent';
const isIdle = (value: unknown) => {
  const session = sessionShape.safeParse(value).data;
  return session?.state === 'idle' && session.settled;
};

/** Asserts that each message was accepted once and has one answer, in order. */
export function judgeOrder(t: Test, messages: readonly Message[], taken: readonly Message[]): void {
  const ids = asked(messages).map(({ id }) => id);
  t.same(
    ids,
    taken.map(({ id }) => id),
    'every message that was posted is in the list once, in order',
  );
  t.same(
    messages.filter(({ role }) => role === 'agent').map(({ metadata }) => metadata.in_reply_to),
    ids,
    'and each has one answer, in their order',
  );
}

/** Asserts that each reply of the storm's agent is the one to its own question. */
export function judgeReplies(t: Test, messages: readonly Message[]): void {
  const contents = new Map(messages.map(({ id, content }) => [id, content]));
  const wrong = messages
    .filter(({ metadata }) => metadata.type === 'agent_response')
    .map(({ content, metadata }) => ({ question: contents.get(String(metadata.in_reply_to)), reply: content }))
    .filter(({ question, reply }) => question === undefined || reply.replace(/^\d+ /, '') !== `heard ${question}`);
  t.same(wrong, [], 'every reply is to its own question');
}

/**
 * Asserts that every error_response belongs to a run that a kill cut off, one per kill; see {@link
 * judgeErrorsBy}. Returns the reasons.
 */
export function judgeErrors(
  t: Test,
  messages: readonly Message[],
  kills: readonly Kill[],
  runs: ReadonlyMap<string, Run>,
): readonly Excuse[] {
  return judgeErrorsBy(messages, kills, runs).flatMap(({ error, excuse }) => {
    const run = runs.get(String(error.metadata.in_reply_to));
    t.ok(excuse, `an error of a run that was cut off: ${JSON.stringify({ error, run, kills })}`);
    return excuse ?? [];
  });
}

/** The row of a session as the store has it. */
export const storedSession = z.object({
  id: z.string(),
  desired: z.string(),
  phase: z.string(),
  generation: z.number(),
  observed_generation: z.number(),
  node_id: z.string(),
  container_id: z.string(),
});
const rowShape = storedSession.extend({ volume: z.string() });

/**
 * Asserts that store, inventories and Docker agree: these sessions run, each with one container and
 * one volume, and there is nothing else.
 */
export async function judgeInventories(t: Test, cluster: Cluster, sessions: readonly string[]): Promise<void> {
  for (const { name } of await cluster.rest.nodes()) {
    t.same(expect(await cluster.rest.call('GET', `/nodes/${name}/orphans`), 200, 'orphans'), [], `${name} has no orphans`);
  }
  const { rows, unanswered } = read(cluster.databaseFile);
  t.same(rows.map(({ id }) => id).sort(), [...sessions].sort(), 'the store knows these sessions and no more');
  t.equal(unanswered, 0, 'and no message without an answer');
  for (const row of rows) {
    t.match(row, { desired: 'running', phase: 'running', observed_generation: row.generation, volume: `raworc_session_data_${row.id}` });
  }
  const containers = await containersOf(cluster.id);
  const seen = containers.map(({ id, session, node, running }) => [session, id, node, running]).sort();
  t.same(seen, rows.map((row) => [row.id, row.container_id, row.node_id, true]).sort(), 'Docker has the container of each, and no more');
  t.same(cluster.disks(), rows.map(({ volume }) => volume).sort(), 'and the volume of each, and no more');
  const sockets = [...cluster.nodes.values()].flatMap((node) => node.socketDirectories());
  t.equal(sockets.length, sessions.length, 'the nodes have a socket for each, and no more');
}

function read(databaseFile: string) {
  const database = new Database(databaseFile, { readonly: true, fileMustExist: true });
  try {
    const rows = database.prepare(`select * from sessions where desired <> 'deleted'`).all();
    const unanswered = database.prepare(`select count(*) from queue`).pluck().get();
    return { rows: z.array(rowShape).parse(rows), unanswered };
  } finally {
    database.close();
  }
}
