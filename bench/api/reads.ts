import { median, percentile, row } from '../figures/figures.ts';
import type { Measured } from './load-process.ts';
import type { TimeSpent } from './profile.ts';
import type { Rig } from './rig.ts';
import { inTurns, type Run, spread, verdict, WIDTH } from './turns.ts';

/** Minimum share of the bare route's throughput. */
const GOAL = 0.6;
const BLOCK_MS = 2000;
/** Short enough that no session is read twice. */
const FRESH_MS = 700;
const CONNECTIONS = 16;
const WARM_UP = 20_000;
/** Each of these parts reads sessions that no earlier part read. */
const PARTS = 5;
/** Parts below this are left out, in microseconds per request. */
const MIN_US = 1;

const NAMES = { bare: 'bare Koa route with the same body', api: 'GET /sessions/{id}' } as const;
type Side = keyof typeof NAMES;
const SIDES: readonly Side[] = ['bare', 'api'];

interface Block extends Measured {
  /** Processors used to answer, in all threads. */
  readonly answering: number;
}

/** Reads single sessions out of all, as fast as possible. Returns whether the goal was reached. */
export async function reads(rig: Rig, run: Run): Promise<boolean> {
  const { reads } = rig.requests;
  const size = reads.last / PARTS;
  const parts = Array.from({ length: PARTS }, (_, part) => ({
    ...reads,
    first: Math.floor(part * size),
    last: Math.floor((part + 1) * size),
  }));
  const [known = reads, ...fresh] = parts;
  // Warm up by count, not by time: both sides need as many requests until their code is compiled.
  for (let done = 0; done < WARM_UP; ) done += (await measure(rig, 'bare')).latenciesMs.length;
  for (let done = 0; done < WARM_UP; ) done += (await measure(rig, 'api', known)).latenciesMs.length;

  console.log(`One session, ${CONNECTIONS} busy connections`);
  console.log(row('', ['requests/s', 'median ms', 'p99 ms', 'CPU', 'CPU load', 'µs/request'], WIDTH));
  const unread = fresh.values();
  const first = await inTurns(
    { ...run, rounds: fresh.length },
    () => measure(rig, 'bare', undefined, FRESH_MS),
    () => measure(rig, 'api', unread.next().value, FRESH_MS),
  );
  told(`${fresh.length} rounds of ${FRESH_MS} ms, each session read for the first time`, first);
  for (const part of parts) await measure(rig, 'api', part);
  const again = await inTurns(
    run,
    () => measure(rig, 'bare'),
    () => measure(rig, 'api'),
  );
  const ratio = told(`${run.rounds} rounds of ${BLOCK_MS} ms, any of them`, again);
  console.log(`The goal is ${GOAL} of the bare route's throughput: ${verdict(ratio >= GOAL)}`);
  for (const side of SIDES) console.log(await profileOf(rig, side));
  return ratio >= GOAL;
}

/**
 * Prints the results. Returns the median of the rounds' throughput relative to the bare route's.
 */
function told(title: string, found: readonly (readonly [Block, Block])[]): number {
  const blocks = { bare: found.map(([bare]) => bare), api: found.map(([, api]) => api) };
  console.log(title);
  for (const side of SIDES) console.log(row(`  ${NAMES[side]}`, cells(blocks[side]), WIDTH));
  const throughput = found.map(([bare, api]) => api.perSecond / bare.perSecond);
  const effort = found.map(([bare, api]) => usOf(bare) / usOf(api));
  console.log(`  throughput of a read relative to the bare route: ${spread(throughput)}; at equal processor time: ${spread(effort)}`);
  return median(throughput);
}

async function measure(rig: Rig, side: Side, reads = rig.requests.reads, durationMs = BLOCK_MS): Promise<Block> {
  const target = side === 'api' ? rig.api : rig.bareRoutes;
  const requests = side === 'api' ? reads : rig.requests.bareRead;
  const used = () => (side === 'api' ? rig.controller.ask('processorMs', undefined) : rig.bare.ask('processorMs', undefined));
  const [usedMs, at] = [await used(), performance.now()];
  const measured = await rig.load.ask('closed', { target, requests, connections: CONNECTIONS, durationMs });
  return { ...measured, answering: ((await used()) - usedMs) / (performance.now() - at) };
}

const usOf = ({ answering, perSecond }: Block): number => (answering * 1e6) / perSecond;

function cells(blocks: readonly Block[]): string[] {
  const of = (figure: (block: Block) => number, digits: number) => median(blocks.map(figure)).toFixed(digits);
  const latencies = blocks.flatMap(({ latenciesMs }) => latenciesMs);
  return [
    of(({ perSecond }) => perSecond, 0),
    ...[50, 99].map((rank) => percentile(latencies, rank).toFixed(2)),
    of(({ answering }) => answering, 2),
    of(({ asking }) => asking, 2),
    of(usOf, 0),
  ];
}

/** Returns the cost of a request by the owner of the code. */
async function profileOf(rig: Rig, side: Side): Promise<string> {
  await (side === 'api' ? rig.controller.ask('profile', undefined) : rig.bare.ask('profile', undefined));
  const { latenciesMs } = await measure(rig, side);
  const taken = await (side === 'api' ? rig.controller.ask('profiled', undefined) : rig.bare.ask('profiled', undefined));
  const { usedMs, parts, functions } = taken;
  const us = (usedMs * 1000) / latenciesMs.length;
  const worded = (shares: TimeSpent['parts']) =>
    shares
      .filter(({ share }) => share * us >= MIN_US)
      .map(({ name, share }) => `${name} ${(share * us).toFixed(0)}`)
      .join(', ');
  return `${NAMES[side]}, ${us.toFixed(0)} µs per request under the profiler: ${worded(parts)}\n  in ${worded(functions)}`;
}
