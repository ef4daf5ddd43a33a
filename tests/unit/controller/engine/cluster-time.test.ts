import t from 'tap';
import { type Ages, agesAt, MAX_CORRECTIONS, withCorrection } from '../../../../controller/domain/engine/agreed-time.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { prune, RETENTION } from '../../../../controller/domain/engine/prune.ts';
import { ClusterTime, MAX_ABSENCE_MS } from '../../../../controller/services/engine/time/cluster-time.ts';
import { expiryLoop } from '../../../../controller/services/sessions/expiry-loop.ts';
import type { Clock } from '../../../../seams/clock.ts';
import { HandClock } from '../../hand-clock.ts';
import { newSession, openCore, silent } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { loopsOf, NO_USES } from '../loops.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BEGAN = 1_700_000_000_000;

/** A machine: what really passes, what its wall clock shows, and whether its clocks run while it sleeps. */
class Machine implements Clock {
  #real = 0;
  #asleep = 0;
  skewMs = 0;
  bootId: string | undefined = 'boot-1';
  now = () => BEGAN + this.#real + this.skewMs;
  monotonic = () => this.#real - this.#asleep;
  sinceBoot = () => (this.bootId === undefined ? undefined : { id: this.bootId, ms: this.#real });
  after = () => ({ cancel: () => undefined });
  soon = () => ({ cancel: () => undefined });
  /** Time passes, and somebody looks at the clock from time to time, as the applier does. */
  run(ms: number, time: ClusterTime): ClusterTime {
    for (let gone = 0; gone < ms; gone += 3_000) {
      this.#real += Math.min(3_000, ms - gone);
      time.now();
    }
    return time;
  }
  pass(ms: number): void {
    this.#real += ms;
  }
  sleep(ms: number): void {
    this.#real += ms;
    this.#asleep += ms;
  }
  get passed(): number {
    return this.#real;
  }
}

const starting = (machine: Machine) => new ClusterTime(machine, undefined, 0, silent);
/** What is kept now, and the next process that begins with it. */
function leaving(machine: Machine, time: ClusterTime): () => ClusterTime {
  const kept = JSON.parse(JSON.stringify(time.keep()));
  return () => new ClusterTime(machine, kept, time.last, silent);
}

t.test('to keep the time with each commit reads the boot clock seldom, and is right about it', (t) => {
  const machine = new Machine();
  const time = starting(machine);
  let reads = 0;
  const sinceBoot = machine.sinceBoot;
  machine.sinceBoot = () => {
    reads += 1;
    return sinceBoot();
  };
  for (let second = 0; second < 300; second += 1) {
    machine.pass(1_000);
    t.equal(time.keep().boot?.ms, machine.passed);
  }
  t.ok(reads <= 5, `${reads} reads in 300 commits`);
  machine.sleep(8 * HOUR);
  t.equal(time.keep().boot?.ms, machine.passed, 'also right after a sleep');
  t.end();
});

t.test('what passes counts, and what somebody does to the clock does not', async (t) => {
  const cases: [what: string, does: (machine: Machine, time: ClusterTime) => ClusterTime, maxWrongMs: number][] = [
    ['nothing', (machine, time) => machine.run(2 * HOUR, time), 0],
    ...[3 * DAY, -3 * DAY].flatMap((by): typeof cases => [
      [`a step of ${by} for a minute`, (machine, time) => stepped(machine, time, by, MINUTE), 0],
      [`a step of ${by} for an hour`, (machine, time) => stepped(machine, time, by, HOUR), 0],
      [
        `a step of ${by} for good`,
        (machine, time) => {
          machine.skewMs += by;
          machine.run(2 * HOUR, time);
          t.equal(Math.abs(time.now() - machine.now()) < 1000, true, 'rows have the right times again');
          return time;
        },
        0,
      ],
      [
        `a restart after a step of ${by}`,
        (machine, time) => {
          const again = leaving(machine, time);
          machine.skewMs += by;
          machine.pass(MINUTE);
          const next = again();
          machine.run(HOUR, next);
          return next;
        },
        0,
      ],
      [
        `a reboot with a clock that is wrong by ${by}, put right an hour later`,
        (machine, time) => {
          const again = leaving(machine, time);
          machine.skewMs += by;
          machine.bootId = 'boot-2';
          machine.pass(MINUTE);
          let next = again();
          machine.run(HOUR, next);
          machine.skewMs -= by;
          machine.run(HOUR, next);
          next = leaving(machine, next)();
          machine.run(MINUTE, next);
          return next;
        },
        MAX_ABSENCE_MS,
      ],
    ]),
    [
      'a machine that sleeps for nine hours',
      (machine, time) => {
        machine.sleep(9 * HOUR);
        return machine.run(MINUTE, time);
      },
      0,
    ],
    [
      'a controller that is away for nine hours',
      (machine, time) => {
        const again = leaving(machine, time);
        machine.pass(9 * HOUR);
        return again();
      },
      0,
    ],
    [
      'a sleep while the clock is set, too',
      (machine, time) => {
        machine.sleep(9 * HOUR);
        machine.skewMs += 3 * DAY;
        machine.run(HOUR, time);
        return time;
      },
      0,
    ],
    [
      'a clock that is slewed by half a percent',
      (machine, time) => {
        for (let gone = 0; gone < HOUR; gone += 3_000) {
          machine.skewMs += 15;
          machine.run(3_000, time);
        }
        t.equal(Math.abs(time.now() - machine.now()) < 1, true, 'it is followed');
        return time;
      },
      20_000,
    ],
  ];
  for (const [what, does, maxWrongMs] of cases) {
    const machine = new Machine();
    const began = starting(machine);
    const at = began.stamp();
    began.keep();
    const time = does(machine, began);
    const wrong = time.ageMs(at) - machine.passed;
    t.ok(wrong <= maxWrongMs + 2, `${what}: nothing is ${wrong} ms older than it is`);
    t.ok(wrong >= -maxWrongMs - 2, `${what}: nor ${-wrong} ms younger`);
    t.ok(time.stamp() > 0);
  }
});

function stepped(machine: Machine, time: ClusterTime, by: number, forMs: number): ClusterTime {
  const before = time.stamp();
  machine.skewMs += by;
  machine.run(forMs, time);
  const during = time.stamp();
  if (forMs < 10 * MINUTE) {
    t.ok(during > before && during - before < forMs + 10, 'a row that is made meanwhile has the right time');
  }
  machine.skewMs -= by;
  machine.run(HOUR, time);
  return time;
}

t.test('an absence that only the wall clock knows of counts for an hour at most', async (t) => {
  const machine = new Machine();
  machine.bootId = undefined;
  const time = starting(machine);
  const at = time.stamp();
  const again = leaving(machine, time);
  machine.pass(40 * MINUTE);
  const second = again();
  t.ok(Math.abs(second.ageMs(at) - 40 * MINUTE) < 2);
  const afterwards = leaving(machine, second);
  machine.pass(9 * DAY);
  const third = afterwards();
  t.ok(Math.abs(third.ageMs(at) - 40 * MINUTE - MAX_ABSENCE_MS) < 2);
  t.equal(Math.abs(third.now() - machine.now()) < 2, true, 'rows get the right time at once');
});

t.test('a clock that was ahead when its rows were written, and is put right, does not keep new rows ahead', async (t) => {
  const machine = new Machine();
  machine.skewMs = 3 * DAY;
  const time = starting(machine);
  const wrong = time.stamp();
  machine.run(HOUR, time);
  machine.skewMs = 0;
  machine.run(9 * MINUTE, time);
  t.ok(time.stamp() > wrong, 'not followed yet');
  machine.run(2 * MINUTE, time);
  t.ok(Math.abs(time.stamp() - machine.now()) < 10);
  t.ok(Math.abs(time.ageMs(wrong) - HOUR - 11 * MINUTE) < 10, 'and the age of a row from the time ahead is right');
});

t.test('no row is pruned that is younger than what is kept, whatever was corrected', async (t) => {
  const tables: [now: number, corrections: { from: number; byMs: number }[]][] = [
    [100, []],
    [1_000, [{ from: 100, byMs: 800 }]],
    [150, [{ from: 900, byMs: -850 }]],
    [
      400,
      [
        { from: 100, byMs: 300 },
        { from: 450, byMs: -200 },
        { from: 300, byMs: 50 },
      ],
    ],
  ];
  for (const [now, corrections] of tables) {
    const ages: Ages = agesAt(now, corrections);
    for (const keptMs of [0, 10, 50, 90, 200, 500]) {
      const before = ages.before(keptMs);
      for (let at = -600; at < 1_000; at += 7) {
        if (at < before) t.ok(ages.ageMs(at) >= keptMs, `${now} ${JSON.stringify(corrections)} ${keptMs} ${at}`);
      }
    }
  }
});

t.test('corrections are bounded, and the two oldest become one', async (t) => {
  let corrections: ReturnType<typeof withCorrection> = [];
  for (let i = 0; i < MAX_CORRECTIONS + 10; i += 1) corrections = withCorrection(corrections, { from: i * 1000, byMs: 10 });
  t.equal(corrections.length, MAX_CORRECTIONS);
  t.equal(
    corrections.reduce((sum, { byMs }) => sum + byMs, 0),
    (MAX_CORRECTIONS + 10) * 10,
  );
});

/** Time that passes as a test says, under a wall clock that a test sets. */
class SetClock extends HandClock {
  skewMs = 0;
  override now(): number {
    return super.now() + this.skewMs;
  }
  override monotonic(): number {
    return super.now();
  }
}

t.test('a clock three days ahead deletes no session that has a day to live, and prunes nothing', async (t) => {
  for (const [by, forMs] of [
    [3 * DAY, MINUTE],
    [3 * DAY, 3 * HOUR],
    [-3 * DAY, MINUTE],
    [-3 * DAY, 3 * HOUR],
  ] as const) {
    const clock = new SetClock();
    const core = await openCore({ clock });
    const loops = loopsOf(t, clock);
    expiryLoop({ loops, applier: core.applier, view: core.store.view, log: silent, uses: NO_USES }, 0);
    loops.start();
    const id = 'session-1' as SessionId;
    await core.applier.submit(newSession({ id, timeouts: { ttl_s: DAY / 1000 } }));
    const events = (await committedEvents(core.store.events)).length;
    const step = async (ms: number) => {
      for (let gone = 0; gone < ms; gone += 5 * MINUTE) {
        await clock.advance(Math.min(5 * MINUTE, ms - gone));
        await core.applier.apply(prune());
      }
    };
    await clock.advance(HOUR);
    clock.skewMs = by;
    await step(forMs);
    t.equal(core.session(id).desired, 'running', `${by} for ${forMs}`);
    clock.skewMs = 0;
    await step(2 * HOUR);
    t.equal(core.session(id).desired, 'running', `${by} for ${forMs}, put right`);
    t.equal((await committedEvents(core.store.events)).length, events, 'no event was pruned');
    await step(DAY - forMs - 3 * HOUR + 20 * MINUTE);
    t.equal(core.session(id).desired, 'deleted', `${by} for ${forMs}: it lives its day and no longer`);
    await loops.close();
    core.close();
  }
  t.ok(RETENTION.events > 0);
});

t.test('a step is logged at once, and its correction once it is believed', (t) => {
  const machine = new Machine();
  const warned: object[] = [];
  const log = { ...silent, warn: (event: string, fields?: object) => void warned.push({ event, ...fields }) };
  const time = new ClusterTime(machine, undefined, 0, log);
  machine.run(MINUTE, time);
  machine.skewMs += DAY;
  machine.run(MINUTE, time);
  t.same(warned, [{ event: 'clock.stepped', by_ms: DAY, followed_in_ms: 10 * MINUTE }]);
  machine.run(HOUR, time);
  t.same(warned.slice(1), [{ event: 'clock.corrected', by_ms: DAY }]);
  t.end();
});
