/** Slots on Docker: what a session takes that was started ahead of need, and what becomes of slots when something ends. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { deploy, packDirectory, writeAgent } from './agents.ts';
import { containersOf, docker } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { expect } from './rest.ts';
import { untilRows } from './rows.ts';
import { sessionShape } from './shapes.ts';

const agent = (version: string) => `
import os, time
loaded = time.time()

def process_message(message, context):
    return f"version=${version} loaded={loaded} pid={os.getpid()} me={os.environ['RAWORC_SESSION_ID']}"
`;

interface Slot {
  readonly id: string;
  readonly phase: string;
  readonly image: string;
}

function slotsOf({ databaseFile }: Cluster): Slot[] {
  const database = new Database(databaseFile, { readonly: true });
  try {
    return database.prepare<[], Slot>('select id, phase, image from slots order by created_at').all();
  } finally {
    database.close();
  }
}

t.setTimeout(240_000);
t.test('slots in Docker', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', cpuMillis: 8000, memoryBytes: 2 ** 33 }] });
  const { rest } = cluster;
  const source = (version: string) => writeAgent(join(cluster.directory, `agent-${version}`), { 'main.py': agent(version) });
  await deploy(rest, 'teller', await source('one'));
  const ask = async (slots: object) => expect(await rest.call('PUT', '/spaces/default', { settings: { slots } }), 200, 'ask for slots');
  const ready = async (count: number) => {
    const all = () => slotsOf(cluster).filter(({ phase }) => phase === 'running');
    await untilRows(`${count} slots`, cluster.databaseFile, () => all().length === count && slotsOf(cluster).length === count, 60_000);
    return all();
  };
  const containers = async () => (await containersOf(cluster.id)).map(({ session }) => session).toSorted();
  await ask({ min: 2 });
  let slots = await ready(2);

  await t.test('a session takes one, with the process of its agent, and nobody sees those that are left', async (t) => {
    t.same(await containers(), slots.map(({ id }) => id).toSorted());
    for (const { id } of slots) t.equal((await rest.call('GET', `/sessions/${id}`)).status, 404);
    const askedAt = Date.now() / 1000;
    const session = await rest.createSession();
    t.equal(session.id, slots[0]?.id);
    const { reply } = await rest.say(session.id, 'hello');
    t.match(reply.content, new RegExp(`me=${session.id}`));
    t.ok(Number(/loaded=(\S+)/.exec(reply.content)?.[1]) < askedAt, 'its agent was there before it');
    const listed = expect(await rest.call('GET', '/sessions'), 200, 'list sessions');
    t.match(listed, [{ id: session.id }]);
    t.equal((listed as unknown[]).length, 1);
    await rest.removeSession(session.id);
    slots = await ready(2);
  });

  await t.test('a node agent that dies between claim and acknowledgement finds the claim when it is back', async (t) => {
    const { process: child } = cluster.node('node-1');
    child.signal('SIGSTOP');
    const session = sessionShape.parse(expect(await rest.call('POST', '/sessions', {}), 201, 'create a session'));
    t.match(session, { id: slots[0]?.id, state: 'init' });
    const before = (await containersOf(cluster.id)).find((one) => one.session === session.id)?.id;
    await cluster.node('node-1').kill();
    await cluster.restartNode('node-1');
    await untilRows('the session to be up', cluster.databaseFile, () => isUp(cluster, session.id));
    t.equal((await containersOf(cluster.id)).find((one) => one.session === session.id)?.id, before, 'the same container');
    await rest.removeSession(session.id);
    slots = await ready(2);
  });

  await t.test('a slot whose container is gone is no worse than a cold start', async (t) => {
    const [slot] = slots;
    const { process: child } = cluster.node('node-1');
    child.signal('SIGSTOP');
    await docker.getContainer(`raworc_session_${slot?.id}`).remove({ force: true });
    const created = rest.createSession();
    child.signal('SIGCONT');
    const { id } = await created;
    t.match((await rest.say(id, 'hello')).reply.content, new RegExp(`me=${id}`));
    await rest.removeSession(id);
    slots = await ready(2);
  });

  await t.test('a restarted controller keeps them, and a new build replaces them', async (t) => {
    const before = slots.map(({ id }) => id);
    await cluster.controller.end('SIGKILL');
    await cluster.startController();
    t.same(
      (await ready(2)).map(({ id }) => id),
      before,
    );
    const two = await packDirectory(await source('two'));
    expect(await rest.send('PUT', '/spaces/default/agents/teller/source', two, 'application/gzip'), 201, 'upload another version');
    expect(await rest.call('POST', '/spaces/default/agents/teller/deploy'), 200, 'deploy it');
    await untilRows('other slots', cluster.databaseFile, () => !slotsOf(cluster).some(({ id }) => before.includes(id)), 60_000);
    await ready(2);
    const session = await rest.createSession();
    t.match((await rest.say(session.id, 'hello')).reply.content, /version=two/);
    await rest.removeSession(session.id);
  });

  await t.test('without a wish for slots, nothing is left of them', async (t) => {
    await ask({ max: 0 });
    await untilRows('no slots', cluster.databaseFile, () => slotsOf(cluster).length === 0 && tombstones(cluster) === 0, 60_000);
    t.same(await containers(), []);
    t.same(cluster.disks(), []);
  });
});

function isUp({ databaseFile }: Cluster, id: string): boolean {
  return (
    count(databaseFile, `select count(*) as count from sessions where id = '${id}' and phase = 'running' and observed_generation = 2`) === 1
  );
}

const tombstones = ({ databaseFile }: Cluster): number => count(databaseFile, 'select count(*) as count from tombstones');

function count(databaseFile: string, query: string): number {
  const database = new Database(databaseFile, { readonly: true });
  try {
    return database.prepare<[], { count: number }>(query).get()?.count ?? 0;
  } finally {
    database.close();
  }
}
