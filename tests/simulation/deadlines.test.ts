import t from 'tap';
import { put } from '../../controller/domain/engine/mutation.ts';
import type { View } from '../../controller/domain/engine/view.ts';
import type { SessionRow } from '../../controller/domain/sessions/rows.ts';
import { sessionRow } from '../unit/controller/engine/session-rows.ts';
import { Deadlines } from './world/deadlines.ts';

const TTL_S = 55;

/** A session created at 0 ms, in one of two backups. Both are restored, first the one without it. */
function restoredTwice() {
  let nowMs = 0;
  const violations: string[] = [];
  const deadlines = new Deadlines({ nowMs: () => nowMs, violation: (what) => violations.push(what), lostAfterMs: 10_000 });
  const session = sessionRow(1, { timeouts: { ttl_s: TTL_S } });
  const backup = (row?: SessionRow) => ({ get: () => row, nodes: () => [], isQueued: () => false }) as unknown as View;
  deadlines.committed([put('sessions', session)]);
  nowMs = 1_000;
  deadlines.restored(backup());
  nowMs = 25_000;
  deadlines.restored(backup(session));
  deadlines.committed([put('sessions', { ...session, outstanding: 1 })]);
  return {
    violations,
    expires(afterMs: number): void {
      nowMs = afterMs;
      deadlines.committed([put('sessions', { ...session, desired: 'deleted', terminationReason: 'its time to live is over' })]);
    },
    rests(untilMs: number): void {
      nowMs = untilMs;
      deadlines.judge(backup(session));
    },
  };
}

t.test('the time to live of a session counts from its creation when only the second of two restored backups has it', async (t) => {
  const inTime = restoredTwice();
  inTime.expires(TTL_S * 1000);
  t.strictSame(inTime.violations, []);

  const early = restoredTwice();
  early.expires(TTL_S * 1000 - 6_000);
  t.match(early.violations, [/expired \(deleted\) after 49000 ms of its 55 s/]);

  const late = restoredTwice();
  late.rests(TTL_S * 1000 + 6_000);
  t.match(late.violations, [/outlives the 55 s/]);
});

t.test('a pause is judged by the rest before it, also when the session was resumed and suspended before it is announced', async (t) => {
  const announced = (pausedAtMs: number) => {
    let nowMs = 0;
    const violations: string[] = [];
    const deadlines = new Deadlines({ nowMs: () => nowMs, violation: (what) => violations.push(what), lostAfterMs: 10_000 });
    const session = sessionRow(1, { timeouts: { idle_pause_s: 7 } });
    deadlines.committed([put('sessions', session)]);
    nowMs = pausedAtMs;
    deadlines.committed([put('sessions', { ...session, desired: 'paused' })]);
    deadlines.committed([put('sessions', { ...session, lastActivityAt: 20_000 })]);
    deadlines.committed([put('sessions', { ...session, lastActivityAt: 20_000, desired: 'suspended' })]);
    deadlines.expired(session.id, 'pause');
    return violations;
  };
  t.strictSame(announced(20_000), []);
  t.match(announced(1_000), [/expired \(pause\) after 1000 ms of its 7 s/]);
});
