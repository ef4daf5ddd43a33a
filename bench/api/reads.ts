import { median, percentile, row } from '../figures/figures.ts';
import type { Measured } from './load-process.ts';
import type { TimeSpent } from './profile.ts';
import type { Rig } from './rig.ts';
import { inTurns, type Run, spread, verdict, WIDTH } from './turns.ts';

/** Of the bare route's throughput. */
const GOAL = 0.6;
const BLOCK_MS = 2000;
/** Too short to come round to the first again. */
const FRESH_MS = 700;
const CONNECTIONS = 16;
const WARM_UP = 20_000;
/** Of the sessions: what is not read before a part begins is read in it for the first time. */
const PARTS = 5;
/** Below it, in microseconds a request, a part is not named. */
const MIN_US = 1;

const NAMES = { bare: 'bare Koa route with the same body', api: 'GET /sessions/{id}' } as const;
type Side = keyof typeof NAMES;
const SIDES: readonly Side[] = ['bare', 'api'];

interface Block extends Measured {
  /** How much of a processor it took to answer, all threads. */
  readonly answering: number;
}

/** Reads of one session each, out of all that there are, as many as can be had. Whether the goal was reached. */
export async function reads(rig: Rig, run: Run): Promise<boolean> {
  const { reads } = rig.requests;
  const size = reads.last / PARTS;
  const parts = Array.from({ length: PARTS }, (_, part) => ({
    ...reads,
    first: Math.floor(part * size),
    last: Math.floor((part + 1) * size),
  }));
  const [known = reads, ...fresh] = parts;
  // By number, not time: the slower one needs as many to be compiled as well as the quicker.
  for (let done = 0; done < WARM_UP; ) done += (await measure(rig, 'bare')).latenciesMs.length;
  for (let done = 0; done < WARM_UP; ) done += (await measure(rig, 'api', known)).latenciesMs.length;

  console.log(`One session, ${CONNECTIONS} connections that always ask`);
  console.log(row('', ['requests/s', 'median ms', 'p99 ms', 'CPU', 'CPU load', 'µs/request'], WIDTH));
  const unread = fresh.values();
  const first = await inTurns(
    { ...run, rounds: fresh.length },
    () => measure(rig, 'bare', undefined, FRESH_MS),
    () => measure(rig, 'api', unread.next().value, FRESH_MS),
  );
  told(`${fresh.length} rounds of ${FRESH_MS} ms, each session for the first time`, first);
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

/** Prints what was found; the median of the rounds' throughput by that of the bare route. */
function told(title: string, found: readonly (readonly [Block, Block])[]): number {
  const blocks = { bare: found.map(([bare]) => bare), api: found.map(([, api]) => api) };
  console.log(title);
  for (const side of SIDES) console.log(row(`  ${NAMES[side]}`, cells(blocks[side]), WIDTH));
  const throughput = found.map(([bare, api]) => api.perSecond / bare.perSecond);
  const effort = found.map(([bare, api]) => usOf(bare) / usOf(api));
  console.log(`  a read has ${spread(throughput)} of the bare route's throughput, and at equal time of processors ${spread(effort)}`);
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

/** What a request costs, by whose code it is. */
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
  return `${NAMES[side]}, ${us.toFixed(0)} µs a request under the profiler: ${worded(parts)}\n  in ${worded(functions)}`;
}
