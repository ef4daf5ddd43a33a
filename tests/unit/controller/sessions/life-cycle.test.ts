import t, { type Test } from 'tap';
import { agesAt } from '../../../../controller/domain/engine/agreed-time.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { clearMessages } from '../../../../controller/domain/messages/commands/clear-messages.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { expireSession, nextExpiry } from '../../../../controller/domain/sessions/commands/expire-session.ts';
import { recordReport } from '../../../../controller/domain/sessions/commands/record-report.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { LEGAL, type SessionRequest } from '../../../../controller/domain/sessions/legal.ts';
import { restState, rowsOfState } from '../../../../controller/domain/sessions/life-cycle.ts';
import type { Desired, Phase, SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';

const MIB = 1024 * 1024;
const S = 'session-1' as SessionId;
const DESIRED = ['running', 'paused', 'suspended', 'failed'] as const;
let order = 0;

const report = (core: Core, phase: Exclude<Phase, 'none'>, acceptedSeq = 0) =>
  core.applier.apply(
    recordReport({
      from: NODE,
      sessionId: S,
      generation: core.session(S).generation,
      phase,
      order: { incarnation: 1, boot: 1, number: ++order },
      containerId: 'c',
      volume: 'v',
      reason: phase === 'failed' ? 'broken' : '',
      acceptedSeq,
    }),
  );

/** A session that should be so, and is. */
async function sessionThatIs(t: Test, desired: (typeof DESIRED)[number], memoryBytes = 4096 * MIB): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE, { memoryBytes })] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  await report(core, 'running');
  if (desired === 'paused') await core.applier.submit(changeDesired(S, 'pause', 0));
  if (desired === 'suspended') await core.applier.submit(changeDesired(S, 'suspend', 0));
  if (desired === 'failed') await report(core, 'failed');
  else await report(core, desired);
  return core;
}

const asked: Readonly<Record<Exclude<SessionRequest, 'remix'>, (core: Core) => Promise<{ ok: boolean; refusal?: { code: string } }>>> = {
  message: (core) => core.applier.submit(postMessage(newMessage(S, 'hi'))),
  pause: (core) => core.applier.submit(changeDesired(S, 'pause', 0)),
  suspend: (core) => core.applier.submit(changeDesired(S, 'suspend', 0)),
  resume: (core) => core.applier.submit(changeDesired(S, 'resume', 0)),
  recover: (core) => core.applier.submit(changeDesired(S, 'recover', 0)),
  delete: (core) => core.applier.submit(removeSession(S, 'deleted')),
};

t.test('every cell of the table of legal requests', async (t) => {
  for (const desired of DESIRED) {
    for (const [request, ask] of Object.entries(asked)) {
      const verdict = LEGAL[desired][request as keyof typeof asked];
      const core = await sessionThatIs(t, desired);
      const before = core.session(S);
      const outcome = await ask(core);
      const after = core.session(S);
      const cell = `${desired}, ${request}: ${verdict}`;
      t.equal(outcome.ok, verdict !== 'conflict', cell);
      if (verdict === 'conflict') t.match(outcome, { refusal: { code: 'CONFLICT' } }, cell);
      const moves = verdict === 'wakes' || (verdict === 'yes' && request !== 'message');
      t.equal(after.generation, before.generation + (moves ? 1 : 0), cell);
      if (verdict === 'wakes' || request === 'resume') t.equal(after.desired, verdict === 'conflict' ? desired : 'running', cell);
    }
  }
});

t.test('a deleted session is there for nothing', async (t) => {
  const core = await sessionThatIs(t, 'running');
  await core.applier.submit(removeSession(S, 'deleted'));
  for (const [request, ask] of Object.entries(asked)) t.match(await ask(core), { ok: false, refusal: { code: 'NOT_FOUND' } }, request);
});

t.test('a message that should not wake does not, nor does a note; both are kept', async (t) => {
  const core = await sessionThatIs(t, 'suspended');
  for (const more of [{ wake: false }, { role: 'system' }]) {
    t.ok((await core.applier.submit(postMessage(newMessage(S, 'later', more)))).ok);
    t.equal(core.session(S).desired, 'suspended');
  }
  t.equal(core.session(S).lastSeq, 2);
});

t.test('a suspended session gave its room away: it wakes only where there is room again', async (t) => {
  const core = await sessionThatIs(t, 'suspended', 128 * MIB);
  const other = 'session-2' as SessionId;
  t.ok((await core.applier.submit(newSession({ id: other }))).ok, 'its room is free for another');
  t.match(await asked.resume(core), { ok: false, refusal: { code: 'UNAVAILABLE', message: /0 MiB of 128 MiB left/ } });
  t.match(await asked.message(core), { ok: false, refusal: { code: 'UNAVAILABLE', message: /wake=false/ } });
  await core.applier.submit(removeSession(other, 'deleted'));
  t.ok((await asked.resume(core)).ok);
});

t.test('recovery forgets the reason, and expects the volume that there was', async (t) => {
  const core = await sessionThatIs(t, 'failed');
  t.equal(core.session(S).reason, 'broken');
  await asked.recover(core);
  t.match(core.session(S), { desired: 'running', reason: null, hasRun: true });
});

