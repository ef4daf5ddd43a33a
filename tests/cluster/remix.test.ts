import { join } from 'node:path';
import t, { type Test } from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { containersOf, docker, recordContainerEvents } from './docker.ts';
import { Follower } from './follow.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect } from './rest.ts';
import { untilRows } from './rows.ts';
import { sessionShape } from './shapes.ts';

/** Answers with its id, its memory and its files. */
const AGENT = `
import hashlib, os

FILE = "/session/workspace/deep/file"
BIG = "/session/workspace/big"
memory = None

def process_message(message, context):
    global memory
    word, _, rest = message.partition(" ")
    if word == "remember":
        memory = rest
    if word == "write":
        os.makedirs(os.path.dirname(FILE), exist_ok=True)
        with open(FILE, "w") as file:
            file.write(rest)
        os.chmod(FILE, 0o640)
        if not os.path.lexists("/session/workspace/link"):
            os.symlink("/etc/passwd", "/session/workspace/link")
    if word == "grow":
        with open(BIG, "wb") as big:
            for _ in range(int(rest)):
                big.write(os.urandom(2 ** 20))
    text = open(FILE).read() if os.path.exists(FILE) else None
    mode = oct(os.stat(FILE).st_mode) if text is not None else None
    big = hashlib.sha256(open(BIG, "rb").read()).hexdigest() if os.path.exists(BIG) else None
    link = os.readlink("/session/workspace/link") if os.path.lexists("/session/workspace/link") else None
    owned = all(os.lstat(path).st_uid == os.getuid() for path in (FILE, BIG, os.path.dirname(FILE)) if os.path.lexists(path))
    me = os.environ["RAWORC_SESSION_ID"]
    return f"me={me} pid={os.getpid()} memory={memory} text={text} mode={mode} uid={os.getuid()} owned={owned} link={link} big={big}"
`;

const said = (content: string, what: string) => new RegExp(`${what}=(\\S+)`).exec(content)?.[1];
const volume = (id: string) => `raworc_session_data_${id}`;

