/** Logs of builds, from a node that sends them over byte streams to files and readers. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { BuildId, NodeId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { BuildLogs, MAX_STORED_BYTES } from '../../../../controller/services/builds/build-logs.ts';
import { beyondBounds } from '../../../../controller/services/builds/log-store.ts';
import { shownLog } from '../../../../controller/services/builds/shown-log.ts';
import { OfferedStreams } from '../../../../controller/services/streams/offered-streams.ts';
import { buildLogFiles } from '../../../../controller/store/files/build-log-files.ts';
import { LogSenders } from '../../../../node-agent/builds/log-senders.ts';
import { isAttempt } from '../../../../proto/streams/build-log.ts';
import type { StreamFrame, StreamLink } from '../../../../proto/streams/stream-frame.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock, systemDisk, systemRandom } from '../../../../seams/system.ts';
import { NODE, openCore, silent } from '../core.ts';

const never = new AbortController().signal;

/** Two ends of a connection, in memory. */
function joined(): readonly [StreamLink, StreamLink] {
  const ends = [0, 1].map(() => ({ take: (_: StreamFrame) => {}, closed: (_?: Error) => {}, isClosed: false }));
  const link = (own: 0 | 1): StreamLink => ({
    send(frame) {
      const other = ends[1 - own];
      setImmediate(() => other?.isClosed === false && other.take(frame));
      return true;
    },
    onMessage(listener) {
      const end = ends[own];
      if (end) end.take = listener;
    },
    onDrain: () => undefined,
    onClose(listener) {
      const end = ends[own];
      if (end) end.closed = listener;
    },
    close() {
      setImmediate(() => {
        for (const end of ends) {
          if (!end.isClosed) end.closed();
          end.isClosed = true;
        }
      });
    },
    pause: () => undefined,
    resume: () => undefined,
  });
  return [link(0), link(1)];
}

async function world(t: Test, directory?: string) {
  const path = directory ?? (await mkdtemp(join(tmpdir(), 'raworc-logs-')));
  const core = await openCore();
  const streams = new OfferedStreams(systemRandom);
  const store = await buildLogFiles(path, systemDisk);
  const refused: { now: unknown } = { now: undefined };
  const { view } = core.store;
  const rows: BuildRow[] = [];
  const change = (row: BuildRow) =>
    core.applier.apply({ name: 'change', decide: () => ({ mutations: [put('builds', row)], events: [], result: undefined }) });
  const remove = (id: string) =>
    core.applier.apply({
      name: 'remove',
      decide: () => ({ mutations: [{ kind: 'remove', table: 'builds', id }], events: [], result: undefined }),
    });
  const build = async (name: string): Promise<BuildRow> => {
    const row: BuildRow = {
      ...{ id: name as BuildId, spaceId: 'space' as SpaceId, status: 'building', image: `i:${name}`, imageId: null, baseImage: 'base' },
      ...{ agents: [], unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: 1, completedAt: null, createdBy: 'admin' },
    };
    rows.push(row);
    await change(row);
    return row;
  };
  const ended = (row: BuildRow) => change({ ...row, status: 'completed', completedAt: 2 });
  const logs = new BuildLogs({
    ...{ store, streams, view, applier: core.applier, clock: systemClock, log: silent, metrics: silentMetrics },
    refusal: () => refused.now,
  });
  const links: StreamLink[] = [];
  const sender = () =>
    new LogSenders({
      ...{ clock: systemClock, random: systemRandom, log: silent },
      dialer: {
        async stream() {
          const [near, far] = joined();
          links.push(near);
          far.onMessage((frame) => {
            if (frame.kind !== 'open' || !streams.accept(NODE as NodeId, frame.ticket, far)) far.close();
          });
          return near;
        },
      } as never,
    });
  const text = async (row: BuildRow, follow = false) => {
    const lines: string[] = [];
    for await (const some of logs.lines(row, follow, never)) for (const one of some) if (!isAttempt(one)) lines.push(one.line);
    return lines;
  };
  const close = async () => {
    await logs.close();
    core.close();
  };
  t.teardown(async () => {
    await close().catch(() => undefined);
    await rm(path, { recursive: true, force: true });
  });
  return { build, ended, change, remove, logs, sender, text, links, path, refused, view, streams };
}

t.test('a log is followed while the build runs, and read afterwards', async (t) => {
  const { build, ended, logs, sender, text, view } = await world(t);
  const row = await build('b1');
  const node = sender();
  const log = node.begin('b1');
  node.send('b1', logs.ticket(row, NODE));
  const shown: string[] = [];
  const first = Promise.withResolvers<void>();
  const following = (async () => {
    for await (const lines of shownLog({ view, logs, row, seesNodes: true, follow: true }, never)) {
      shown.push(...lines.map(({ line, stage }) => `${stage ?? '-'} ${line}`));
      if (shown.includes('install one')) first.resolve();
    }
  })();
  log.stage('install');
  log.print('one');
  await first.promise;
  log.print('two');
  node.ended('b1', true);
  await ended(row);
  await following;
  const expected = ['- Queued with no agents.', `- Assigned to the node ${view.get('nodes', NODE)?.name ?? NODE}.`];
  t.strictSame(shown, [...expected, 'install one', 'install two', '- Completed as i:b1.']);
  t.strictSame(await text(row), ['one', 'two']);
  t.equal(node.has('b1'), false, 'the node keeps nothing of what the controller has');
});

