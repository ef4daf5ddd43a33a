import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { Follower } from './follow.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect } from './rest.ts';

/** Writes the requested amount, or until the disk is full, or makes room again. */
const AGENT = `
import os

def process_message(message, context):
    word, _, rest = message.partition(" ")
    if word == "clear":
        os.remove("ballast")
        return "cleared"
    if word != "write":
        return message
    written = 0
    try:
        with open("ballast", "wb", buffering=0) as ballast:
            while written < int(rest):
                written += ballast.write(bytes(2 ** 20))
    except OSError as error:
        return f"errno={error.errno} written={written}"
    return f"written={written}"
`;
const MIB = 2 ** 20;

const said = (content: string, what: string) => Number(new RegExp(`${what}=(\\d+)`).exec(content)?.[1]);

function logged(cluster: Cluster, event: string): number {
  return cluster.node('node-1').process.lines.filter((line) => line.includes(`"${event}"`)).length;
}

async function prepared(t: Parameters<typeof startCluster>[0], env: Record<string, string>) {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', cpuMillis: 4000, memoryBytes: 2 ** 32, env }] });
  await deploy(cluster.rest, 'writer', await writeAgent(join(cluster.directory, 'writer'), { 'main.py': AGENT }));
  return cluster;
}

t.setTimeout(240_000);
t.test('a session that writes 3 GB with a limit of 1 GiB fills its disk, without effect on others', async (t) => {
  const cluster = await prepared(t, {});
  const { rest } = cluster;
  const [writer, neighbour] = [await rest.createSession(), await rest.createSession()];
  const life = await Follower.of(rest, writer.id);
  await rest.say(neighbour.id, 'hello');
  const writing = rest.say(writer.id, `write ${3 * 2 ** 30}`);
  for (const word of ['are', 'you', 'there?']) t.equal((await rest.say(neighbour.id, word)).reply.content, word);
  const { content } = (await writing).reply;
  t.equal(said(content, 'errno'), 28, content);
  t.ok(said(content, 'written') > 0.97 * 2 ** 30 && said(content, 'written') < 1.03 * 2 ** 30, content);
  const full = await life.next('that its disk is full', ({ type }) => type === 'session.disk_full');
  t.match(full.data, { limit_bytes: 2 ** 30 });
  t.equal((await rest.say(writer.id, 'and now?')).reply.content, 'and now?', 'its guest goes on');
  t.match(await rest.session(writer.id), { state: 'idle' });
  t.equal((await rest.say(writer.id, 'clear')).reply.content, 'cleared');
  await life.next('that it has room again', ({ type }) => type === 'session.disk_room');
  life.close();
  t.equal(logged(cluster, 'session.disk-full'), 1, 'the node agent says it once');
  t.equal(cluster.disks().length, 2);
});

t.test('with measured limits, a session that exceeds its own is stopped with the reason, and can make room', async (t) => {
  const cluster = await prepared(t, { RAWORC_DISK_KIND: 'measured' });
  const { rest } = cluster;
  t.match(expect(await rest.call('GET', '/nodes/node-1'), 200, 'the node'), { conditions: [{ type: 'DiskKind', message: /measured/ }] });
  const writer = await rest.createSession({ resources: { limits: { disk_bytes: 64 * MIB } } });
  const life = await Follower.of(rest, writer.id);
  t.equal(said((await rest.say(writer.id, `write ${80 * MIB}`)).reply.content, 'written'), 80 * MIB);
  t.match(await life.settled('error', 60_000), {
    termination_reason: /^disk_full: its files take up 0\.\d\d GiB, and its limit is 0\.06 GiB/,
  });
  expect(await rest.call('PUT', `/sessions/${writer.id}/state?wait=30s`, { state: 'init' }), 200, 'recover');
  await life.settled('idle');
  t.equal((await rest.say(writer.id, 'clear')).reply.content, 'cleared');
  t.equal((await rest.say(writer.id, 'and now?')).reply.content, 'and now?');
  life.close();
});

t.test('a node with a low disk accepts no sessions or builds, says why, and accepts them again once there is room', async (t) => {
  const cluster = await prepared(t, {});
  const { rest } = cluster;
  const { id } = await rest.createSession();
  await cluster.node('node-1').kill('SIGTERM');
  const options = { ...cluster.node('node-1').options, env: { RAWORC_DISK_LOW_BYTES: String(2 ** 49) } };
  const low = await cluster.startNode(options, true);
  await low.process.untilEvent('node.condition');
  const refused = await rest.call('POST', '/sessions', {});
  t.equal(refused.status, 503, JSON.stringify(refused.body));
  t.match(JSON.stringify(refused.body), /accepts no new sessions: The disk of .* Make room/);
  t.equal((await rest.say(id, 'still there?')).reply.content, 'still there?', 'what runs goes on');
  t.match(expect(await rest.call('GET', '/nodes/node-1'), 200, 'the node'), { conditions: [{ type: 'DiskKind' }, { type: 'DiskLow' }] });
  await low.kill('SIGTERM');
  await cluster.startNode({ ...options, env: {} }, true);
  await rest.createSession();
});
