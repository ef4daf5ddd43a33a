import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { expect } from '../cluster/rest.ts';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import { SizedController } from './controller.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const MIB = 1024 ** 2;
/** More sessions than a node has places for streams that follow logs (128). */
const SESSIONS = scaled({ short: 150, long: 500 });
const LINES = 20;
const AT_ONCE = 16;
/** A client that reads nothing for this long is disconnected. */
const STUCK_MS = 30_000;
/** Small, so that the one node has room for all, also for their limits. */
const resources = { requests: { cpu: 0.001, memory_bytes: 8 * MIB }, limits: { memory_bytes: 48 * MIB } };

/** A reader of followed logs that can stop reading. */
class Follower {
  lines = 0;
  dropped = 0;
  wasCut = false;
  readonly seen = new Set<string>();
  readonly #response: IncomingMessage;
  #wake: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.on('error', () => undefined);
    response.on('close', () => {
      this.wasCut = true;
      this.#wake();
    });
    const reader = createInterface({ input: response });
    // It emits the errors of its input again.
    reader.on('error', () => undefined);
    reader.on('line', (text) => {
      if (!text.startsWith('data: ')) return;
      const { session_id, line, dropped } = JSON.parse(text.slice(6));
      this.dropped += dropped;
      if (line === undefined) return this.#wake();
      this.lines += 1;
      this.seen.add(`${session_id} ${line}`);
      this.#wake();
    });
  }

  static async open(t: Test, { url, token }: SizedController, path: string): Promise<Follower> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/api/v0${path}`, { headers: { authorization: `Bearer ${token}` }, agent: false }, resolve).on('error', reject);
    });
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`);
    t.teardown(() => response.destroy());
    return new Follower(response);
  }

  stop(): void {
    this.#response.pause();
  }

  goOn(): void {
    this.#response.resume();
  }

  /** Resolves once so many lines have come or were dropped, or the stream was cut. */
  async until(count: number): Promise<void> {
    while (this.lines + this.dropped < count && !this.wasCut) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

async function inParallel(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

t.test('the logs of many sessions are followed and read, whoever stops reading them', async (t) => {
  const controller = await SizedController.start(t);
  const { rest } = controller;
  await controller.node(t);
  const agent = '/spaces/default/agents/echo';
  const events = await rest.watch('/events');
  expect(await rest.call('POST', '/spaces/default/agents', { name: 'echo' }), 201, 'create');
  expect(await rest.send('PUT', `${agent}/source`, new Uint8Array(await archiveOf([main])), 'application/gzip'), 201, 'upload');
  expect(await rest.call('POST', `${agent}/deploy`), 200, 'deploy');
  while ((await rest.latestBuild()).status !== 'completed') await events.until('a build goes on', ({ type }) => type === 'build.state');
  events.close();
  const sessions: string[] = [];
  await inParallel(SESSIONS, async (at) => {
    const made = expect(await rest.call('POST', '/sessions?wait=20s', { name: `s-${at}`, resources }), 201, 'create') as { id: string };
    sessions.push(made.id);
  });

  const reader = await Follower.open(t, controller, '/spaces/default/logs?follow=true');
  const stuck = await Follower.open(t, controller, '/spaces/default/logs?follow=true');
  stuck.stop();
  const stoppedAt = performance.now();
  const text = 'x'.repeat(4_000);
  const printed = Array.from({ length: LINES }, (_, line) => `${line} ${text}`);
  const startedAt = performance.now();
  let mostStreams = 0;
  await inParallel(SESSIONS, async (at) => {
    expect(
      await rest.call('POST', `/sessions/${sessions[at]}/messages?wait=60s`, { content: `print ${printed.join('\n')}` }),
      201,
      'print',
    );
    if (at % 20 === 0) mostStreams = Math.max(mostStreams, await controller.metric('byte_streams_open'));
  });
  const total = SESSIONS * LINES;
  await reader.until(total);
  t.comment(`${total} lines of 4 KB in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${reader.dropped} dropped`);
  t.equal(reader.lines + reader.dropped, total, 'each line came, or is counted');
  t.equal(reader.seen.size, reader.lines, 'and none came twice');
  t.ok(mostStreams <= 128 + 16, `${mostStreams} byte streams at most`);
  t.ok((await controller.metric('streams_unsent_bytes')) <= MIB, 'little is kept for who does not read');

  const stoppedMs = performance.now() - stoppedAt;
  stuck.goOn();
  await stuck.until(total);
  t.equal(stuck.seen.size, stuck.lines);
  if (stuck.wasCut) t.ok(stoppedMs > STUCK_MS, `who read nothing for ${Math.round(stoppedMs / 1000)} s was disconnected`);
  else {
    t.equal(stuck.lines + stuck.dropped, total);
    t.ok(stuck.dropped > 0, `who stopped got ${stuck.lines} lines, and learns of ${stuck.dropped} that it lost`);
  }

  const { logs, unread_sessions } = expect(await rest.call('GET', '/spaces/default/logs?limit=10000'), 200, 'read') as {
    readonly logs: readonly { readonly timestamp: string; readonly line: string }[];
    readonly unread_sessions: number;
  };
  // A slow machine cannot read them all within the time limit of one answer.
  t.ok(unread_sessions < SESSIONS, `${unread_sessions} sessions did not answer in time`);
  t.ok(logs.length > 900 && logs.reduce((sum, { line }) => sum + line.length, 0) <= 4 * MIB, `${logs.length} of the newest lines`);
  t.same(
    logs.map(({ timestamp }) => timestamp),
    logs.map(({ timestamp }) => timestamp).toSorted(),
    'oldest first',
  );
  t.ok((await controller.peakBytes()) < 1024 * MIB);
});
