/**
 * Three nodes with short-lived certificates: each process is killed and restarted, and the
 * controller stays away for longer than a certificate is valid. RAWORC_SIZE=long: certificates of
 * 60 s, for ten minutes, with the controller away for five.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { z } from 'zod';
import { scaled } from '../size/scale.ts';
import { deploy, writeAgent } from './agents.ts';
import { docker } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import type { NodeProcess } from './nodes.ts';
import type { Child } from './processes.ts';
import { expect } from './rest.ts';

const LIFE_S = scaled({ short: 8, long: 60 });
const AWAY_MS = scaled({ short: 12_000, long: 300_000 });
const RENEWALS = scaled({ short: 2, long: 7 });
const NODES = ['node-1', 'node-2', 'node-3'];
/** One session per node, since none has room for two. */
const MEMORY_BYTES = 700 * 2 ** 20;

const AGENT = `
import os
def process_message(message, context):
    return f"{message} {os.getpid()}"
`;

const count = (child: Child, event: string) => child.lines.filter((line) => line.includes(`"${event}"`)).length;

/** Resolves once the process has logged it that many times since its start. */
async function untilSaid(child: Child, event: string, times: number): Promise<void> {
  const from = count(child, event);
  let seen = 0;
  await child.untilLine(
    `${times} × ${event}`,
    (line) => {
      if (line === child.lines[0]) seen = 0;
      if (line.includes(`"${event}"`)) seen += 1;
      return seen >= from + times;
    },
    times * LIFE_S * 1000 + 30_000,
  );
}

async function untilReady(cluster: Cluster): Promise<void> {
  for (;;) {
    const nodes = await cluster.rest.nodes();
    if (nodes.length === NODES.length && nodes.every(({ status }) => status === 'ready')) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Properties that stay the same while nobody touches a container. */
async function livesOf(sessions: readonly string[]): Promise<unknown> {
  return Promise.all(
    sessions.map(async (session) => {
      const { Id, State } = await docker.getContainer(`raworc_session_${session}`).inspect();
      return { Id, StartedAt: State.StartedAt, Pid: State.Pid, Running: State.Running };
    }),
  );
}

const eventShape = z.object({ type: z.string(), n: z.number() });

/** Counts events by type. */
function eventsLike(databaseFile: string, pattern: string): unknown {
  const database = new Database(databaseFile, { readonly: true });
  try {
    const query = database.prepare('select type, count(*) n from events where type like ? group by type order by type');
    return z.array(eventShape).parse(query.all(pattern));
  } finally {
    database.close();
  }
}

const keyOf = (node: NodeProcess) => readFileSync(join(node.dataDirectory, 'node.key'), 'utf8');

t.setTimeout(scaled({ short: 300_000, long: 1_200_000 }));
t.test('certificates are renewed in time, whichever process is away, and no session is touched', async (t) => {
  const cluster = await startCluster(t, {
    nodes: NODES.map((name) => ({ name, memoryBytes: MEMORY_BYTES })),
    env: { RAWORC_NODE_CERT_LIFE_S: String(LIFE_S) },
  });
  const { rest } = cluster;
  await deploy(rest, 'echo', await writeAgent(join(cluster.directory, 'echo'), { 'main.py': AGENT }));
  const sessions: string[] = [];
  for (const _ of NODES) {
    const session = await rest.createSession({ resources: { requests: { memory_bytes: 400 * 2 ** 20 } } });
    sessions.push(session.id);
  }
  const said = await Promise.all(sessions.map((id) => rest.say(id, 'before')));
  const before = await livesOf(sessions);
  const eventsBefore = eventsLike(cluster.databaseFile, 'session.%');
  const keys = NODES.map((name) => keyOf(cluster.node(name)));

  await Promise.all(NODES.map((name) => untilSaid(cluster.node(name).process, 'certificate.renewed', RENEWALS)));
  await untilReady(cluster);
  t.pass(`each node renewed ${RENEWALS} times`);
  t.ok(count(cluster.controller, 'node.certificate_renewed') >= NODES.length * RENEWALS, 'and the controller says so');
  t.same(eventsLike(cluster.databaseFile, 'node.unreachable'), [], 'no node is away while it moves to its new stream');

  for (const name of NODES) {
    await cluster.node(name).kill('SIGKILL');
    await cluster.restartNode(name);
  }
  await untilReady(cluster);
  t.same(await livesOf(sessions), before, 'after each node agent was killed');

  // Killed as well while it is away: it comes back with an expired certificate and a token that was
  // used.
  await cluster.controller.end('SIGKILL');
  const awayUntil = Date.now() + AWAY_MS;
  await Promise.all(NODES.map((name) => cluster.node(name).process.untilEvent('certificate.expired', AWAY_MS + 30_000)));
  await cluster.node('node-2').kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, awayUntil - Date.now())));
  await cluster.startController();
  await cluster.restartNode('node-2');
  await untilReady(cluster);
  t.same(await livesOf(sessions), before, 'after the controller was away for longer than a certificate lives');
  await Promise.all(NODES.map((name) => untilSaid(cluster.node(name).process, 'certificate.renewed', 1)));

  await untilReady(cluster);
  t.same(await livesOf(sessions), before);
  t.same(eventsLike(cluster.databaseFile, 'session.%'), eventsBefore, 'nothing was said of any session');
  t.same(
    NODES.map((name) => keyOf(cluster.node(name))),
    keys,
    'the keys stayed',
  );
  for (const [at, id] of sessions.entries()) {
    const { reply } = await rest.say(id, 'before');
    t.same(reply?.content, said[at]?.reply?.content, 'the same process answers');
  }

  // Somebody puts a stop to one of them.
  t.match(await rest.call('DELETE', '/nodes/node-3'), { status: 409, body: { error: { message: /has the files of 1 session/ } } });
  expect(await rest.call('DELETE', '/nodes/node-3?lost=true'), 204, 'remove the node');
  await cluster.controller.untilLine('the alarm', (line) => line.includes('"node.alarm"') && line.includes('"level":"error"'), 60_000);
  const removed = cluster.node('node-3').process;
  await removed.untilLine('the reason', (line) => /The node node-3 was removed/.test(line), 60_000);
  t.match(await rest.call('GET', '/nodes/node-3'), { status: 404 });
  t.equal(cluster.controller.lines.filter((line) => line.includes('"node.alarm"')).length, 1, 'told once');
  const ofNode = async (name: string) =>
    (await Promise.all(sessions.map((id) => rest.session(id)))).find(({ node }) => node === name)?.id ?? '';
  const gone = await ofNode('node-3');
  await removed.untilLine('its end', (line) => line.includes('"node.ended"') && line.includes('"removed"'), 60_000);
  await t.rejects(docker.getContainer(`raworc_session_${gone}`).inspect(), /no such container/i, 'it stops what is not its own any more');
  const kept = sessions.filter((id) => id !== gone);
  t.same(
    await livesOf(kept),
    (before as unknown[]).filter((_, at) => sessions[at] !== gone),
    'and nobody else stops anything',
  );
});
