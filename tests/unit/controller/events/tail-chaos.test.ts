import t from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { EventPosition, StoredEvent } from '../../../../controller/domain/events/events.ts';
import { Loops } from '../../../../controller/services/engine/loops.ts';
import { isInScope } from '../../../../controller/services/events/audience.ts';
import { Publisher } from '../../../../controller/services/events/publisher.ts';
import { Tail } from '../../../../controller/services/events/tail.ts';
import type { EventScope, Taken } from '../../../../controller/services/events/watching.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { FrailNews } from './frail-news.ts';
import { keptLog } from './kept-log.ts';
import { MemoryLog } from './memory-log.ts';

const SPACES = ['space-a', 'space-b'] as SpaceId[];
const SESSIONS = ['session-1', 'session-2', 'session-3'] as SessionId[];

/** mulberry32: small, seeded, good enough to choose steps. */
function dice(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (bound: number) => Math.floor(next() * bound),
    chance: (probability: number) => next() < probability,
    of<T>(things: readonly T[]): T {
      const thing = things[Math.floor(next() * things.length)];
      if (thing === undefined) throw new Error('nothing to choose from');
      return thing;
    },
  };
}

/** Checks, with every call, that nothing of its scope was left out, doubled or given out of turn. */
class Witness {
  readonly scope: EventScope;
  readonly faults: string[] = [];
  readonly #all: readonly StoredEvent[];
  readonly #mayReset: () => boolean;
  readonly #isFull: () => boolean;
  cursor: number;
  ended = false;
  resets = 0;

  constructor(all: readonly StoredEvent[], scope: EventScope, start: number, mayReset: () => boolean, isFull: () => boolean) {
    this.#all = all;
    this.scope = scope;
    this.cursor = start;
    this.#mayReset = mayReset;
    this.#isFull = isFull;
  }

  get missing(): StoredEvent[] {
    return this.#all.filter((event) => event.number > this.cursor && isInScope(this.scope, event));
  }

