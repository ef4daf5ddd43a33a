import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { agentUser, containersOf, execIn, recordContainerEvents } from '../cluster/docker.ts';
import { type Cluster, startCluster } from '../cluster/harness.ts';
import type { Message } from '../cluster/shapes.ts';
import type { EventStream } from '../cluster/sse.ts';

const AGENT = `
import os, time

def process_message(message, context):
    yield "begun "
    if message == "wait":
        while not os.path.exists("/session/workspace/go"):
            time.sleep(0.02)
        os.remove("/session/workspace/go")
    else:
        time.sleep(0.1)
    yield f"{os.getpid()} {message}"
`;

const isAnswerTo = (id: string, { role, metadata }: Message) => role === 'agent' && metadata.in_reply_to === id;

/** Resolves to the answer to a message, which can exist already. */
async function answered(cluster: Cluster, news: EventStream, { id, session_id }: Message): Promise<Message> {
  const find = async () => (await cluster.rest.messages(session_id)).find((message) => isAnswerTo(id, message));
  const there = await find();
  if (there !== undefined) return there;
  const metadataOf = (data: unknown) => (data as { message?: Message }).message?.metadata.in_reply_to;
  await news.until(`the answer to ${id}`, ({ type, data }) => type === 'message.created' && metadataOf(data) === id, 60_000);
  return (await find()) ?? Promise.reject(new Error(`${id} has no answer`));
}

async function nodesAreReady(cluster: Cluster, count: number): Promise<void> {
  const news = await cluster.rest.watch('/events');
  const ready = async () => (await cluster.rest.nodes()).filter(({ status }) => status === 'ready').length;
  for (let seen = 0; (await ready()) < count; seen += 1) {
    await news.until(
      'a node to come back',
      ({ type }) => type === 'node.ready' && news.events.filter((e) => e.type === 'node.ready').length > seen,
    );
  }
  news.close();
}

const go = async (container: string) => execIn(container, ['touch', '/session/workspace/go'], await agentUser(container));

t.setTimeout(240_000);
t.test('a backup taken under load is restored after a loss: live sessions are untouched, and newer ones are reported', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { rest } = cluster;
  await deploy(rest, 'patient', await writeAgent(join(cluster.directory, 'patient'), { 'main.py': AGENT }));
  const make = async () => (await rest.createSession()).id;
  const busy = await make();
  const rested = await make();
  const deleted = await make();
  const answeredLater = await make();
  const stillWorking = await make();
  for (const id of [busy, rested, deleted]) await rest.say(id, 'warm up');
  const news = await rest.watch('/events');
  const waits = { lost: await rest.post(answeredLater, 'wait'), kept: await rest.post(stillWorking, 'wait') };
  for (const { id } of [waits.lost, waits.kept])
    await news.until('an agent to begin', ({ type, data }) => type === 'run.started' && data.message_id === id);
  await rest.call('POST', `/sessions/${rested}/suspend`);

  let loading = true;
  const load = (async () => {
    while (loading) await rest.say(busy, 'load').catch(() => undefined);
  })();
  const file = join(cluster.directory, 'backup.tar');
  const backup = await cluster.program('backup', file);
  t.equal(backup.end, 'code 0', backup.lines.join('\n'));
  t.match(backup.lines[0], /5 sessions, \d+ bytes, epoch 1; checked/);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  loading = false;
  await load;

  // What the backup does not know of.
  const container = async (session: string) =>
    (await containersOf(cluster.id)).find((one) => one.session === session && one.running)?.id ?? '';
  await rest.call('POST', `/sessions/${rested}/resume?wait=30s`);
  const resumed = await rest.say(rested, 'again');
  await rest.removeSession(deleted);
  const after = await make();
  const afterSaid = await rest.say(after, 'hello');
  await go(await container(answeredLater));
  t.match((await answered(cluster, news, waits.lost)).metadata, { type: 'agent_response' });
  const busySaid = await rest.say(busy, 'the last');
  await cluster.startNode({ name: 'node-2' });
  const lastId = news.lastId;
  news.close();
  const before = new Map<string, string>();
  for (const id of [busy, rested, answeredLater, stillWorking, after]) before.set(id, await container(id));
  t.notOk(
    cluster.disks().some((name) => name.includes(deleted)),
    'deleted with its volume',
  );

  await cluster.controller.end('SIGKILL');
  await rm(join(cluster.directory, 'controller'), { recursive: true });
  const happened = await recordContainerEvents(cluster.id);
  t.teardown(happened.stop);
  const restored = await cluster.program('restore', file);
  t.equal(restored.end, 'code 0', restored.lines.join('\n'));
  await cluster.startController();
  const again = await rest.watch('/events', lastId);
  t.teardown(() => again.close());
  await again.until('a reset, since the events are of another life', ({ type }) => type === 'reset');
  await nodesAreReady(cluster, 2);

  const pidOf = (content: string) => /begun (\d+) /.exec(content)?.[1];
  t.equal(pidOf((await rest.say(busy, 'and now?')).reply.content), pidOf(busySaid.reply.content), 'the same process answers');
  t.equal(
    pidOf((await rest.say(rested, 'and you?')).reply.content),
    pidOf(resumed.reply.content),
    'resumed after the backup, and never suspended again',
  );
  t.match((await answered(cluster, again, waits.lost)).metadata, { type: 'error_response', reason: 'answer_lost' });
  await go(await container(stillWorking));
  t.match((await answered(cluster, again, waits.kept)).metadata, { type: 'agent_response' });
  for (const id of [busy, rested, answeredLater, stillWorking]) {
    const session = await rest.session(id);
    t.match(session, { state: 'idle', container_id: before.get(id) });
    const messages = await rest.messages(id);
    for (const { id: asked, role } of messages)
      if (role === 'user') t.equal(messages.filter((message) => isAnswerTo(asked, message)).length, 1, 'one answer each');
  }

  // It may have been missed before the watcher was there.
  if ((await rest.session(deleted)).state !== 'error') {
    await again.until('the deleted session to be missed', ({ type, data }) => {
      const session = (data as { session?: { id: string; state: string } }).session;
      return type === 'session.state' && session?.id === deleted && session.state === 'error';
    });
  }
  t.match(await rest.session(deleted), { state: 'error', termination_reason: /volume .* missing/ });
  t.notOk(
    cluster.disks().some((name) => name.includes(deleted)),
    'no empty volume was made for it',
  );

  t.equal((await rest.call('GET', `/sessions/${after}`)).status, 404);
  const orphans = (await rest.call('GET', '/nodes/node-1/orphans')).body;
  t.match(orphans, [{ session_id: after, container_id: before.get(after), space: 'default' }]);
  t.match(await rest.call('POST', `/nodes/node-1/orphans/${after}/adopt`), { status: 201 });
  const adopted = await rest.say(after, 'still you?');
  t.equal(pidOf(adopted.reply.content), pidOf(afterSaid.reply.content), 'the adopted session is the one that lived');

  const touched = happened.seen.filter(({ action, container: id }) => [...before.values()].includes(id) && !action.startsWith('exec_'));
  t.same(touched, [], 'nothing was done to any container that lived');
  for (const [session, id] of before) t.equal(await container(session), id);
});
