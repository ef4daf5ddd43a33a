import t from 'tap';
import type { Clock } from '../../../seams/clock.ts';
import type { Upgrade } from '../../../systemd/upgrade/phases.ts';
import { HEALTH_TIMES, runUpgrade, type UpgradeDeps } from '../../../systemd/upgrade/run-upgrade.ts';
import { type ServiceState, serviceState } from '../../../systemd/upgrade/service.ts';

const BEGUN: Upgrade = { from: 'old', to: 'new', phase: 'switch', wasHealthy: true };

/** How a version behaves after its start, by the milliseconds since. */
type Version = (ageMs: number) => ServiceState | 'not ready' | 'hangs';

const healthy: Version = () => ({ isActive: true, restarts: 0, status: 'connected to the controller' });
const neverReady: Version = () => 'not ready';
const hangs: Version = () => 'hangs';
const neverConnects: Version = () => ({ isActive: true, restarts: 0, status: 'the controller is away' });
const crashLoop: Version = (ageMs) => ({ isActive: ageMs % 4000 > 1000, restarts: Math.floor(ageMs / 4000), status: 'connected' });
const slow: Version = (ageMs) => ({ isActive: true, restarts: 0, status: ageMs < 50_000 ? 'the controller is away' : 'connected' });

/** A host whose upgrading process is killed before or after its effect number `killedAt`. */
class Host {
  link = 'old';
  running = 'old';
  record: Upgrade | undefined;
  readonly versions: Readonly<Record<string, Version>>;
  effects = 0;
  killedAt = Number.POSITIVE_INFINITY;
  isAfter = false;
  readonly #killed = Promise.withResolvers<'killed'>();
  #nowMs = 0;
  #startedMs = 0;

  constructor(old: Version, next: Version) {
    this.versions = { old, new: next };
  }

  /** Resolves when the upgrading process is killed. */
  get killed(): Promise<'killed'> {
    return this.#killed.promise;
  }

  get deps(): UpgradeDeps {
    return {
      clock: this.#clock(),
      times: HEALTH_TIMES,
      save: (record) =>
        this.#effect(() => {
          this.record = record;
        }),
      point: (version) =>
        this.#effect(() => {
          this.link = version;
        }),
      report: () => undefined,
      service: {
        restart: (withinMs) =>
          this.#effect(() => {
            this.running = this.link;
            this.#startedMs = this.#nowMs;
            const state = this.#state();
            if (state === 'hangs') this.#nowMs += withinMs;
            return typeof state !== 'string';
          }),
        state: async () => {
          const state = this.#state();
          return typeof state === 'string' ? serviceState('') : state;
        },
      },
    };
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  #state(): ReturnType<Version> {
    return this.versions[this.running]?.(this.#nowMs - this.#startedMs) ?? 'not ready';
  }

  async #effect<T>(work: () => T): Promise<T> {
    this.effects += 1;
    const isKilled = this.effects === this.killedAt;
    if (!isKilled) return work();
    if (this.isAfter) work();
    this.#killed.resolve('killed');
    return new Promise(() => undefined);
  }

  /** Time passes only while somebody waits. */
  #clock(): Clock {
    return {
      now: () => this.#nowMs,
      monotonic: () => this.#nowMs,
      soon(run) {
        queueMicrotask(run);
        return { cancel: () => undefined };
      },
      after: (delayMs, run) => {
        this.#nowMs += delayMs;
        queueMicrotask(run);
        return { cancel: () => undefined };
      },
    };
  }
}

const CASES = [
  ['a good version stays', healthy, healthy, 'upgraded', 'new'],
  ['a slow one has a minute', healthy, slow, 'upgraded', 'new'],
  ['one that does not become ready is switched back', healthy, neverReady, 'reverted', 'old'],
  ['so is one that hangs at its start', healthy, hangs, 'reverted', 'old'],
  ['so is one that does not reach the controller, unlike the old one', healthy, neverConnects, 'reverted', 'old'],
  ['so is one that is ready at moments', healthy, crashLoop, 'reverted', 'old'],
  ['if both fail, the old one is in place', neverReady, neverReady, 'broken', 'old'],
] as const;

for (const [what, old, next, outcome, version] of CASES)
  t.test(what, async (t) => {
    const host = new Host(old, next);
    t.equal(await runUpgrade(BEGUN, host.deps), outcome);
    t.match(host, { link: version, running: version, record: undefined });
  });

t.test('a version that hangs at its start keeps the old one away for no longer than the time that it was given', async (t) => {
  const host = new Host(healthy, hangs);
  await runUpgrade(BEGUN, host.deps);
  t.ok(host.nowMs <= HEALTH_TIMES.withinMs + HEALTH_TIMES.steadyMs + HEALTH_TIMES.lookEveryMs);
});

t.test('where the controller was away before, a new version only has to run', async (t) => {
  const host = new Host(neverConnects, neverConnects);
  t.equal(await runUpgrade({ ...BEGUN, wasHealthy: false }, host.deps), 'upgraded');
});

t.test('killed at any moment, the next call continues to the same end', async (t) => {
  for (const [what, old, next, , version] of CASES) {
    const whole = new Host(old, next);
    await runUpgrade(BEGUN, whole.deps);
    for (let killedAt = 1; killedAt <= whole.effects; killedAt += 1)
      for (const isAfter of [false, true]) {
        const host = Object.assign(new Host(old, next), { killedAt, isAfter });
        t.equal(await Promise.race([runUpgrade(BEGUN, host.deps), host.killed]), 'killed');
        if (!['old', 'new'].includes(host.link)) t.fail('no whole version is in place');
        await runUpgrade(host.record ?? BEGUN, host.deps);
        t.match(
          host,
          { link: version, running: version, record: undefined },
          `${what}, killed ${isAfter ? 'after' : 'before'} ${killedAt}`,
        );
      }
  }
});

t.test('the state of a service is read from systemctl show', async (t) => {
  t.same(serviceState('ActiveState=active\nNRestarts=3\nStatusText=connected: a=b\n'), {
    isActive: true,
    restarts: 3,
    status: 'connected: a=b',
  });
  t.same(serviceState('ActiveState=activating\nNRestarts=0\nStatusText='), { isActive: false, restarts: 0, status: '' });
});
