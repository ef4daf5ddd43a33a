import { join } from 'node:path';
import t, { type Test } from 'tap';
import { deploy, writeAgent } from './agents.ts';
import type { BarrierName } from './barriers.ts';
import { agentUser, containersOf, docker, execIn } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { messageShape } from './shapes.ts';
import type { EventStream } from './sse.ts';

/**
 * Reports its start. For a message that starts with "wait", continues only when the test lets it.
 */
const AGENT = `
import os, time

def process_message(message, context):
    yield f"{os.getpid()} began. "
    if message.startswith("wait"):
        while not os.path.exists("/session/workspace/go"):
            time.sleep(0.02)
        os.remove("/session/workspace/go")
    if message.startswith("remember "):
        with open("/session/state/memory", "w") as memory:
            memory.write(message[len("remember "):])
    if message == "recall":
        with open("/session/state/memory") as memory:
            yield memory.read()
    yield "Ended."
`;

t.setTimeout(240_000);
t.test('kill -9 at the worst moment loses no message and answers none twice', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { rest, barriers } = cluster;
  await deploy(rest, 'patient', await writeAgent(join(cluster.directory, 'patient'), { 'main.py': AGENT }));
  const session = await rest.createSession();
  await rest.say(session.id, 'warm up');

  const steps: readonly (readonly [BarrierName, string])[] = [
    ['message.committed', "between a message's commit and its delivery"],
    ['answer.received', "between a reply's arrival and its commit"],
  ];
  for (const [barrier, when] of steps) {
    await t.test(`the controller, ${when}`, async (t) => {
      barriers.hold(barrier);
      const posted = rest.call('POST', `/sessions/${session.id}/messages`, { content: `during ${barrier}` }).catch(() => undefined);
      await barriers.reached(barrier);
      await cluster.controller.end('SIGKILL');
      barriers.release(barrier);
      await posted;
      await cluster.startController();
      await expectOneReply(t, cluster, session.id, `during ${barrier}`);
    });
  }

  for (const finishes of ['after its node agent is back', 'while there is no node agent'] as const) {
    await t.test(`the node agent during a run that ends ${finishes}: the same container answers`, async (t) => {
      const news = await rest.watch(`/sessions/${session.id}/events`);
      t.teardown(() => news.close());
      const message = await rest.post(session.id, `wait, ends ${finishes}`);
      await news.until('the agent to say that it began', ({ type, data }) => type === 'delta' && data.message_id === message.id);
      const [before] = await containersOf(cluster.id);
      await cluster.node('node-1').kill();
      if (finishes === 'after its node agent is back') await cluster.restartNode('node-1');
      t.equal((await execIn(before?.id ?? '', ['touch', '/session/workspace/go'], await agentUser(before?.id ?? ''))).code, 0);
      if (finishes === 'while there is no node agent') await cluster.restartNode('node-1');
      const reply = await expectOneReply(t, cluster, session.id, message.content);
      t.match(reply, /^\d+ began\. Ended\.$/);
      t.same(await containersOf(cluster.id), [before], 'the same container');
    });
  }

  await t.test('a container removed from outside is created again on its volume', async (t) => {
    await rest.say(session.id, 'remember the milk');
    const news = await rest.watch(`/sessions/${session.id}/events`);
    t.teardown(() => news.close());
    const [before] = await containersOf(cluster.id);
    await docker.getContainer(before?.id ?? '').remove({ force: true });
    await untilState(news, 'idle');
    const { reply } = await rest.say(session.id, 'recall');
    t.match(reply.content, /the milk/);
    t.equal(reply.metadata.type, 'agent_response');
    const [after, ...more] = await containersOf(cluster.id);
    t.same(more, []);
    t.not(after?.id, before?.id);
  });

  await t.test('afterwards every message has exactly one answer, and each is a reply', async (t) => {
    const messages = await rest.messages(session.id);
    const asked = messages.filter(({ role }) => role === 'user').map(({ id }) => id);
    const answers = messages.filter(({ role }) => role === 'agent');
    t.same(answers.map(({ metadata }) => metadata.in_reply_to).sort(), [...asked].sort());
    t.same([...new Set(answers.map(({ metadata }) => metadata.type))], ['agent_response']);
  });
});

/**
 * Waits for the answer to the message with that content, and asserts that there is exactly one, a
 * reply.
 */
async function expectOneReply(t: Test, cluster: Cluster, session: string, content: string): Promise<string> {
  const { rest } = cluster;
  const news = await rest.watch(`/sessions/${session}/events`);
  try {
    const asked = (await rest.messages(session)).filter((message) => message.content === content);
    t.equal(asked.length, 1, 'the message is in the list once');
    const answersTo = async () => (await rest.messages(session)).filter(({ metadata }) => metadata.in_reply_to === asked[0]?.id);
    if ((await answersTo()).length === 0) {
      await news.until(`the reply to "${content}"`, ({ type, data }) => {
        const message = messageShape.safeParse(data.message);
        return type === 'message.created' && message.success && message.data.metadata.in_reply_to === asked[0]?.id;
      });
    }
    const answers = await answersTo();
    t.equal(answers.length, 1, 'one answer');
    t.equal(answers[0]?.metadata.type, 'agent_response', 'which is a reply');
    return answers[0]?.content ?? '';
  } finally {
    news.close();
  }
}

/** Resolves once the session was away and is up again. */
async function untilState(news: EventStream, state: string): Promise<void> {
  let left = false;
  for (let at = 0; ; at += 1) {
    const seen = at;
    await news.until(`an event ${at}`, () => news.events.length > seen);
    const event = news.events[at];
    const shown = event?.type === 'session.state' && isSession(event.data.session) ? event.data.session.state : undefined;
    if (shown !== undefined && shown !== state) left = true;
    if (left && shown === state) return;
  }
}

const isSession = (value: unknown): value is { state: string } => typeof value === 'object' && value !== null && 'state' in value;
