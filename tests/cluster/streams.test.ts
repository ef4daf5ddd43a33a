/**
 * Kills a full byte stream from a session to a client at each hop: both ends learn of it, and
 * nothing stays open.
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { buildTestGuest } from '../streams/build-guest.ts';
import { docker } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';

const TOLD_WITHIN_MS = 2_000;
const MIB = 1024 * 1024;

const portOf = async (cluster: Cluster) => Number((await cluster.controller.untilEvent('streams.served')).port);

async function endless(
  cluster: Cluster,
  session: string,
): Promise<{ readonly response: IncomingMessage; readonly closed: Promise<void>; leave(): void }> {
  const request = get({ host: '127.0.0.1', port: await portOf(cluster), path: `/${session}/endless`, agent: false });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => response.once('close', () => resolve()));
  return { response, closed, leave: () => request.destroy() };
}

async function controllerSays(cluster: Cluster): Promise<{ readonly open: number; readonly rss: number }> {
  const response = await fetch(`http://127.0.0.1:${await portOf(cluster)}/open`);
  return (await response.json()) as { open: number; rss: number };
}

/** Resolves to the milliseconds until the condition holds. */
async function until(holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<number> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limitMs) throw new Error(`the condition did not hold within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - began;
}

const openSockets = (cluster: Cluster, node: string) => {
  const { pid } = cluster.node(node).process;
  return readdirSync(`/proc/${pid}/fd`).length;
};

t.test('a stream killed at any hop ends on both sides and leaves nothing open', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }], program: 'tests/streams/controller.ts' });
  const node = cluster.node('node-1');
  const installed = join(node.dataDirectory, 'guest');
  for (const version of readdirSync(installed)) await buildTestGuest(join(installed, version, 'guest.mjs'));
  const session = await cluster.rest.createSession();
  const flowing = async () => {
    const stream = await endless(cluster, session.id);
    await once(stream.response, 'data');
    return stream;
  };

  // The client does not read: each process buffers one window, however much there is to send.
  const idle = await flowing();
  idle.response.pause();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = (await controllerSays(cluster)).rss;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const after = (await controllerSays(cluster)).rss;
  t.ok(after - before < 8 * MIB, `the controller grew by ${Math.round((after - before) / 1024)} KiB while the client did not read`);
  const sockets = openSockets(cluster, 'node-1');
  idle.leave();
  t.ok(
    (await until(async () => (await controllerSays(cluster)).open === 0)) < TOLD_WITHIN_MS,
    'the stream ended when the client disconnected',
  );
  await until(() => openSockets(cluster, 'node-1') < sockets);
  t.pass('the node agent closed the connection of the guest');

  const withoutNode = await flowing();
  withoutNode.response.resume();
  const began = performance.now();
  await node.kill();
  await withoutNode.closed;
  t.ok(performance.now() - began < TOLD_WITHIN_MS, 'the stream ended when the node agent was killed');
  t.equal((await controllerSays(cluster)).open, 0);
  await cluster.restartNode('node-1');
  await until(async () => (await cluster.rest.session(session.id)).state === 'idle');

  const withoutGuest = await flowing();
  withoutGuest.response.resume();
  const killed = performance.now();
  await docker.getContainer((await cluster.rest.session(session.id)).container_id ?? '').kill();
  await withoutGuest.closed;
  t.ok(performance.now() - killed < TOLD_WITHIN_MS, 'the stream ended when the container was killed');
  t.equal((await controllerSays(cluster)).open, 0);
  await until(async () => (await cluster.rest.session(session.id)).state === 'idle', 30_000);

  const withoutController = await flowing();
  withoutController.response.resume();
  const open = openSockets(cluster, 'node-1');
  await cluster.controller.end('SIGKILL');
  await withoutController.closed;
  t.ok(
    (await until(() => openSockets(cluster, 'node-1') < open)) < TOLD_WITHIN_MS,
    'the guest closed the stream when the controller was killed',
  );
  await cluster.startController();
  await until(async () => (await cluster.rest.session(session.id)).state === 'idle', 30_000);

  const last = await flowing();
  last.response.resume();
  const ended = performance.now();
  await cluster.rest.call('DELETE', `/sessions/${session.id}`);
  await last.closed;
  t.ok(performance.now() - ended < TOLD_WITHIN_MS, 'the stream ended when the session was deleted');
  t.equal((await controllerSays(cluster)).open, 0);
});
