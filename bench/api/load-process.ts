/** The load generator, as a separate process. */
import { Connection, type Target } from './connection.ts';
import { processorMs } from './profiler.ts';
import { serve } from './remote.ts';

/**
 * One request for each stored word from `first` up to `last`. Words are sent once, not for each
 * measurement.
 */
export interface Worded {
  readonly before: string;
  readonly after: string;
  readonly first: number;
  readonly last: number;
}

/**
 * Sends requests over `connections`, each again as soon as it has its answer. This process never
 * sleeps meanwhile: waking it costs the server some 20 µs on a virtual machine, which only the
 * slower of two servers would pay.
 */
export interface ClosedLoop {
  readonly target: Target;
  readonly requests: readonly string[] | Worded;
  readonly connections: number;
  readonly durationMs: number;
}

/**
 * Sends requests at their times, whether or not earlier ones were answered. Returns latencies by
 * stream.
 */
export interface OpenLoop {
  readonly target: Target;
  readonly durationMs: number;
  readonly streams: readonly {
    readonly name: string;
    readonly requests: readonly string[];
    readonly perSecond: number;
    readonly even: boolean;
  }[];
}

export interface Measured {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Processors used by the load generator. */
  readonly asking: number;
}

let kept: readonly string[] = [];

function keep(words: readonly string[]): void {
  kept = words;
}

/** Returns the n-th request, starting over after the last. */
function requestAt(requests: ClosedLoop['requests'], n: number): string {
  if (!('before' in requests)) return requests[n % requests.length] ?? '';
  const { before, after, first, last } = requests;
  return `${before}${kept[first + (n % (last - first))]}${after}`;
}

async function closed({ target, requests, connections, durationMs }: ClosedLoop): Promise<Measured> {
  const open = Array.from({ length: connections }, () => new Connection(target));
  const latenciesMs: number[] = [];
  const [begun, usedMs] = [performance.now(), processorMs()];
  let next = 0;
  let isOver = false;
  const stayAwake = () => void (isOver || setImmediate(stayAwake));
  stayAwake();
  await Promise.all(
    open.map(async (connection) => {
      while (performance.now() - begun < durationMs) {
        const sent = performance.now();
        await answered(connection, requestAt(requests, next++));
        latenciesMs.push(performance.now() - sent);
      }
    }),
  );
  isOver = true;
  const tookMs = performance.now() - begun;
  for (const connection of open) connection.close();
  return { perSecond: (latenciesMs.length / tookMs) * 1000, latenciesMs, asking: (processorMs() - usedMs) / tookMs };
}

/** Sends each request on an idle connection, so that none waits for another here. */
async function open({ target, streams, durationMs }: OpenLoop): Promise<Record<string, readonly number[]>> {
  const pool: Connection[] = [];
  const free = () => {
    const found = pool.find(({ isFree }) => isFree) ?? new Connection(target);
    if (!pool.includes(found)) pool.push(found);
    return found;
  };
  const begun = performance.now();
  const runs = streams.map(async ({ name, requests, perSecond, even }) => {
    const latenciesMs: number[] = [];
    const sent: Promise<void>[] = [];
    // At random times, so that two streams never run in step.
    const gapMs = () => (even ? 1000 / perSecond : (-Math.log(1 - Math.random()) * 1000) / perSecond);
    for (let dueMs = gapMs(); dueMs < durationMs; dueMs += gapMs()) {
      await until(begun + dueMs);
      const at = performance.now();
      const done = answered(free(), requests[sent.length % requests.length] ?? '');
      sent.push(done.then(() => void latenciesMs.push(performance.now() - at)));
    }
    await Promise.all(sent);
    return [name, latenciesMs] as const;
  });
  const found = Object.fromEntries(await Promise.all(runs));
  for (const connection of pool) connection.close();
  return found;
}

async function until(at: number): Promise<void> {
  const waitMs = at - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

async function answered(connection: Connection, request: string): Promise<void> {
  const status = await connection.send(request);
  if (status !== 200 && status !== 201) throw new Error(`${request.split('\r\n')[0]} was answered ${status}`);
}

const duties = { keep, closed, open };
export type LoadDuties = typeof duties;
serve(duties);
