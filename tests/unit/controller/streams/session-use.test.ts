import { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { Permissions } from '../../../../controller/domain/access/rbac.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../../../controller/domain/engine/outcome.ts';
import type { StoredEvent } from '../../../../controller/domain/events/events.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import type { Phase } from '../../../../controller/domain/sessions/rows.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import { Waiters } from '../../../../controller/services/engine/waiters.ts';
import { OpenUses } from '../../../../controller/services/streams/open-uses.ts';
import { type StreamUse, sessionUse, shownOf, UP_WITHIN_MS } from '../../../../controller/services/streams/session-use.ts';
import type { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { HandClock } from '../../hand-clock.ts';
import { ACCOUNT, NODE, newSession, openCore, SPACE } from '../core.ts';

const S = 'session-1' as SessionId;
const COMMAND: StreamUse = {
  verb: 'exec',
  event: { type: 'session.exec', data: { command: 'ls' } },
  stream: () => ({ kind: 'exec', parameters: {} }),
};
const READ: StreamUse = { verb: 'files', stream: () => ({ kind: 'files', parameters: {} }) };
const NEVER = new AbortController().signal;

async function opened(t: Test) {
  const clock = new HandClock();
  const core = await openCore({ clock });
  t.teardown(core.close);
  const waiters = new Waiters();
  const events: StoredEvent[] = [];
  core.applier.onCommitted((committed) => {
    waiters.committed(committed.mutations);
    events.push(...committed.events);
  });
  const starts: { generation: number; request: unknown; signal: AbortSignal; settle(outcome: Outcome<ByteStream>): void }[] = [];
  const streams = {
    start: ({ generation }: { generation: number }, request: unknown, signal: AbortSignal = NEVER) =>
      new Promise<Outcome<ByteStream>>((resolve) => {
        starts.push({ generation, request, signal, settle: resolve });
        signal.addEventListener('abort', () => resolve(refused('UNAVAILABLE', 'cancelled')));
      }),
  };
  const uses = new OpenUses({ applier: core.applier, view: core.store.view, clock });
  t.teardown(() => uses.close());
  const use = sessionUse({ applier: core.applier, view: core.store.view, waiters, streams, uses, clock });
  const hiding = sessionUse({ applier: core.applier, view: core.store.view, waiters, streams, uses, clock, showsCommands: false });
  let order = 0;
  const report = (phase: Exclude<Phase, 'none'>) => {
    order += 1;
    const { generation } = core.session(S);
    const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 0 };
    return core.applier.apply(
      recordReport({ from: NODE, sessionId: S, generation, phase, order: { incarnation: 1, boot: 1, number: order }, ...seen }),
    );
  };
  await core.applier.submit(newSession({ id: S }));
  await report('running');
  let isAllowed = true;
  const permissions = new Permissions(BUILT_IN_ROLES.slice(0, 1).map((role) => ({ role, spaceId: null })));
  const caller: Caller = { accountId: ACCOUNT, user: 'ann', permissions, now: () => (isAllowed ? caller : undefined) };
  const rest = (request: 'pause' | 'suspend') => core.applier.submit(changeDesired(S, request, 0));
  return {
    ...{ core, clock, uses, use, hiding, starts, caller, report, rest, events },
    told: () => events.filter(({ type }) => type === 'session.exec'),
    forbid: () => {
      isAllowed = false;
    },
    open: (what: StreamUse = COMMAND, signal = NEVER) => use.open(caller, S, what, signal),
  };
}

const stream = (): ByteStream => new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }) as ByteStream;
/** What is queued runs: commits, and the promises after them. */
const settled = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

t.test('a use is recorded while its stream opens, and lasts until the stream closes', async (t) => {
  const { open, starts, told, uses, core } = await opened(t);
  const opening = open();
  t.ok(uses.isUsed(S), 'from the first moment');
  t.equal(starts.length, 1, 'at once');
  const bytes = stream();
  starts[0]?.settle(accepted(bytes));
  t.same(await opening, accepted(bytes));
  t.match(told(), [{ data: { session_id: S, user: 'ann', command: 'ls', space: 'default' } }]);
  t.type(core.session(S).lastActivityAt, 'number');
  t.ok(uses.isUsed(S));
  bytes.destroy();
  await settled();
  t.notOk(uses.isUsed(S));
});

t.test('a use without an event costs no commit in a session that is up', async (t) => {
  const { open, starts, core } = await opened(t);
  let commits = 0;
  core.applier.onCommitted(() => {
    commits += 1;
  });
  const opening = open(READ);
  const bytes = stream();
  starts[0]?.settle(accepted(bytes));
  t.ok((await opening).ok);
  bytes.destroy();
  await settled();
  t.equal(commits, 0);
});

