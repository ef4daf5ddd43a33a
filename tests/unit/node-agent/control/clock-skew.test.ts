import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { CLOCK_SKEW, compareClocks, MAX_SKEW_MS } from '../../../../node-agent/control/clock-skew.ts';
import type { Log } from '../../../../seams/log.ts';

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const MINUTE = 60_000;

/** A host whose wall clock says `wallMs`, when an answer to what it asked `tookMs` ago arrives. */
function host(wallMs: number) {
  const clock = { now: () => wallMs, monotonic: () => 1_000_000, after: () => ({ cancel() {} }), soon: () => ({ cancel() {} }) };
  const conditions = new Conditions(clock, quiet);
  let sent = 0;
  conditions.onChange(() => {
    sent += 1;
  });
  return {
    answered: (controllerMs: number, tookMs = 10) => compareClocks({ clock, conditions }, controllerMs, 1_000_000 - tookMs),
    all: () => conditions.all().map(({ type, message, unschedulable }) => ({ type, message, unschedulable })),
    sent: () => sent,
  };
}

t.test('a clock that differs by minutes raises a condition that says by how much, and which way', async (t) => {
  const now = 50_000 * MINUTE;
  for (const [byMs, words] of [
    [10 * MINUTE, /10 minutes behind the controller's/],
    [-61_000, /1 minute ahead of the controller's/],
    [-180 * MINUTE, /180 minutes ahead/],
  ] as const) {
    const one = host(now);
    one.answered(now + byMs);
    t.match(one.all(), [{ type: CLOCK_SKEW, message: words, unschedulable: false }]);
  }
});

t.test('it is sent again only when it changes, and ends when the clock is right', async (t) => {
  const now = 50_000 * MINUTE;
  const one = host(now);
  one.answered(now + 2 * MINUTE);
  one.answered(now + 2 * MINUTE + 4_000);
  t.equal(one.sent(), 1);
  one.answered(now + MAX_SKEW_MS - 1_000);
  t.equal(one.all().length, 1, 'slightly less is not right');
  one.answered(now + 1_000);
  t.same(one.all(), []);
  t.equal(one.sent(), 2);
});

t.test('a late answer proves nothing, and neither does a controller that sends no time', async (t) => {
  const now = 50_000 * MINUTE;
  const one = host(now);
  one.answered(now - 70_000, 14_000 + 10 * MINUTE);
  one.answered(0);
  t.same(one.all(), []);
  one.answered(now + 10 * MINUTE);
  one.answered(now, 10 * MINUTE);
  t.equal(one.all().length, 1, 'nor does it end a condition');
});