  event(event: StoredEvent, position: EventPosition): Taken {
    if (this.#isFull()) return this.#refuse();
    const expected = this.missing[0];
    if (expected?.number !== event.number) this.faults.push(`got ${event.number} instead of ${expected?.number}`);
    if (position.number !== event.number) this.faults.push(`position ${position.number} of event ${event.number}`);
    this.cursor = event.number;
    return 'more';
  }

  reset(position: EventPosition): Taken {
    if (this.#isFull()) return this.#refuse();
    if (!this.#mayReset()) this.faults.push(`reset to ${position.number} without a reason`);
    this.resets += 1;
    this.cursor = position.number;
    return 'more';
  }

  /** What is given to one that said it is full, before it resumes, is a fault. */
  isParked = false;

  #refuse(): Taken {
    if (this.isParked) this.faults.push('was called while it was full');
    this.isParked = true;
    return 'full';
  }

  delta = (): Taken => 'more';
  log = (): Taken => 'more';
  end = () => {
    this.ended = true;
  };
}

async function run(seed: number): Promise<string[]> {
  const random = dice(seed);
  const clock = new HandClock();
  const events = new MemoryLog(7);
  const news = new FrailNews();
  const log = keptLog();
  const all: StoredEvent[] = [];
  const witnesses: Witness[] = [];
  const parked: (() => void)[] = [];
  let isOver = false;
  const commit = () => {
    const place = random.chance(0.1) ? {} : { space: random.of(SPACES), session: random.of(SESSIONS) };
    const stored = events.commit(place);
    all.push(stored);
    return stored;
  };
  for (let count = random.below(500); count > 0; count -= 1) commit();
  const tail = new Tail({ loops: new Loops({ clock, random: systemRandom, log }), events, news, clock, log });
  let publisher = new Publisher({ loops: new Loops({ clock, random: systemRandom, log }), events, news, clock, log });
  tail.start();
  publisher.start();
  const hints = random.chance(0.7);
  const prunes = random.chance(0.3);

  const watch = () => {
    const scope: EventScope = {
      ...(random.chance(0.5) ? { session: random.of(SESSIONS) } : {}),
      ...(random.chance(0.5) ? { spaces: new Set([random.of(SPACES)]) } : {}),
    };
    const newest = events.newest();
    const asked = random.of<EventPosition | 'now'>([
      'now',
      { epoch: 7, number: random.below(newest + 1) },
      { epoch: 7, number: newest },
      { epoch: 7, number: newest + 1 + random.below(50) },
      { epoch: random.of([6, 8]), number: random.below(newest + 1) },
      { epoch: 7, number: 0 },
    ]);
    const after = asked === 'now' ? undefined : asked;
    const isOdd = after !== undefined && (after.epoch !== 7 || after.number > newest);
    const isSlow = random.chance(0.4);
    const isFull = () => isSlow && !isOver && random.chance(0.05);
    const witness = new Witness(all, scope, after?.number ?? newest, () => isOdd || prunes, isFull);
    const handle = tail.watch(scope, after, witness);
    parked.push(() => {
      if (!witness.isParked) return;
      witness.isParked = false;
      handle.resume();
    });
    if (random.chance(0.1)) handle.close();
    else witnesses.push(witness);
  };

  const steps: (() => void | Promise<void>)[] = [
    () => {
      const batch = Array.from({ length: 1 + random.below(random.chance(0.1) ? 300 : 5) }, commit);
      if (hints && random.chance(0.9)) tail.committed(batch);
      if (random.chance(0.5)) publisher.wake();
      else if (random.chance(0.8)) publisher.committed(batch);
    },
    () => {
      news.waiting = news.waiting.filter(() => random.chance(0.7)).flatMap((say) => (random.chance(0.2) ? [say, say] : [say]));
      if (random.chance(0.5))
        news.waiting = news.waiting
          .map((say) => ({ say, key: random.below(1000) }))
          .sort((a, b) => a.key - b.key)
          .map(({ say }) => say);
      news.deliver();
    },
    () => clock.advance(random.of([0, 0, 10, 300, 2000])),
    watch,
    () => {
      for (const resume of parked) if (random.chance(0.5)) resume();
    },
    () => news.connect(random.chance(0.6)),
    () => {
      news.refusing = random.chance(0.3);
    },
    async () => {
      // As after a kill: only what was marked is known to be published.
      if (!random.chance(0.2)) return;
      const old = publisher;
      publisher = new Publisher({ loops: new Loops({ clock, random: systemRandom, log }), events, news, clock, log });
      publisher.start();
      const closing = old.close();
      await clock.advance(0);
      await closing;
    },
    () => {
      if (prunes && random.chance(0.3)) events.prune(random.below(events.newest() + 1));
    },
  ];
  for (let step = 0; step < 120; step += 1) await random.of(steps)();

  isOver = true;
  for (const resume of parked) resume();
  // The bus may stay away for good: the tail finds out by itself.
  const heals = random.chance(0.5);
  news.connect(heals);
  news.refusing = false;
  news.deliver();
  await clock.advance(3_000);
  news.deliver();
  await clock.advance(3_000);
  const faults = witnesses.flatMap((witness, index) => [
    ...witness.faults.map((fault) => `watcher ${index}: ${fault}`),
    ...(witness.missing.length > 0 ? [`watcher ${index} never got ${witness.missing.length} events`] : []),
    ...(witness.ended ? [`watcher ${index} was ended`] : []),
  ]);
  if (heals && !prunes) {
    const told = new Set(news.told.map((event) => event.number));
    const first = news.told[0]?.number ?? 1;
    if (first !== 1 || all.some((event) => !told.has(event.number))) faults.push('not every event was published');
  }
  tail.close();
  if (witnesses.some((witness) => !witness.ended)) faults.push('a watcher did not hear of the end');
  const closing = publisher.close();
  await clock.advance(2_000);
  await closing;
  if (heals && events.published() !== events.newest()) faults.push('the mark was not kept');
  for (const event of log.events) if (/failed/.test(event)) faults.push(event);
  return faults;
}

const SEED = Number(process.env.RAWORC_TEST_SEED ?? 0);
const RUNS = SEED > 0 ? 1 : 150;

t.test('whatever the bus loses, doubles, mixes up or refuses, every watcher sees the complete ordered list', async (t) => {
  for (let seed = SEED || 1; seed < (SEED || 1) + RUNS; seed += 1) {
    const faults = await run(seed);
    if (faults.length > 0) t.fail(`RAWORC_TEST_SEED=${seed}`, { faults: faults.slice(0, 10) });
  }
  t.pass(`${RUNS} seeds`);
});