t.test('a paused session whose container is gone is suspended with a note, and what waits goes on waiting', async (t) => {
  const core = await sessionThatIs(t, 'paused');
  const kept = newMessage(S, 'for later', { wake: false });
  await core.applier.submit(postMessage(kept));
  const before = core.session(S);
  await report(core, 'suspended');
  t.match(core.session(S), { desired: 'suspended', phase: 'suspended', generation: before.generation + 1, lastSeq: before.lastSeq + 1 });
  const added = (await committedEvents(core.store.events)).slice(-2);
  t.match(added, [
    { type: 'message.created', data: { message: { role: 'system', content: /memory is lost/, created_by: 'raworc' } } },
    { type: 'session.state', data: { state: 'suspended' } },
  ]);
  t.match(core.store.view.queued(S, 10), [{ id: kept.id }]);
  await report(core, 'suspended');
  t.match(core.session(S), { generation: before.generation + 1, observedGeneration: before.generation + 1 }, 'once');
  await asked.resume(core);
  await report(core, 'suspended');
  t.match(core.session(S), { desired: 'running' });
});

t.test('what the guest of a suspended session holds is not delivered again', async (t) => {
  const core = await sessionThatIs(t, 'running');
  const messages = [newMessage(S, 'one'), newMessage(S, 'two')];
  for (const message of messages) await core.applier.submit(postMessage(message));
  await asked.suspend(core);
  await report(core, 'suspended', 1);
  const accepted = core.store.view.queued(S, 10).map(({ acceptedAt }) => acceptedAt !== null);
  t.same(accepted, [true, false]);
});

t.test('clearing forgets the messages; a late answer is dropped, and numbers go on', async (t) => {
  const core = await sessionThatIs(t, 'running');
  const message = newMessage(S, 'hi');
  await core.applier.submit(postMessage(message));
  await core.applier.submit(clearMessages(S));
  t.equal(core.store.view.get('messages', message.id), undefined);
  const about = { from: NODE, generation: core.session(S).generation, sessionId: S, messageId: message.id };
  const late = { ...about, runId: 'r', agent: 'echo', outcome: 'reply', content: 'late', reason: '', durationMs: 1 } as const;
  t.equal(await core.applier.apply(recordAnswer(late)), 'unwanted');
  const next = await core.applier.submit(postMessage(newMessage(S, 'again')));
  t.match(next, { value: { seq: 2 } });
});

t.test('every state that rows can show is found by the filter of that state, and by no other', async (t) => {
  const states = ['init', 'idle', 'busy', 'paused', 'suspended', 'error'];
  const phases: Phase[] = ['none', 'starting', 'running', 'paused', 'suspended', 'failed'];
  for (const desired of DESIRED as readonly Desired[]) {
    for (const phase of phases) {
      for (const outstanding of [0, 1]) {
        const row = { desired, phase, outstanding } as SessionRow;
        const found = states.filter((state) =>
          rowsOfState(state).some(
            (one) => one.desired === desired && one.phase === phase && (one.busy === undefined || one.busy === outstanding > 0),
          ),
        );
        t.same(found, [restState(row)], `${desired} ${phase} ${outstanding}`);
      }
    }
  }
});

t.test('timeouts: the earliest that applies, never while something waits but for the time to live', async (t) => {
  const core = await sessionThatIs(t, 'running');
  const row: SessionRow = { ...core.session(S), createdAt: 0, startedAt: 0, lastActivityAt: 1000 };
  const timeouts = { idle_pause_s: 10, idle_suspend_s: 60, ttl_s: 1000 };
  t.equal(nextExpiry(row, false, agesAt(1000, [])), undefined);
  t.same(nextExpiry({ ...row, timeouts }, false, agesAt(1000, [])), { leftMs: 10_000, expiry: 'pause' });
  t.same(nextExpiry({ ...row, timeouts, desired: 'paused', phase: 'paused' }, false, agesAt(1000, [])), {
    leftMs: 60_000,
    expiry: 'suspend',
  });
  t.same(nextExpiry({ ...row, timeouts, desired: 'suspended', phase: 'suspended' }, false, agesAt(1000, [])), {
    leftMs: 999_000,
    expiry: 'delete',
  });
  t.same(nextExpiry({ ...row, timeouts }, true, agesAt(1000, [])), { leftMs: 999_000, expiry: 'delete' });
  t.same(nextExpiry({ ...row, timeouts, phase: 'starting' }, false, agesAt(1000, [])), { leftMs: 999_000, expiry: 'delete' });

  await core.applier.submit(newSession({ id: 'short' as SessionId, timeouts: { ttl_s: 0.001 } }));
  const { createdAt } = core.session('short');
  while (Date.now() - createdAt < 5) await new Promise(setImmediate);
  await core.applier.apply(expireSession('short' as SessionId, 0, () => false));
  t.match(core.session('short'), { desired: 'deleted', terminationReason: 'its time to live is over' });
});
