import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { agentUser, containersOf, docker, execIn } from './docker.ts';
import { Follower } from './follow.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect, type Rest } from './rest.ts';

/**
 * Answers with its process, its memory and its file; a message "wait" continues only when the test
 * lets it.
 */
const AGENT = `
import os, time

FILE = "/session/workspace/file"
GO = "/session/workspace/go"
ENDED = "/session/workspace/ended"
memory = None

def process_message(message, context):
    global memory
    yield "began "
    word, _, rest = message.partition(" ")
    if word == "wait":
        try:
            while not os.path.exists(GO):
                time.sleep(0.02)
            os.remove(GO)
        finally:
            with open(ENDED, "a") as file:
                file.write(context["message_id"] + "\\n")
    if word == "remember":
        memory = rest
    if word == "write":
        with open(FILE, "w") as file:
            file.write(rest)
    written = open(FILE).read() if os.path.exists(FILE) else None
    yield f"pid={os.getpid()} memory={memory} file={written}"
`;

const act = async (rest: Rest, session: string, action: string) =>
  expect(await rest.call('POST', `/sessions/${session}/${action}`), 200, action);

t.setTimeout(240_000);
t.test('the life of a session in Docker', async (t) => {
  const cluster = await startCluster(t, {
    nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 31 }],
  });
  const { rest } = cluster;
  await deploy(rest, 'keeper', await writeAgent(join(cluster.directory, 'keeper'), { 'main.py': AGENT }));

  const upAndFollowed = async (t: Test) => {
    const { id } = await rest.createSession();
    const life = await Follower.of(rest, id);
    t.teardown(() => life.close());
    return { id, life };
  };

  await t.test('pause keeps memory, suspend keeps files, a message wakes, and delete leaves nothing', async (t) => {
    const { id, life } = await upAndFollowed(t);
    const first = await rest.say(id, 'remember the milk');
    const pid = /pid=(\d+)/.exec(first.reply.content)?.[1];

    await act(rest, id, 'pause');
    t.match(await life.settled('paused'), { running: false });
    t.equal(await stateIn(cluster, id), 'paused');
    const woken = await rest.say(id, 'still there?');
    t.match(woken.reply.content, `pid=${pid} memory=the milk`, 'the same process with what it remembered');

    await rest.say(id, 'write eggs');
    await act(rest, id, 'suspend');
    await life.settled('suspended');
    t.equal(await stateIn(cluster, id), undefined, 'the container is gone');
    const volumes = cluster.disks();
    t.ok(volumes.includes(`raworc_session_data_${id}`));
    await act(rest, id, 'resume?wait=30s');
    const resumed = await rest.say(id, 'and now?');
    t.match(resumed.reply.content, 'memory=None file=eggs');

    await rest.removeSession(id);
    await gone(cluster, id);
    t.equal((await rest.call('GET', `/sessions/${id}`)).status, 404);
    t.equal(await stateIn(cluster, id), undefined);
    t.notOk(cluster.disks().includes(`raworc_session_data_${id}`));
    t.same(cluster.node('node-1').socketDirectories(), []);
  });

  await t.test('a pause during a run freezes it, and it continues where it was', async (t) => {
    const { id, life } = await upAndFollowed(t);
    const message = await rest.post(id, 'wait');
    await life.began(message.id);
    await act(rest, id, 'pause');
    await life.settled('paused');
    await act(rest, id, 'resume');
    await life.settled('busy');
    await letGo(id);
    t.match(await life.answer(message.id), { metadata: { type: 'agent_response' } });
  });

  await t.test('a suspend waits for the current run, within its grace period', async (t) => {
    const { id, life } = await upAndFollowed(t);
    const message = await rest.post(id, 'wait');
    const queued = await rest.post(id, 'remember me');
    await life.began(message.id);
    await act(rest, id, 'suspend');
    t.match(await rest.session(id), { state: 'suspended', settled: false });
    await letGo(id);
    t.match(await life.answer(message.id), { metadata: { type: 'agent_response' } });
    await life.settled('suspended');
    t.equal(await stateIn(cluster, id), undefined);
    await act(rest, id, 'resume');
    t.match(await life.answer(queued.id), { content: /memory=me/ }, 'what waited is answered after the resume');
  });

  await t.test('a forced suspend interrupts the current run', async (t) => {
    const { id, life } = await upAndFollowed(t);
    const message = await rest.post(id, 'wait');
    await life.began(message.id);
    await act(rest, id, 'suspend?force=true');
    t.match(await life.answer(message.id), { metadata: { type: 'error_response', reason: 'interrupted' } });
    await life.settled('suspended', 4000);
    t.equal(await stateIn(cluster, id), undefined);
  });

  await t.test('a running message is cancelled: it is interrupted after its grace, unless it is answered within it', async (t) => {
    const { id, life } = await upAndFollowed(t);
    const cancel = (message: string, graceS: number) =>
      rest.call('POST', `/sessions/${id}/messages/${message}/cancel?wait=30s`, { grace_s: graceS });
    const message = await rest.post(id, 'wait');
    const queued = await rest.post(id, 'remember me');
    await life.began(message.id);
    const reason = { type: 'error_response', reason: 'cancelled', in_reply_to: message.id };
    t.match(await cancel(message.id, 0), { status: 200, body: { id: message.id, reply: { role: 'agent', metadata: reason } } });
    t.match(await life.answer(queued.id), { content: /memory=me/, metadata: { type: 'agent_response' } }, 'the next one begins');
    const { container_id: container } = await rest.session(id);
    const ended = await execIn(container ?? '', ['cat', '/session/workspace/ended']);
    t.equal(ended.output, `${message.id}\n`, 'its finally block ran');

    const slow = await rest.post(id, 'wait');
    await life.began(slow.id);
    const cancelled = cancel(slow.id, 60);
    await letGo(id);
    t.match(await cancelled, { status: 200, body: { id: slow.id, reply: { metadata: { type: 'agent_response' } } } });
    for (const one of [message, queued, slow])
      t.equal((await rest.messages(id)).filter(({ metadata }) => metadata.in_reply_to === one.id).length, 1, 'one answer');
    t.match(await rest.session(id), { state: 'idle' });
  });

  await t.test('a killed container comes up again with its files, and its current message gets one error', async (t) => {
    const { id, life } = await upAndFollowed(t);
    await rest.say(id, 'write butter');
    const message = await rest.post(id, 'wait');
    await life.began(message.id);
    await kill(id);
    t.match(await life.answer(message.id), { metadata: { type: 'error_response', reason: 'agent_died' } });
    await life.settled('idle');
    t.match((await rest.say(id, 'and now?')).reply.content, 'file=butter');
    const answers = (await rest.messages(id)).filter(({ metadata }) => metadata.in_reply_to === message.id);
    t.equal(answers.length, 1);
  });

  await t.test('a session killed five times is in error with the reason, and recovers by PUT state init', async (t) => {
    const { id, life } = await upAndFollowed(t);
    await rest.say(id, 'write bread');
    for (let times = 1; times <= 5; times += 1) {
      await kill(id);
      if (times < 5) {
        await life.session('starting again', ({ state }) => state === 'init');
        await life.settled('idle', 60_000);
      }
    }
    const failed = await life.settled('error');
    t.equal(failed.termination_reason, 'Its container ended five times in ten minutes, last with exit code 137 (killed).');
    expect(await rest.call('PUT', `/sessions/${id}/state`, { state: 'init' }), 200, 'recover');
    await life.settled('idle');
    t.match((await rest.say(id, 'and now?')).reply.content, 'file=bread');
  });

  await t.test('a paused session whose container is removed becomes suspended, with a note', async (t) => {
    const { id, life } = await upAndFollowed(t);
    await rest.say(id, 'write salt');
    await act(rest, id, 'pause');
    await life.settled('paused');
    await docker.getContainer(`raworc_session_${id}`).remove({ force: true });
    await life.settled('suspended');
    const note = (await rest.messages(id)).at(-1);
    t.match(note, { role: 'system', content: /memory is lost/ });
    t.match((await rest.say(id, 'and now?')).reply.content, 'memory=None file=salt');
  });

  await t.test('a removed volume is an error, and never replaced by an empty one', async (t) => {
    const { id, life } = await upAndFollowed(t);
    await rest.say(id, 'write sugar');
    await act(rest, id, 'suspend');
    await life.settled('suspended');
    // With its file system, which can still be mounted: the node agent trims it first.
    await rename(cluster.node('node-1').diskDirectory(id), join(cluster.directory, `taken-${id}`));
    await act(rest, id, 'resume');
    await life.settled('error');
    t.match(await rest.session(id), { termination_reason: /volume/ });
    t.notOk(cluster.disks().includes(`raworc_session_data_${id}`));
  });
});

/** Returns Docker's state of the session's container; undefined if there is none. */
async function stateIn(cluster: Cluster, session: string): Promise<string | undefined> {
  const container = (await containersOf(cluster.id)).find((one) => one.session === session);
  return container && (await docker.getContainer(container.id).inspect()).State.Status;
}

async function kill(session: string): Promise<void> {
  await docker.getContainer(`raworc_session_${session}`).kill();
}

async function letGo(session: string): Promise<void> {
  const container = `raworc_session_${session}`;
  await execIn(container, ['touch', '/session/workspace/go'], await agentUser(container));
}

/** Resolves once the node has removed the session. */
async function gone(cluster: Cluster, session: string): Promise<void> {
  await cluster.node('node-1').process.untilLine('its removal', (line) => line.includes('session.removed') && line.includes(session));
}
