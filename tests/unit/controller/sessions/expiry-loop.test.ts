import t, { type Test } from 'tap';
import type { MessageId, NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { recordKeptAwake } from '../../../../controller/domain/sessions/commands/record-kept-awake.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import type { Phase } from '../../../../controller/domain/sessions/rows.ts';
import { sessionDefaults } from '../../../../controller/domain/spaces/space-settings.ts';
import { expiryLoop } from '../../../../controller/services/sessions/expiry-loop.ts';
import { OpenUses } from '../../../../controller/services/streams/open-uses.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Core, NODE, newMessage, newSession, OTHER_NODE, openCore, silent, withAgents } from '../core.ts';
import { loopsOf } from '../loops.ts';

const S = 'session-1' as SessionId;
let order = 0;

async function watched(t: Test, timeouts: Readonly<Record<string, number>>) {
  const clock = new HandClock();
  const core = await openCore({ clock });
  t.teardown(core.close);
  const uses = new OpenUses({ applier: core.applier, view: core.store.view, clock });
  const watch = () => {
    const loops = loopsOf(t, clock);
    expiryLoop({ loops, applier: core.applier, view: core.store.view, log: silent, uses }, 0);
    loops.start();
    return loops;
  };
  let watching = watch();
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S, timeouts }));
  await report(core, 'running');
  return {
    core,
    clock,
    uses,
    /** As after a crash that lasted so long. */
    async restart(awayMs: number) {
      await watching.close();
      await clock.advance(awayMs);
      watching = watch();
    },
  };
}

const report = (core: Core, phase: Exclude<Phase, 'none'>, life?: number) => {
  const { generation } = core.session(S);
  const seen = { containerId: 'c', volume: 'v', reason: '', acceptedSeq: 0, ...(life === undefined ? {} : { life }) };
  order += 1;
  return core.applier.apply(
    recordReport({ from: NODE, sessionId: S, generation, phase, order: { incarnation: 1, boot: 1, number: order }, ...seen }),
  );
};

const answer = (core: Core, messageId: MessageId) => {
  const about = { from: NODE, generation: core.session(S).generation, sessionId: S, messageId };
  return core.applier.apply(
    recordAnswer({ ...about, runId: 'r', agent: 'echo', outcome: 'reply', content: 'ok', reason: '', durationMs: 1 }),
  );
};

t.test('an idle session is paused, then suspended, then deleted, each at its time and not before', async (t) => {
  const { core, clock } = await watched(t, { idle_pause_s: 10, idle_suspend_s: 60, ttl_s: 1000 });
  await clock.advance(9_500);
  t.equal(core.session(S).desired, 'running');
  await clock.advance(600);
  t.equal(core.session(S).desired, 'paused');
  await report(core, 'paused');
  await clock.advance(49_000);
  t.equal(core.session(S).desired, 'paused');
  await clock.advance(1_000);
  t.equal(core.session(S).desired, 'suspended');
  await clock.advance(938_000);
  t.equal(core.session(S).desired, 'suspended');
  await clock.advance(2_000);
  t.match(core.session(S), { desired: 'deleted', terminationReason: 'its time to live is over' });
});

t.test('a session that is deleted when it is idle, in any state but not while it is in use', async (t) => {
  const { core, clock, uses } = await watched(t, { idle_pause_s: 10, idle_delete_s: 60, ttl_s: 10_000 });
  const end = uses.begin(S);
  await clock.advance(200_000);
  t.equal(core.session(S).desired, 'running');
  end();
  await clock.advance(11_000);
  t.equal(core.session(S).desired, 'paused');
  await report(core, 'paused');
  await clock.advance(48_000);
  t.equal(core.session(S).desired, 'paused');
  await clock.advance(2_000);
  t.match(core.session(S), { desired: 'deleted', terminationReason: /idle/ });
});

t.test('what waits for an answer is not idle; the time counts from the answer', async (t) => {
  const { core, clock } = await watched(t, { idle_pause_s: 10 });
  await clock.advance(5_000);
  const message = newMessage(S, 'hi');
  await core.applier.submit(postMessage(message));
  await clock.advance(100_000);
  t.equal(core.session(S).desired, 'running');
  await answer(core, message.id);
  await clock.advance(9_900);
  t.equal(core.session(S).desired, 'running');
  await clock.advance(200);
  t.equal(core.session(S).desired, 'paused');
});

