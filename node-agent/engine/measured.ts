import type { Clock } from '../../seams/clock.ts';
import { type Metrics, SECONDS } from '../../seams/metrics.ts';
import type { Driver } from './driver.ts';

const CALL_SECONDS = [...SECONDS, 30, 60];

/**
 * Returns the driver with its asynchronous calls timed by name and outcome, and counted while in
 * progress.
 */
export function measuredDriver(driver: Driver, metrics: Metrics, clock: Clock): Driver {
  const seconds = metrics.histogram({
    name: 'engine_call_seconds',
    help: 'Time that calls to the container engine took, with their wait for a turn',
    labels: ['call', 'outcome'],
    buckets: CALL_SECONDS,
  });
  let underWay = 0;
  metrics.gauge({
    name: 'engine_calls',
    help: 'Calls to the container engine that are in progress or wait for a turn',
    read: () => underWay,
  });

  async function timed(call: string, made: Promise<unknown>): Promise<unknown> {
    const startedAt = clock.monotonic();
    underWay += 1;
    let outcome = 'failed';
    try {
      const result = await made;
      outcome = 'ok';
      return result;
    } finally {
      underWay -= 1;
      seconds.observe((clock.monotonic() - startedAt) / 1000, { call, outcome });
    }
  }

  // Methods run on the object itself, since they use its private fields.
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        const result: unknown = Reflect.apply(member, target, given);
        return result instanceof Promise ? timed(nameOf(String(name), given[0]), result) : result;
      };
    },
  });
}

/** Work on volumes is counted by its kind. */
function nameOf(call: string, first: unknown): string {
  const isWork = call === 'volume' && typeof first === 'object' && first !== null && 'kind' in first;
  return isWork ? String(first.kind) : call;
}