t.setTimeout(240_000);
t.test('remix in Docker', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 32 }] });
  const { rest } = cluster;
  await deploy(rest, 'keeper', await writeAgent(join(cluster.directory, 'keeper'), { 'main.py': AGENT }));
  const remix = async (id: string, wait = '?wait=60s') =>
    sessionShape.parse(expect(await rest.call('POST', `/sessions/${id}/remix${wait}`, {}), 201, 'remix'));
  const isCopyOf = async (t: Test, id: string, of: string) => {
    const { reply } = await rest.say(id, 'who are you?');
    t.equal(said(reply.content, 'me'), id, 'an identity of its own');
    t.equal(said(reply.content, 'memory'), 'None', 'and not what the parent has in memory');
    t.not(said(reply.content, 'uid'), said(of, 'uid'), 'a user of its own');
    t.equal(said(reply.content, 'owned'), 'True', 'whose files they are');
    for (const what of ['text', 'mode', 'link', 'big']) t.equal(said(reply.content, what), said(of, what), what);
  };
  const noCopiers = async (t: Test) => t.same(await copiers(cluster), [], 'what copied is gone');

  const parent = await rest.createSession();
  await rest.say(parent.id, 'remember milk');
  await rest.say(parent.id, 'grow 150');
  const { reply: before } = await rest.say(parent.id, 'write eggs');
  t.match(before.content, /text=eggs mode=0o100640 .*link=\/etc\/passwd big=[0-9a-f]{64}/);

  await t.test('a running session: all files are copied, and the parent continues', async (t) => {
    const life = await Follower.of(rest, parent.id);
    t.teardown(() => life.close());
    const copying = remix(parent.id);
    const meanwhile = await rest.say(parent.id, 'are you there?');
    t.equal(said(meanwhile.reply.content, 'pid'), said(before.content, 'pid'), 'the same process answers');
    t.equal(said(meanwhile.reply.content, 'memory'), 'milk');
    const copy = await copying;
    t.match(copy, { state: 'idle', parent_session_id: parent.id });
    await isCopyOf(t, copy.id, before.content);
    t.match(await rest.session(parent.id), { state: 'idle', settled: true, container_id: parent.container_id });
    await rest.say(copy.id, 'write bacon');
    t.equal(said((await rest.say(parent.id, 'and now?')).reply.content, 'text'), 'eggs', 'neither sees what the other writes');
    await noCopiers(t);
    await rest.removeSession(copy.id);
  });

  await t.test('kill -9 of node agent and copier during a copy: the parent continues, and the copy is complete', async (t) => {
    const { seen, stop } = await recordContainerEvents(cluster.id);
    t.teardown(stop);
    const begun = copierBegins(cluster);
    const asked = await remix(parent.id, '');
    const copier = await begun;
    await cluster.node('node-1').kill();
    await docker
      .getContainer(copier)
      .kill()
      .catch(() => undefined);
    t.equal(await stateOf(parent.container_id ?? ''), 'paused', 'the parent is frozen');
    t.notOk(
      (await containersOf(cluster.id)).some(({ session }) => session === asked.id),
      'nothing runs on half a copy',
    );
    await cluster.restartNode('node-1');
    const answer = await rest.say(parent.id, 'still there?');
    t.equal(said(answer.reply.content, 'pid'), said(before.content, 'pid'), 'the same process answers');
    expect(await rest.call('POST', `/sessions/${asked.id}/resume?wait=60s`), 200, 'wait for the copy');
    await isCopyOf(t, asked.id, before.content);
    await noCopiers(t);
    t.equal(seen.filter(({ action, container }) => action === 'start' && container === parent.container_id).length, 0);
    await rest.removeSession(asked.id);
  });

  await t.test('kill -9 of the node agent once everything was read: the copier finishes, and its copy is used', async (t) => {
    const begun = copierBegins(cluster);
    const asked = await remix(parent.id, '');
    const copier = await begun;
    const log = await docker.getContainer(copier).logs({ follow: true, stdout: true });
    for await (const line of log) if (String(line).includes('copied')) break;
    await cluster.node('node-1').kill();
    await docker.getContainer(copier).wait();
    await cluster.restartNode('node-1');
    expect(await rest.call('POST', `/sessions/${asked.id}/resume?wait=60s`), 200, 'wait for the copy');
    await isCopyOf(t, asked.id, before.content);
    t.equal(said((await rest.say(parent.id, 'still there?')).reply.content, 'pid'), said(before.content, 'pid'));
    await noCopiers(t);
    await rest.removeSession(asked.id);
  });

  await t.test('a suspended session that is deleted at once: its volume stays until it is copied', async (t) => {
    expect(await rest.call('POST', `/sessions/${parent.id}/suspend`), 200, 'suspend');
    const life = await Follower.of(rest, parent.id);
    await life.settled('suspended');
    life.close();
    const asked = await remix(parent.id, '');
    await rest.removeSession(parent.id);
    expect(await rest.call('POST', `/sessions/${asked.id}/resume?wait=60s`), 200, 'wait for the copy');
    await isCopyOf(t, asked.id, before.content);
    await untilRows('the parent’s disk to be gone', cluster.databaseFile, () => !cluster.disks().includes(volume(parent.id)));
    t.same(cluster.disks(), [volume(asked.id)], 'the parent’s is gone in the end');
    await noCopiers(t);
  });
});

async function copiers(cluster: Cluster): Promise<string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`raworc.cluster=${cluster.id}`, 'raworc.copy'] } });
  return found.map(({ Id }) => Id);
}

const stateOf = async (container: string): Promise<string> => (await docker.getContainer(container).inspect()).State.Status;

/** Resolves to the next copier's container, once it is to start. */
async function copierBegins(cluster: Cluster): Promise<string> {
  const stop = new AbortController();
  const label = [`raworc.cluster=${cluster.id}`, 'raworc.copy'];
  const events = await docker.getEvents({ filters: { type: ['container'], event: ['attach'], label }, abortSignal: stop.signal });
  try {
    for await (const line of events) return JSON.parse(String(line)).Actor.ID;
    throw new Error('the events ended');
  } finally {
    stop.abort();
  }
}