t.test('a use wakes a session that rests, waits until it is up, and is told once', async (t) => {
  for (const request of ['pause', 'suspend'] as const) {
    const { open, starts, told, rest, report, core, uses } = await opened(t);
    await rest(request);
    t.match(await open({ ...COMMAND, wake: false }), { refusal: { code: 'CONFLICT', message: /wake=false/ } });
    t.notOk(uses.isUsed(S));
    const opening = open();
    await settled();
    t.equal(core.session(S).desired, 'running');
    t.equal(starts.length, 0, 'not before it is up');
    await report('running');
    await settled();
    const bytes = stream();
    starts[0]?.settle(accepted(bytes));
    t.ok((await opening).ok);
    t.equal(starts[0]?.generation, core.session(S).generation);
    t.equal(told().length, 1);
    bytes.destroy();
  }
});

t.test('what came to rest while a use began is woken again, and told once', async (t) => {
  for (const what of [COMMAND, READ]) {
    const { open, starts, told, rest, report, core } = await opened(t);
    const resting = rest('suspend');
    const opening = open(what);
    await resting;
    await settled();
    if (what === READ) starts[0]?.settle(refused('CONFLICT', 'The session was stopped, moved or deleted.'));
    await settled();
    t.equal(core.session(S).desired, 'running', 'no wake is lost');
    await report('running');
    await settled();
    t.equal(starts.length, 2);
    const bytes = stream();
    starts[1]?.settle(accepted(bytes));
    t.same(await opening, accepted(bytes));
    t.equal(told().length, what === COMMAND ? 1 : 0);
    bytes.destroy();
  }
});

t.test('waiting for a session ends: with its failure, with the client, with the time', async (t) => {
  const { open, rest, core, clock, uses, forbid, report } = await opened(t);
  await rest('suspend');
  const gone = new AbortController();
  const [left, late] = [open(COMMAND, gone.signal), open()];
  await settled();
  gone.abort();
  t.match(await left, { refusal: { code: 'UNAVAILABLE' } });
  await clock.advance(UP_WITHIN_MS + 1);
  t.match(await late, { refusal: { code: 'UNAVAILABLE', details: { retry_after_s: 5 } } });
  const refusedLater = open();
  await settled();
  forbid();
  await report('running');
  t.match(await refusedLater, { refusal: { code: 'UNAUTHORIZED' } }, 'rights are looked at again');
  await rest('suspend');
  const paused = open();
  await settled();
  await rest('suspend');
  t.match(await paused, { refusal: { code: 'CONFLICT' } });
  t.equal(core.session(S).desired, 'suspended');
  t.notOk(uses.isUsed(S));
});

t.test('a use whose end is told', async (t) => {
  const { open, starts, events } = await opened(t);
  const opening = open({ ...READ, closed: () => ({ type: 'session.exec', data: { ended: true } }) });
  const bytes = stream();
  starts[0]?.settle(accepted(bytes));
  await opening;
  bytes.destroy();
  await settled();
  t.match(events.at(-1), { type: 'session.exec', data: { ended: true, user: 'ann' } });
});

t.test('ready gives a session that is up', async (t) => {
  const { use, caller, rest, report } = await opened(t);
  t.match(await use.ready(caller, S, { verb: 'ports' }, NEVER), { value: { id: S } });
  await rest('pause');
  const waiting = use.ready(caller, S, { verb: 'ports' }, NEVER);
  await settled();
  await report('running');
  t.match(await waiting, { value: { id: S, desired: 'running' } });
});

t.test('the open streams of a space are bounded by its quota, and all count for it', async (t) => {
  const { open, starts, core, caller } = await opened(t);
  await core.applier.apply({
    name: 'test-quota',
    decide({ view }) {
      const space = view.get('spaces', SPACE);
      if (space === undefined) throw new Error('no space');
      return { mutations: [put('spaces', { ...space, settings: { quotas: { streams: 1 } } })], events: [], result: undefined };
    },
  });
  const paid: StreamUse = {
    ...READ,
    stream: () => ({ kind: 'files', parameters: {}, payer: { account: caller.accountId, standing: 'admin' } }),
  };
  const opening = open(paid);
  const bytes = stream();
  t.match(starts[0]?.request, { payer: { space: SPACE } });
  starts[0]?.settle(accepted(bytes));
  await opening;
  t.match(await open(), {
    refusal: { code: 'RATE_LIMITED', message: /quotas\.streams/, details: { quota: 'streams', used: 1, allowed: 1 } },
  });
  bytes.destroy();
  await settled();
  const again = open(paid);
  starts.at(-1)?.settle(refused('UNAVAILABLE', 'lost'));
  t.notOk((await again).ok);
  const third = open(paid);
  starts.at(-1)?.settle(accepted(stream()));
  t.ok((await third).ok, 'a stream that was not opened gives its place back');
});

t.test('a setting leaves commands out of events', async (t) => {
  t.equal(shownOf(['/bin/sh', '-c', 'ls']), 'ls');
  t.equal(shownOf(['a', 'b c']), 'a b c');
  t.equal(shownOf(['x'.repeat(2000)]).length, 1025);
  const { hiding } = await opened(t);
  t.equal(hiding.shown(['ls']), undefined);
});