t.test('what is in use is not idle, however long; the time counts from the end of the last use', async (t) => {
  const { core, clock, uses } = await watched(t, { idle_pause_s: 10 });
  await clock.advance(9_000);
  const ends = [uses.begin(S), uses.begin(S)];
  await clock.advance(100_000);
  t.equal(core.session(S).desired, 'running');
  ends[0]?.();
  ends[0]?.();
  t.equal(uses.open(S), 1, 'ended once');
  await clock.advance(100_000);
  t.equal(core.session(S).desired, 'running');
  ends[1]?.();
  await clock.advance(9_900);
  t.equal(core.session(S).desired, 'running');
  t.notOk(uses.isUsed(S));
  await clock.advance(200);
  t.equal(core.session(S).desired, 'paused');
  await report(core, 'paused');
  uses.begin(S)();
  await clock.advance(1);
  t.notOk(uses.isUsed(S), 'nor does it stay in use when there is nothing to record');
});

t.test('short uses one after another share a commit, and none is lost', async (t) => {
  const { core, clock, uses } = await watched(t, { idle_pause_s: 2 });
  let touches = 0;
  core.applier.onCommitted(() => {
    touches += 1;
  });
  for (let use = 0; use < 100; use += 1) {
    uses.begin(S)();
    await clock.advance(100);
  }
  t.equal(core.session(S).desired, 'running');
  t.ok(touches <= 12, `${touches} commits for 100 uses in 10 s`);
  await clock.advance(1_800);
  t.equal(core.session(S).desired, 'running');
  await clock.advance(1_300);
  t.equal(core.session(S).desired, 'paused', 'within the second that uses share');
});

t.test('a restart in the middle of a use finds when it was last in use', async (t) => {
  const { core, clock, uses, restart } = await watched(t, { idle_pause_s: 60 });
  uses.begin(S);
  await clock.advance(100_000);
  t.ok(clock.now() - (core.session(S).lastActivityAt ?? 0) <= 15_000);
  await restart(10_000);
  t.equal(core.session(S).desired, 'running');
});

t.test('a session is kept awake by its processes, until its memory is lost', async (t) => {
  const { core, clock } = await watched(t, { idle_pause_s: 10 });
  const keep = (from: NodeId, keptAwake: boolean) => core.applier.apply(recordKeptAwake(from, S, keptAwake));
  await keep(OTHER_NODE, true);
  t.notOk(core.session(S).keptAwake, 'another node knows nothing of it');
  await report(core, 'running', 1);
  await keep(NODE, true);
  await clock.advance(100_000);
  await report(core, 'running', 1);
  t.match(core.session(S), { desired: 'running', keptAwake: true });
  await keep(NODE, false);
  await clock.advance(9_900);
  t.equal(core.session(S).desired, 'running', 'its idle time begins now');
  await keep(NODE, true);
  await report(core, 'running', 2);
  t.notOk(core.session(S).keptAwake, 'what ran before a restart runs no more');
  await clock.advance(11_000);
  t.equal(core.session(S).desired, 'paused');
  await core.applier.submit(changeDesired(S, 'resume', 0));
  await report(core, 'running', 2);
  await keep(NODE, true);
  await core.applier.submit(changeDesired(S, 'suspend', 0));
  await report(core, 'suspended');
  t.notOk(core.session(S).keptAwake);
});

t.test('a session that was brought back has all of its idle time again', async (t) => {
  const { core, clock } = await watched(t, { idle_pause_s: 10 });
  await clock.advance(11_000);
  await report(core, 'paused');
  await clock.advance(500_000);
  await core.applier.submit(changeDesired(S, 'resume', 0));
  await report(core, 'running');
  await clock.advance(9_000);
  t.equal(core.session(S).desired, 'running');
  await clock.advance(1_100);
  t.equal(core.session(S).desired, 'paused');
});

t.test('a restart neither loses nor moves what is due', async (t) => {
  const { core, clock, restart } = await watched(t, { idle_pause_s: 100 });
  await clock.advance(50_000);
  await restart(20_000);
  await clock.advance(29_000);
  t.equal(core.session(S).desired, 'running');
  await clock.advance(1_100);
  t.equal(core.session(S).desired, 'paused');
  await core.applier.submit(changeDesired(S, 'resume', 0));
  await report(core, 'running');
  await restart(500_000);
  await clock.advance(1);
  t.equal(core.session(S).desired, 'paused', 'what became due meanwhile is done at once');
});

t.test('settings of a space that have another shape than they should say nothing', async (t) => {
  t.same(sessionDefaults({}), { timeouts: {}, requests: {}, limits: {} });
  t.same(sessionDefaults({ timeouts: { idle_pause_s: 5, ttl_s: 'soon', other: 1 }, resources: { limits: { cpu: 2, processes: -1 } } }), {
    timeouts: { idle_pause_s: 5 },
    requests: {},
    limits: { cpu: 2 },
  });
  t.same(sessionDefaults({ timeouts: 7, resources: { requests: null } }), { timeouts: {}, requests: {}, limits: {} });
});
