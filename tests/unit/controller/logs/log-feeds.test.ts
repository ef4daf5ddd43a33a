import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../../../controller/domain/engine/outcome.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { LogNews } from '../../../../controller/domain/events/events.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { Committed } from '../../../../controller/services/engine/applier.ts';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { LogFeeds } from '../../../../controller/services/logs/log-feeds.ts';
import type { LogScope } from '../../../../controller/services/logs/log-scope.ts';
import { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { encodeLogged, type LogRequest } from '../../../../proto/streams/log-stream.ts';
import type { StreamFrame } from '../../../../proto/streams/stream-frame.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { SPACE, silent } from '../core.ts';

const AGENT = { id: 'agent', spaceId: SPACE, name: 'echo' };
const row = (id: string, phase = 'running') =>
  ({ id, spaceId: SPACE, nodeId: 'node', generation: 1, desired: 'running', phase, agents: [AGENT] }) as unknown as SessionRow;
const scope = (session?: string): LogScope =>
  ({ agent: AGENT, spaceName: 'default', stream: 'all', limit: 10, ...(session === undefined ? {} : { session }) }) as unknown as LogScope;

/** Sessions whose guests are played by hand. */
function world(t: Test) {
  const rows = new Map<string, SessionRow>();
  const opened: { readonly session: string; readonly request: LogRequest; readonly guest: ByteStream }[] = [];
  const listeners: ((committed: Committed) => void)[] = [];
  const refusals: Outcome<never>[] = [];
  const loops = new Loops({ clock: systemClock, random: systemRandom, log: silent });
  const feeds = new LogFeeds({
    view: { get: (_table: string, id: string) => rows.get(id) } as unknown as View,
    lists: { sessionsWithAgent: async () => ({ ids: [...rows.keys()] as SessionId[], total: rows.size }) },
    applier: { onCommitted: (listener) => void listeners.push(listener) },
    streams: {
      async start({ id }, { parameters }) {
        const refusal = refusals.shift();
        if (refusal !== undefined) return refusal;
        const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
        const guest = new ByteStream(far, { credit: 65_536, lost: 'node_lost' });
        guest.on('error', () => undefined).resume();
        guest.write(encodeLogged('live'));
        opened.push({ session: id, request: parameters as LogRequest, guest });
        return accepted(new ByteStream(near, { window: 65_536, granted: 65_536, lost: 'node_lost' }));
      },
    },
    ...{ loops, clock: systemClock },
  });
  t.teardown(async () => {
    feeds.close();
    await loops.close();
  });
  const heard = (session?: string) => {
    const lines: LogNews[] = [];
    const watching = feeds.watch(scope(session), {
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
  return { rows, opened, feeds, heard, becomes, refusals };
}

async function when(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const print = (guest: ByteStream | undefined, line: string, atMs: number) =>
  guest?.write(encodeLogged({ runId: 'r', stream: 'stdout', line, atMs, dropped: 0 }));

t.test('followers of one session share a stream, which is there for as long as one of them is', async (t) => {
  const { rows, opened, feeds, heard } = world(t);
  rows.set('s1', row('s1')).set('s2', row('s2'));
  const one = heard('s1');
  await feeds.ready(scope('s1'));
  const all = heard();
  await feeds.ready(scope());
  t.same(
    opened.map(({ session }) => session),
    ['s1', 's2'],
  );
  t.match(opened[0]?.request, { agent: 'echo', follow: true, limit: 0 }, 'only what is printed from then on');
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