t.test('after a lost connection and a restart of the controller, no line is missing and none is there twice', async (t) => {
  const first = await world(t);
  const row = await first.build('b1');
  const node = first.sender();
  const log = node.begin('b1');
  node.send('b1', first.logs.ticket(row, NODE));
  for (let at = 0; at < 500; at += 1) log.print(`line ${at}`);
  const reached = async (world: typeof first, count: number) => {
    while ((await world.text(row)).length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  await reached(first, 500);
  first.links.at(-1)?.close();
  for (let at = 500; at < 600; at += 1) log.print(`line ${at}`);
  node.send('b1', first.logs.ticket(row, NODE));
  await reached(first, 600);
  await first.logs.close();
  const second = await world(t, first.path);
  await second.build('b1');
  // The same node, over a link to the new process.
  Object.assign(first.streams, { accept: second.streams.accept.bind(second.streams) });
  node.send('b1', second.logs.ticket(row, NODE));
  log.print('last');
  node.ended('b1', true);
  await second.ended(row);
  t.strictSame(await second.text(row, true), [...Array.from({ length: 600 }, (_, at) => `line ${at}`), 'last']);
});

t.test('a build that begins again appends, and says so', async (t) => {
  const { build, ended, logs, sender, view } = await world(t);
  const row = await build('b1');
  for (const word of ['one', 'two']) {
    const node = sender();
    const log = node.begin('b1');
    node.send('b1', logs.ticket(row, NODE));
    log.print(word);
    node.ended('b1', true);
    for (;;) {
      const lines: string[] = [];
      for await (const some of logs.lines(row, false, never)) lines.push(...some.map((one) => JSON.stringify(one)));
      if (lines.some((line) => line.includes(word))) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await ended(row);
  const shown: string[] = [];
  for await (const lines of shownLog({ view, logs, row, seesNodes: false, follow: true }, never))
    shown.push(...lines.map(({ line }) => line));
  t.strictSame(shown, ['Queued with no agents.', 'one', 'The build began again.', 'two', 'Completed as i:b1.']);
});

t.test('what is stored of one build is bounded, whatever its node sends, and the end says so', async (t) => {
  const { build, ended, logs, sender, text, path } = await world(t);
  const row = await build('b1');
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const node = sender();
    const log = node.begin('b1');
    for (let at = 0; at < 3000; at += 1) log.print('x'.repeat(400));
    node.ended('b1', true);
    node.send('b1', logs.ticket(row, NODE));
    while (node.has('b1')) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended(row);
  const [file = ''] = await readdir(path);
  t.match(file, /b1/);
  const lines = await text(row, true);
  t.ok(lines.join('\n').length < MAX_STORED_BYTES);
  t.match(lines.at(-1), /the rest is not stored/);
});

t.test('while the disk is nearly full, nothing is stored', async (t) => {
  const { build, ended, logs, sender, text, refused } = await world(t);
  refused.now = { code: 'UNAVAILABLE' };
  const row = await build('b1');
  const node = sender();
  node.begin('b1').print('one');
  node.ended('b1', true);
  node.send('b1', logs.ticket(row, NODE));
  await ended(row);
  t.match(await text(row, true), [/nearly full/]);
});

t.test('the log goes with its build', async (t) => {
  const { build, ended, remove, logs, sender, text, path } = await world(t);
  const row = await build('b1');
  const node = sender();
  node.begin('b1').print('one');
  node.ended('b1', true);
  node.send('b1', logs.ticket(row, NODE));
  await ended(row);
  t.strictSame(await text(row, true), ['one']);
  await remove('b1');
  while ((await readdir(path)).length > 0) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(await text(row, true), []);
});

t.test('a node without the ticket, or that no longer needs it, adds nothing', async (t) => {
  const { build, logs, sender, text, streams } = await world(t);
  const row = await build('b1');
  const old = logs.ticket(row, NODE);
  logs.ticket(row, NODE);
  const node = sender();
  node.begin('b1').print('one');
  node.send('b1', old);
  node.send('b1', 'no-ticket');
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(await text(row), []);
  t.equal(streams.openTo(NODE), 1, 'the newest ticket is still valid');
});

t.test('the oldest logs go first, of each space and of all', (t) => {
  const log = (spaceId: string, buildId: string, bytes: number, atMs: number) => ({ spaceId, buildId, bytes, atMs });
  const bounds = { spaceBytes: 10, spaceLogs: 3, allBytes: 20 };
  const names = (logs: readonly { buildId: string }[]) => logs.map(({ buildId }) => buildId);
  t.strictSame(names(beyondBounds([log('s', 'a', 6, 1), log('s', 'b', 6, 2)], () => false, bounds)), ['a']);
  t.strictSame(names(beyondBounds([log('s', 'a', 6, 1), log('s', 'b', 6, 2)], (id) => id === 'a', bounds)), [], 'not one that grows');
  t.strictSame(
    names(
      beyondBounds(
        [1, 2, 3, 4].map((at) => log('s', `b${at}`, 1, at)),
        () => false,
        bounds,
      ),
    ),
    ['b1'],
  );
  t.strictSame(
    names(
      beyondBounds(
        ['a', 'b', 'c'].map((space, at) => log(space, space, 9, at)),
        () => false,
        bounds,
      ),
    ),
    ['a'],
  );
  t.end();
});
