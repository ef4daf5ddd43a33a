import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { containersOf, recordContainerEvents } from './docker.ts';
import type { Cluster } from './harness.ts';
import type { Message } from './shapes.ts';
import { judgeOrder, untilCalm } from './storm-verdict.ts';

/**
 * Loses the controller's data during runs, and continues from a backup that has these sessions
 * without their newest messages, and lacks `after`, which was created later. No container is
 * touched, and everything newer than the backup is reported.
 */
export async function judgeRestore(
  t: Test,
  cluster: Cluster,
  file: string,
  sessions: readonly string[],
  taken: ReadonlyMap<string, readonly Message[]>,
  after: string,
): Promise<void> {
  const { rest } = cluster;
  const news = await rest.watch('/events');
  const pids = new Map<string, string>();
  await Promise.all(sessions.map(async (session) => pids.set(session, pidOf((await rest.say(session, 'before the loss')).reply))));
  const forgotten = (await Promise.all(sessions.map((session) => rest.post(session, 'never heard of again')))).map(({ id }) => id);
  const { lastId } = news;
  news.close();
  await cluster.controller.end('SIGKILL');
  await rm(join(cluster.directory, 'controller'), { recursive: true });
  const before = await containersOf(cluster.id);
  const happened = await recordContainerEvents(cluster.id);
  t.teardown(happened.stop);

  const restored = await cluster.program('restore', file);
  t.equal(restored.end, 'code 0', restored.lines.join('\n'));
  await cluster.startController();
  const again = await rest.watch('/events', lastId);
  t.teardown(() => again.close());
  await again.until('a reset, since the events are of another life', ({ type }) => type === 'reset');
  await untilCalm(rest, sessions);

  let lost = 0;
  for (const session of sessions) {
    const messages = await rest.messages(session);
    const known = new Set(messages.map(({ id }) => id));
    const [first] = messages;
    const own = [...(first === undefined ? [] : [first]), ...(taken.get(session) ?? [])];
    const kept = own.filter(({ id }) => known.has(id));
    t.same(kept, own.slice(0, kept.length), 'the restored list holds the messages of before the backup');
    judgeOrder(t, messages, kept);
    t.notOk(
      forgotten.some((id) => known.has(id)),
      'what was posted after the backup is not in it',
    );
    const reasons = messages.flatMap(({ metadata }) => (metadata.type === 'error_response' ? [metadata.reason] : []));
    t.same(
      reasons.filter((reason) => reason !== 'agent_died' && reason !== 'answer_lost'),
      [],
    );
    lost += reasons.filter((reason) => reason === 'answer_lost').length;
    t.equal(pidOf((await rest.say(session, 'after the loss')).reply), pids.get(session), 'the same process answers');
  }
  t.comment(`${lost} answers went with the old store`);
  t.same(
    happened.seen.filter(({ action }) => !action.startsWith('exec_')),
    [],
    'nothing was done to any container',
  );
  t.same(await containersOf(cluster.id), before);

  t.equal((await rest.call('GET', `/sessions/${after}`)).status, 404, 'a session that was made after the backup is not known');
  const holder = before.find(({ session }) => session === after);
  for (const { id, name } of await rest.nodes()) {
    const { body } = await rest.call('GET', `/nodes/${name}/orphans`);
    if (id === holder?.node) t.match(body, [{ session_id: after, container_id: holder.id }], 'its node tells of it');
    else t.same(body, []);
    if (id === holder?.node) t.match(await rest.call('POST', `/nodes/${name}/orphans/${after}/adopt`), { status: 201 });
  }
}

const pidOf = ({ content }: Message) => /^(\d+) heard /.exec(content)?.[1] ?? `no pid in "${content}"`;
