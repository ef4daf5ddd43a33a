import { join } from 'node:path';
import t from 'tap';
import { deploy, writeAgent } from './agents.ts';
import { containersOf } from './docker.ts';
import { startCluster } from './harness.ts';

const AGENT = `
def process_message(message, context):
    with open("/session/state/said", "a+") as said:
        said.write(message + "\\n")
        said.seek(0)
        return said.read()
`;

t.setTimeout(240_000);
t.test('a shutdown of the cluster removes containers and keeps volumes, and the session continues after a restart', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }, { name: 'node-2' }] });
  const { rest } = cluster;
  await deploy(rest, 'diary', await writeAgent(join(cluster.directory, 'diary'), { 'main.py': AGENT }));
  const sessions = await Promise.all([rest.createSession(), rest.createSession()]);
  for (const { id } of sessions) await rest.say(id, 'before');
  const volumes = cluster.disks();
  t.equal(volumes.length, 2);

  t.equal(await cluster.controller.end('SIGTERM'), 'code 0');
  const ends = await Promise.all(['node-1', 'node-2'].map((name) => cluster.node(name).process.ended()));
  t.same(ends, ['code 0', 'code 0'], 'the node agents have ended by themselves');
  t.same(await containersOf(cluster.id), [], 'no container is left');
  t.same(cluster.disks(), volumes, 'every volume is');
  t.same(cluster.node('node-1').socketDirectories(), []);

  await cluster.startController();
  await Promise.all(['node-1', 'node-2'].map((name) => cluster.restartNode(name)));
  for (const { id } of sessions) {
    const { reply } = await rest.say(id, 'after');
    t.equal(reply.content.trim(), 'before\nafter', 'the file that the agent wrote is still there');
    t.equal(reply.metadata.type, 'agent_response');
  }
  t.same(cluster.disks(), volumes);
});
