import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../../../controller/domain/engine/outcome.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { LogNews } from '../../../../controller/domain/events/events.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { Committed } from '../../../../controller/services/engine/applier.ts';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { MAX_OPEN_FEEDS } from '../../../../controller/services/logs/feed-places.ts';
import { FOLLOWERS_AT_FULL_RATE, MAX_BYTES_A_SECOND } from '../../../../controller/services/logs/feed-rate.ts';
import { LogFeeds } from '../../../../controller/services/logs/log-feeds.ts';
import type { LogScope } from '../../../../controller/services/logs/log-scope.ts';
import { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { encodeLogged, type LogRequest } from '../../../../proto/streams/log-stream.ts';
import type { StreamFrame } from '../../../../proto/streams/stream-frame.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { HandClock } from '../../hand-clock.ts';
import { SPACE, silent } from '../core.ts';

const AGENT = { id: 'agent', spaceId: SPACE, name: 'echo' };
const row = (id: string, phase = 'running', nodeId = 'node') =>
  ({
    id,
    spaceId: SPACE,
    nodeId,
    createdById: 'somebody',
    generation: 1,
    desired: 'running',
    phase,
    agents: [AGENT],
  }) as unknown as SessionRow;
const scope = (session?: string): LogScope =>
  ({
    ...{ agent: AGENT, agents: 'all', ownAgents: 'all', space: { id: SPACE, name: 'default' }, stream: 'all', limit: 10 },
    ...(session === undefined ? {} : { session }),
  }) as unknown as LogScope;

/** Sessions whose guests are played by hand. */
function world(t: Test, clock: Clock = systemClock) {
  const rows = new Map<string, SessionRow>();
  const opened: { readonly session: string; readonly request: LogRequest; readonly guest: ByteStream }[] = [];
  const listeners: ((committed: Committed) => void)[] = [];
  const refusals: Outcome<never>[] = [];
  const printed = new Map<string, { readonly line: string; readonly atMs: number }[]>();
  const loops = new Loops({ clock, random: systemRandom, log: silent });
  const feeds = new LogFeeds({
    view: { get: (_table: string, id: string) => rows.get(id) } as unknown as View,
    lists: { sessionsWithLogs: async () => ({ ids: [...rows.keys()] as SessionId[], total: rows.size }) },
    applier: { onCommitted: (listener) => void listeners.push(listener) },
    streams: {
      async start({ id }, { parameters }) {
        const refusal = refusals.shift();
        if (refusal !== undefined) return refusal;
        const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
        const guest = new ByteStream(far, { credit: 65_536, lost: 'node_lost' });
        guest.on('error', () => undefined).resume();
        const request = parameters as LogRequest;
        // What the session printed while nobody listened.
        for (const line of printed.get(id) ?? [])
          if (request.limit > 0 && line.atMs >= request.sinceMs)
            guest.write(encodeLogged({ runId: 'r', stream: 'stdout', dropped: 0, ...line }));
        guest.write(encodeLogged('live'));
        opened.push({ session: id, request, guest });
        return accepted(new ByteStream(near, { window: 65_536, granted: 65_536, lost: 'node_lost' }));
      },
    },
    ...{ loops, clock },
  });
  t.teardown(async () => {
    feeds.close();
    await loops.close();
  });
  const heard = (of: string | LogScope | undefined = undefined) => {
    const lines: LogNews[] = [];
    const watching = feeds.watch(typeof of === 'object' ? of : scope(of), {
      log(line) {
        lines.push(line);
        return 'more';
      },
      end: () => undefined,
    });
    return { lines, close: () => watching.close() };
  };
  const becomes = (changed: SessionRow) => {
    rows.set(changed.id, changed);
    for (const listener of listeners)
      listener({ mutations: [{ kind: 'put', table: 'sessions', row: changed }], events: [] } as unknown as Committed);
  };
  return { rows, opened, feeds, heard, becomes, refusals, printed };
}

async function when(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const print = (guest: ByteStream | undefined, line: string, atMs: number) =>
  guest?.write(encodeLogged({ runId: 'r', stream: 'stdout', line, atMs, dropped: 0 }));

t.test('followers of one session share a stream, which is there for as long as one of them is', async (t) => {
  const { rows, opened, feeds, heard } = world(t);
  rows.set('s1', row('s1')).set('s2', row('s2'));
  const before = Date.now();
  const one = heard('s1');
  await feeds.ready(scope('s1'));
  const all = heard();
  await feeds.ready(scope());
  t.same(
    opened.map(({ session }) => session),
    ['s1', 's2'],
  );
  t.match(opened[0]?.request, { agent: 'echo', follow: true });
  t.ok((opened[0]?.request.sinceMs ?? 0) >= before, 'only what is printed from then on');
  print(opened[0]?.guest, 'twice', 5);
  print(opened[0]?.guest, 'twice', 5);
  print(opened[1]?.guest, 'of the second', 6);
  await when(() => all.lines.length === 3);
  t.same(
    one.lines.map(({ line }) => line),
    ['twice', 'twice'],
    'lines that are the same are two lines',
  );
  one.close();
  print(opened[0]?.guest, 'later', 7);
  await when(() => all.lines.length === 4);
  t.equal(one.lines.length, 2);
  all.close();
  await when(() => opened.every(({ guest }) => guest.destroyed || guest.readableEnded));
  t.pass('nobody follows, and nothing is open');
});

t.test('a stream that is cut is opened again, and nothing is told twice', async (t) => {
  const { rows, opened, feeds, heard } = world(t);
  rows.set('s1', row('s1'));
  const { lines } = heard('s1');
  await feeds.ready(scope('s1'));
  print(opened[0]?.guest, 'first', 100);
  await when(() => lines.length === 1);
  opened[0]?.guest.destroy();
  await when(() => opened.length === 2);
  t.match(opened[1]?.request, { sinceMs: 100 });
  t.ok((opened[1]?.request.limit ?? 0) > 0);
});

t.test('what comes with the next stream is caught up with, but for what was heard', async (t) => {
  const { rows, feeds, heard, opened } = world(t);
  rows.set('s1', row('s1'));
  const { lines } = heard('s1');
  await feeds.ready(scope('s1'));
  print(opened[0]?.guest, 'first', 100);
  await when(() => lines.length === 1);
  const feed = opened[0];
  feed?.guest.destroy();
  await when(() => opened.length === 2);
  t.equal(lines.length, 1);
  print(opened[1]?.guest, 'second', 101);
  await when(() => lines.length === 2);
  t.same(
    lines.map(({ line }) => line),
    ['first', 'second'],
  );
});

t.test('a session that comes up is followed from the moment at which its follower came; a refusal is tried again', async (t) => {
  const { rows, opened, feeds, heard, becomes, refusals } = world(t);
  rows.set('s1', row('s1', 'suspended'));
  const before = Date.now();
  const { lines } = heard();
  await feeds.ready(scope());
  t.equal(opened.length, 0);
  refusals.push(refused('UNAVAILABLE', 'not yet'));
  becomes(row('s1'));
  await when(() => refusals.length === 0);
  becomes(row('s1'));
  await when(() => opened.length === 1);
  t.ok((opened[0]?.request.sinceMs ?? 0) >= before && (opened[0]?.request.limit ?? 0) > 0, 'with what it printed meanwhile');
  print(opened[0]?.guest, 'up', 100);
  await when(() => lines.length === 1);
  becomes({ ...row('s2'), agents: [] } as SessionRow);
  becomes(row('s3'));
  await when(() => opened.length === 2);
  t.equal(opened[1]?.session, 's3', 'one without the agent is not followed');
});

const wholeSpace = (more: object = {}): LogScope => {
  const { agent: _, ...rest } = scope();
  return { ...rest, ...more } as unknown as LogScope;
};

t.test('all agents of a session share one stream, of which each follower hears what it can see', async (t) => {
  const { rows, opened, feeds, heard } = world(t);
  const other = { id: 'other', spaceId: SPACE, name: 'mirror' };
  rows.set('s1', { ...row('s1'), agents: [AGENT, other] } as unknown as SessionRow);
  rows.set('s2', { ...row('s2'), createdById: 'me', agents: [AGENT, other] } as unknown as SessionRow);
  const all = heard(wholeSpace());
  const mirror = heard(wholeSpace({ agents: new Set(['other']), ownAgents: new Set() }));
  const own = heard(wholeSpace({ accountId: 'me', agents: new Set(), ownAgents: 'all' }));
  await feeds.ready(wholeSpace());
  t.match(
    opened.map(({ session, request }) => [session, request.agents]),
    [
      ['s1', ['echo', 'mirror']],
      ['s2', ['echo', 'mirror']],
    ],
  );
  const say = (at: number, agent: string, line: string) =>
    opened[at]?.guest.write(encodeLogged({ agent, runId: 'r', stream: 'stdout', line, atMs: 5, dropped: 0 }));
  for (const [at, agent] of [
    [0, 'echo'],
    [0, 'mirror'],
    [1, 'echo'],
    [1, 'mirror'],
  ] as const)
    say(at, agent, `${agent} of ${at + 1}`);
  say(1, 'unknown', 'of no agent');
  say(1, 'echo', 'last');
  await when(() => all.lines.length === 5);
  const texts = (lines: readonly LogNews[]) => lines.map(({ line }) => line).sort();
  t.same(texts(all.lines), ['echo of 1', 'echo of 2', 'last', 'mirror of 1', 'mirror of 2']);
  t.same(texts(mirror.lines), ['mirror of 1', 'mirror of 2']);
  t.same(texts(own.lines), ['echo of 2', 'last', 'mirror of 2']);
});

t.test('500 sessions on one node take turns at the places for streams, and no line is lost or repeated', async (t) => {
  const clock = new HandClock();
  const { rows, opened, feeds, heard, printed } = world(t, clock);
  for (let at = 0; at < 500; at += 1) rows.set(`s${at}`, row(`s${at}`));
  const { lines } = heard(wholeSpace());
  let isReady = false;
  void feeds.ready(wholeSpace()).then(() => (isReady = true));
  while (!isReady) await clock.advance(1);
  t.equal(opened.length, MAX_OPEN_FEEDS.ofNode, 'as many as a node has places');
  const isOpen = ({ guest }: { readonly guest: ByteStream }) => !guest.destroyed && !guest.readableEnded;
  for (const [at, session] of [...rows.keys()].entries()) {
    const line = { line: `of ${session}`, atMs: clock.now() + at };
    printed.set(session, [line]);
    const live = opened.find((one) => one.session === session);
    live?.guest.write(encodeLogged({ runId: 'r', stream: 'stdout', dropped: 0, ...line }));
  }
  for (let second = 0; second < 60 && lines.length < 500; second += 1) {
    await clock.advance(1_000);
    const open = opened.filter(isOpen).length;
    if (open > MAX_OPEN_FEEDS.ofNode) t.fail(`${open} are open at once`);
  }
  t.equal(new Set(lines.map(({ line }) => line)).size, 500, 'each line');
  t.equal(lines.length, 500, 'once');
  t.ok(opened.length >= 500, `${opened.length} opened in all`);
});

/** A session that prints without end for three seconds, and a quiet one, followed so many times. */
async function flooded(t: Test, followers: number) {
  const clock = new HandClock();
  const { rows, opened, feeds, heard } = world(t, clock);
  rows.set('s1', row('s1')).set('s2', row('s2'));
  const [first = { lines: [] }] = Array.from({ length: followers }, () => heard(wholeSpace()));
  let isReady = false;
  void feeds.ready(wholeSpace()).then(() => (isReady = true));
  while (!isReady) await clock.advance(1);
  const line = { runId: 'r', stream: 'stdout', line: 'x'.repeat(1_000), dropped: 0 } as const;
  let atMs = clock.now();
  const [flood, quiet] = [opened[0]?.guest, opened[1]?.guest];
  const more = () => {
    while (flood?.write(encodeLogged({ ...line, atMs: atMs++ })) === true);
  };
  flood?.on('drain', more);
  more();
  for (let at = 0; at < 300; at += 1) await clock.advance(10);
  return { clock, quiet, line, lines: first.lines, bytes: first.lines.length * 1_000 };
}

t.test('a session that prints without end is read at a bounded rate, and others of its space are heard at once', async (t) => {
  const { clock, quiet, line, lines, bytes } = await flooded(t, 1);
  t.ok(bytes > 2 * MAX_BYTES_A_SECOND.ofSpace && bytes <= 4 * MAX_BYTES_A_SECOND.ofSpace + 128 * 1024, `${bytes} bytes in three seconds`);
  quiet?.write(encodeLogged({ ...line, line: 'of the quiet one', atMs: clock.now() }));
  for (let turn = 0; turn < 10; turn += 1) await clock.advance(0);
  t.ok(
    lines.some((one) => one.line === 'of the quiet one'),
    'without a wait',
  );
});

t.test('many followers together get no more than a bounded rate', async (t) => {
  const alone = await flooded(t, FOLLOWERS_AT_FULL_RATE);
  const many = await flooded(t, 8 * FOLLOWERS_AT_FULL_RATE);
  const ratio = alone.bytes / many.bytes;
  t.ok(ratio > 4 && ratio < 12, `each of eight times as many gets one ${ratio.toFixed(1)}th`);
});
