import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { Applier } from '../../../../controller/services/engine/applier.ts';
import { systemClock } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { allOn, NODE, newSession, node, openCore, seeded, silent } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';

const MIB = 1024 * 1024;

t.test('sessions decided in one batch see the room that those before them took', async (t) => {
  const core = await openCore({ nodes: [node(NODE, { memoryBytes: 256 * MIB })] });
  t.teardown(core.close);
  const outcomes = await Promise.all([newSession(), newSession(), newSession()].map((command) => core.applier.submit(command)));
  t.same(
    outcomes.map(({ ok }) => ok),
    [true, true, false],
  );
  const third = outcomes[2];
  t.match(third, { refusal: { code: 'UNAVAILABLE', message: /0 MiB of 256 MiB left/ } });
});

t.test('a deleted session gives its room back, in the same batch', async (t) => {
  const core = await openCore({ nodes: [node(NODE, { memoryBytes: 128 * MIB })] });
  t.teardown(core.close);
  const id = 'first' as SessionId;
  const outcomes = await Promise.all([
    core.applier.submit(newSession({ id })),
    core.applier.submit(removeSession(id, 'deleted')),
    core.applier.submit(newSession()),
  ]);
  t.same(
    outcomes.map(({ ok }) => ok),
    [true, true, true],
  );
});

t.test('a command that throws leaves nothing, and its neighbours stand', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const before = core.store.events.newest();
  const good = newSession();
  const bad = newSession({ id: 'bad' as SessionId });
  const results = await Promise.allSettled([
    core.applier.submit(good),
    core.applier.apply({
      name: 'throws',
      decide(state) {
        const decision = bad.decide(state);
        // A row that lacks its columns cannot be kept.
        return { ...decision, mutations: [...decision.mutations, { kind: 'put', table: 'spaces', row: { id: 'no name' } } as never] };
      },
    }),
    core.applier.submit(newSession()),
  ]);
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.equal(core.store.view.get('sessions', 'bad'), undefined);
  t.equal(
    core.fleet.nodes().reduce((sum, { sessions }) => sum + sessions, 0),
    2,
    'no room is taken by what was rolled back',
  );
  t.same(
    (await committedEvents(core.store.events, before)).map(({ number }) => number),
    [before + 1, before + 2],
    'no number is lost',
  );
  t.same(core.fatal, []);
});

t.test('a command that throws after some of its events leaves no gap in their numbers', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const before = core.store.events.newest();
  const bad = newSession();
  const results = await Promise.allSettled([
    core.applier.apply({
      name: 'throws',
      decide(state) {
        const decision = bad.decide(state);
        const [event] = decision.events;
        // What JSON cannot say cannot be kept.
        const unkept = { ...event, data: { big: 1n } };
        return { ...decision, events: [...decision.events, unkept as never] };
      },
    }),
    core.applier.submit(newSession()),
  ]);
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  t.equal(core.store.events.newest(), before + 1);
});

t.test('an answer comes after the commit, and after the listeners were told', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const order: string[] = [];
  core.applier.onCommitted(({ events }) => {
    order.push(`told ${events.length}`);
    t.equal(core.store.events.newest(), events.at(-1)?.number, 'what is told is committed');
  });
  await core.applier.submit(newSession()).then(() => order.push('answered'));
  t.same(order, ['told 1', 'answered']);
});

t.test('a COMMIT that fails is fatal: nothing is answered, and no more is taken', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const fatal: unknown[] = [];
  const told: unknown[] = [];
  const applier = new Applier({
    store: {
      ...core.store.writer,
      transaction(work) {
        core.store.writer.transaction(() => {
          work();
          throw new Error('the disk is gone');
        });
        throw new Error('unreachable');
      },
    },
    fleet: core.fleet,
    capacity: core.capacity,
    clock: systemClock,
    log: silent,
    onFatal: (error) => fatal.push(error),
  });
  applier.onCommitted((committed) => told.push(committed));
  let answered = false;
  void applier.submit(newSession()).then(() => {
    answered = true;
  });
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  t.match(fatal, [{ message: 'the disk is gone' }]);
  t.same(told, []);
  t.notOk(answered);
  t.equal(
    core.fleet.nodes().reduce((sum, { sessions }) => sum + sessions, 0),
    0,
  );
  t.match(await applier.submit(newSession()), { ok: false, refusal: { code: 'UNAVAILABLE' } });
});

t.test('times of rows never go back, and numbers of events go on after a restart', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-applier-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const first = await openCore({ directory });
  await Promise.all([first.applier.submit(newSession()), first.applier.submit(newSession())]);
  const [a, b] = await committedEvents(first.store.events);
  t.ok(a !== undefined && b !== undefined && b.at > a.at, 'two of one millisecond differ');
  first.close();

  const second = await openCore({ directory });
  t.teardown(second.close);
  await second.applier.submit(newSession());
  const numbers = (await committedEvents(second.store.events)).map(({ number }) => number);
  t.same(numbers, [1, 2, 3]);
  t.equal(
    second.fleet.nodes().reduce((sum, { sessions }) => sum + sessions, 0),
    3,
    'the room taken is counted from the rows',
  );
});

t.test('whatever is made and deleted, the room taken is that of the rows', async (t) => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const core = await openCore();
    const random = seeded(seed);
    const ids: SessionId[] = [];
    for (let step = 0; step < 10; step += 1) {
      const batch = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, i) => {
        const victim = ids[Math.floor(random() * ids.length)];
        if (random() < 0.4 && victim !== undefined) return core.applier.submit(removeSession(victim, 'deleted'));
        const id = `${seed}-${step}-${i}` as SessionId;
        ids.push(id);
        const requests = { cpuMillis: 1 + Math.floor(random() * 900), memoryBytes: MIB };
        return core.applier.submit(newSession({ id, requests, limits: { ...requests, diskBytes: MIB, processes: 1 } }));
      });
      await Promise.all(batch);
      for (const known of core.fleet.nodes()) {
        const rows = allOn(core.store.view, known.id);
        t.equal(known.sessions, rows.length, `seed ${seed}`);
        t.equal(
          known.requested.cpuMillis,
          rows.reduce((sum, { requests }) => sum + requests.cpuMillis, 0),
          `seed ${seed}`,
        );
        t.ok(known.requested.cpuMillis <= known.cpuMillis, `seed ${seed}: never more than there is`);
      }
    }
    core.close();
  }
});

t.test('what is applied lazily shares the commit of what comes next, in its turn, and is not forgotten when nothing does', async (t) => {
  // A batch ends when its decisions take long, as on a busy machine.
  const clock = new HandClock();
  const core = await openCore({ clock });
  t.teardown(core.close);
  const commits: number[] = [];
  core.applier.onCommitted(({ events }) => commits.push(events.length));
  const order: string[] = [];
  const lazy = core.applier.applyLazily(newSession()).then(() => order.push('lazy'));
  const eager = core.applier.apply(newSession()).then(() => order.push('eager'));
  await Promise.all([lazy, eager]);
  t.same(commits, [2], 'one commit for both');
  t.same(order, ['lazy', 'eager']);
  const last = core.applier.applyLazily(newSession());
  await clock.advance(1_000);
  await last;
  t.same(commits, [2, 1], 'and one of its own after a while');
});
