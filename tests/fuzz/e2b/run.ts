import fc from 'fast-check';
import type { Rest } from '../../cluster/rest.ts';
import { eachOf, type FuzzOptions, grown, mib } from '../run.ts';
import { type FuzzTarget, openTarget } from '../target.ts';
import { E2bFuzz } from './e2b-fuzz.ts';
import { CONTROL, DATA, type E2bRoute } from './routes.ts';
import { type E2bSketch, e2bSketch } from './sketch.ts';

export interface E2bFuzzResult {
  readonly sent: number;
  readonly failures: readonly string[];
  /** Routes that no request reached with success. */
  readonly missing: readonly string[];
  /** Of the controller after a forced collection, at equal distances. */
  readonly heapBytes: readonly number[];
}

const BATCH = 250;
const AT_ONCE = 8;
const SANDBOXES = 6;
/** These succeed by no request: they name nothing that is there, and what is watched in a pretended session ends at once. */
const NEVER: ReadonlySet<string> = new Set([
  ...['POST /process.Process/Nothing', 'DELETE /templates/{id}'],
  ...['POST /filesystem.Filesystem/GetWatcherEvents', 'POST /filesystem.Filesystem/RemoveWatcher'],
]);

/** Sends generated requests to the listener for the SDKs of E2B. The same seed generates the same. */
export async function fuzzE2b({ seed, runs, print = () => undefined }: FuzzOptions): Promise<E2bFuzzResult> {
  const target = await openTarget();
  try {
    const run = new E2bFuzz(target.e2b, { own: await keyIn(target.root, 'fz-e2b'), other: await keyIn(target.root, 'fz-e2b-other') });
    const heapBytes = await sendAll(run, target, { seed, runs, print }).finally(() => run.close());
    const missing = [...CONTROL, ...DATA]
      .map(({ method, path }) => `${method} ${path}`)
      .filter((one) => !run.succeeded.has(one) && !NEVER.has(one));
    return { sent: run.sent, heapBytes, missing, failures: [...run.failures, ...grown(heapBytes), ...target.faults] };
  } finally {
    await target.close();
  }
}

async function sendAll(run: E2bFuzz, target: FuzzTarget, { seed, runs, print }: Required<FuzzOptions>): Promise<number[]> {
  const heapBytes: number[] = [];
  await run.settle(SANDBOXES);
  await asTheSdks(run);
  for (let made = 0; made < runs; made += BATCH) {
    const sketches = fc.sample(e2bSketch, { seed: seed + made, numRuns: Math.min(BATCH, runs - made) });
    await eachOf(sketches, AT_ONCE, (sketch) => run.send(sketch));
    await run.settle(SANDBOXES);
    heapBytes.push(await target.heapBytes());
    print(`E2B: ${run.sent} requests, ${run.failures.length} failures, heap ${mib(heapBytes.at(-1) ?? 0)}`);
  }
  return heapBytes;
}

/** Sends each route what the SDKs send, to sandboxes with a process, a watcher and a file. */
async function asTheSdks(run: E2bFuzz): Promise<void> {
  const before = ['/process.Process/Start', '/filesystem.Filesystem/CreateWatcher', '/files'];
  const prepared = before.map((path) => DATA.find((route) => route.path === path) as E2bRoute);
  const [start] = prepared;
  for (const process of start?.messages ?? [])
    for (const route of DATA)
      for (const fields of route.messages) {
        for (const one of prepared) await run.send(sent(one, one === start ? process : (one.messages[0] ?? {}), 0));
        await run.send(sent(route, fields, 0));
      }
  for (const route of CONTROL) for (const fields of route.messages) await run.send(sent(route, fields, 0));
  await run.settle(SANDBOXES);
}

const sent = (route: E2bRoute, fields: Readonly<Record<string, unknown>>, at: number): E2bSketch => ({
  ...{ route, method: route.method, path: route.path, query: route.queries?.at(-1) ?? '', proof: 'own', framing: 'one', headers: {} },
  ...{ subject: { kind: 'there', at }, body: { kind: 'message', fields } },
});

/** Returns a key of E2B for a new space. */
async function keyIn(root: Rest, space: string): Promise<string> {
  await root.call('POST', '/spaces', { name: space, settings: { profiles: ['locked', 'workstation'] } });
  const { status, body } = await root.call('POST', '/api-keys', { name: space, space });
  if (status !== 201) throw new Error(`a key was not made: ${status} ${JSON.stringify(body)}`);
  return (body as { readonly e2b_key: string }).e2b_key;
}
