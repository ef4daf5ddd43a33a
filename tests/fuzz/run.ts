import fc from 'fast-check';
import { FOREIGN_SPACE, OWN_SPACE } from './callers.ts';
import { directed } from './directed.ts';
import { Fuzz } from './fuzz.ts';
import { unreadable } from './not-http.ts';
import { KINDS, type Kind } from './pools.ts';
import { sketchOf } from './sketch.ts';
import { type FuzzTarget, NODES, openTarget } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** How many requests are generated. */
  readonly runs: number;
  readonly print?: (line: string) => void;
}

export interface FuzzResult {
  readonly sent: number;
  readonly failures: readonly string[];
  /** Documented answers that a client can cause, and that did not come. */
  readonly missing: readonly string[];
  readonly tally: string;
  readonly slowestMs: number;
  readonly tookMs: number;
  /** Of the controller after a forced collection, at equal distances. */
  readonly heapBytes: readonly number[];
}

const BATCH = 250;
const AT_ONCE = 8;
/** More than these are removed after each batch, so that the heap can be compared. */
const KEPT: Readonly<Partial<Record<Kind, number>>> = {
  session: 20,
  account: 15,
  role: 15,
  binding: 15,
  key: 15,
  space: 12,
  secret: 40,
  agent: 20,
};
const GROWTH = 1.1;

/** The same seed generates the same requests, as far as the answers before were the same. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const beganAt = performance.now();
  const target = await openTarget();
  try {
    const run = await Fuzz.open(target);
    const heapBytes = await sendAll(run, options).finally(() => run.close());
    const { failures, sent, slowestMs, reached } = run;
    const result = { sent, slowestMs, heapBytes, missing: reached.missing(), tally: reached.tally };
    return { ...result, failures: [...failures, ...grown(heapBytes), ...target.faults], tookMs: performance.now() - beganAt };
  } finally {
    await target.close();
  }
}

/** By chance, no node is taken out of service: everything else needs one. */
const leavesNodes = ({ name }: { readonly name: string }): boolean => !OUT_OF_SERVICE.has(name);
const OUT_OF_SERVICE: ReadonlySet<string> = new Set(['DELETE /nodes/{id}', 'POST /nodes/{id}/cordon', 'POST /nodes/{id}/drain']);

/** What was thought of, then what chance brings. The heap after each batch. */
async function sendAll(run: Fuzz, { seed, runs, print = () => undefined }: FuzzOptions): Promise<number[]> {
  const { target, reached, failures } = run;
  const operations = run.operations.filter(leavesNodes);
  const heapBytes: number[] = [];
  plant(run, target);
  failures.push(...(await unreadable(target.url)));
  await directed(run);
  failures.push(...(await run.records.faults(target.root)));
  await settle(run);
  for (let made = 0; made < runs; made += BATCH) {
    const unfinished = reached.unfinished().filter(leavesNodes);
    // Half of it where something is still to be reached.
    const some = fc.oneof(fc.constantFrom(...operations), fc.constantFrom(...(unfinished.length === 0 ? operations : unfinished)));
    const sketches = fc.sample(some.chain(sketchOf), { seed: seed + made, numRuns: Math.min(BATCH, runs - made) });
    await eachOf(sketches, AT_ONCE, (sketch) => run.send(sketch));
    failures.push(...(await run.records.faults(target.root)));
    await settle(run);
    heapBytes.push(await target.heapBytes());
    print(
      `${run.records.judged} changes found in the audit record, ${run.sent} requests, ${reached.tally} answers, ${failures.length} failures, heap ${mib(heapBytes.at(-1) ?? 0)}`,
    );
  }
  return heapBytes;
}

/** Of four batches and more: the second half may hold a tenth more than the first. */
export function grown(heapBytes: readonly number[]): readonly string[] {
  const half = Math.ceil(heapBytes.length / 2);
  const [first, second] = [Math.max(...heapBytes.slice(0, half)), Math.max(...heapBytes.slice(half))];
  return heapBytes.length > 3 && second > first * GROWTH ? [`the heap grew from ${mib(first)} to ${mib(second)}`] : [];
}

export const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** What is there from the start. */
function plant({ pools }: Fuzz, target: FuzzTarget): void {
  for (const name of ['default', OWN_SPACE, FOREIGN_SPACE]) pools.add('space', { name });
  for (const id of ['admin', 'operator', 'developer', 'viewer']) pools.add('role', { id });
  for (const id of NODES) pools.add('node', { id });
  for (const session of target.orphans) pools.add('orphan', { id: 'first', session });
}

/** Removes the oldest of what there is too much of, and brings the spaces back that everything else happens in. */
async function settle({ pools, target: { root } }: Fuzz): Promise<void> {
  for (const name of ['default', OWN_SPACE, FOREIGN_SPACE]) await root.call('PUT', `/spaces/${name}`, { active: true, settings: {} });
  await root.call('PUT', '/nodes/first', { schedulable: true });
  const sessions = (await root.call('GET', '/sessions?limit=1000&order=asc')).body as readonly { id: string }[];
  for (const { id } of sessions.slice(0, Math.max(0, sessions.length - (KEPT.session ?? 0)))) await root.call('DELETE', `/sessions/${id}`);
  const left = new Set(sessions.map(({ id }) => id).slice(-(KEPT.session ?? 0)));
  for (const place of pools.of('session')) if (!left.has(place.id ?? '')) pools.drop('session', place);
  for (const kind of KINDS) {
    const most = KEPT[kind];
    const path = PATHS[kind];
    if (most === undefined || path === undefined) continue;
    const all = pools.of(kind).filter((place) => !isPlanted(place));
    for (const place of all.slice(0, Math.max(0, all.length - most))) {
      await root.call('DELETE', path(place));
      pools.drop(kind, place);
    }
  }
}

const isPlanted = (place: object) =>
  Object.values(place).some((name) => ['admin', 'operator', 'developer', 'viewer'].includes(name)) ||
  (Object.keys(place).length === 1 && ['default', OWN_SPACE, FOREIGN_SPACE].includes(Object.values(place)[0]));

const PATHS: Readonly<Partial<Record<Kind, (place: Readonly<Record<string, string>>) => string>>> = {
  account: ({ id }) => `/service-accounts/${id}`,
  role: ({ id }) => `/roles/${id}`,
  binding: ({ id }) => `/role-bindings/${id}`,
  key: ({ id }) => `/api-keys/${id}`,
  space: ({ name }) => `/spaces/${name}`,
  secret: ({ name, key }) => `/spaces/${name}/secrets/${key}`,
  agent: ({ name, agent }) => `/spaces/${name}/agents/${agent}`,
};

export async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].reverse();
  const worker = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
