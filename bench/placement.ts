/**
 * Measures how many sessions a second the controller places: admitted, committed with a sync, sent to
 * a hollow node in the same process, and its acknowledgement committed. Many are placed at once, and
 * the last of them are compared with the first. `npm run bench -- placement [nodes] [sessions]`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startController } from '../controller/controller.ts';
import { Permissions } from '../controller/domain/access/rbac.ts';
import type { NodeId } from '../controller/domain/engine/ids.ts';
import { createNodeToken } from '../controller/domain/nodes/commands/join-tokens.ts';
import { joinNode } from '../controller/domain/nodes/commands/nodes.ts';
import type { Caller } from '../controller/services/access/caller.ts';
import { noBarriers } from '../seams/barrier.ts';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { systemClock as clock, systemRandom as random, systemDisk, systemFreeSpace } from '../seams/system.ts';
import { UNBOUNDED } from '../tests/unbounded-budgets.ts';
import { benchmark } from './figures/benchmark.ts';
import { row } from './figures/figures.ts';
import { HollowNodes } from './placement/hollow-nodes.ts';

const IMAGE = 'raworc/session:bench';
const AT_ONCE = 500;
/** Sessions of each figure. */
const STEP = 10_000;
/** Placements per second, and how much longer the last step may take than the first. */
const GOALS = { perSecond: 3000, growth: 1.3 };
const LEAST = { cpu: 0.001, memory_bytes: 2 ** 20 };
const RESOURCES = { requests: LEAST, limits: { cpu: 0.001, memory_bytes: 2 ** 26, disk_bytes: 2 ** 20, processes: 8 } };

const [nodes = 5000, sessions = 100_000] = process.argv.slice(2).map(Number);
if (!Number.isInteger(nodes) || nodes < 1) throw new Error('the number of nodes is a positive integer');
if (!Number.isInteger(sessions) || sessions < 2 * STEP) throw new Error(`the number of sessions is an integer of ${2 * STEP} or more`);

const complain = (event: string, fields?: object) => console.error(event, fields ?? {});

await benchmark(async ({ signal, ends, goal }) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-placement-'));
  ends(() => rm(directory, { recursive: true, force: true }));
  const fatal = new AbortController();
  const controller = await startController({
    directory,
    http: { host: '127.0.0.1', port: 0 },
    nodes: { host: '127.0.0.1', port: 0, joinPort: 0, advertise: ['127.0.0.1'] },
    budgets: UNBOUNDED,
    nats: undefined,
    baseImage: IMAGE,
    adminPassword: 'a password of the benchmark',
    corsOrigins: [],
    version: '0.0.0-bench',
    ...{ clock, random, disk: systemDisk, freeSpace: systemFreeSpace, barriers: noBarriers },
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: complain },
    metrics: prometheusMetrics({ processMetrics: true }),
    onFatal: (error) => fatal.abort(error),
  });
  ends(() => controller.close());
  const { core } = controller;
  const accountId = core.view.accountByUser('admin')?.id;
  if (accountId === undefined) throw new Error('there is no admin');
  const permissions = new Permissions([
    { role: { name: 'all', rules: [{ api_groups: ['*'], resources: ['*'], verbs: ['*'] }] }, spaceId: null },
  ]);
  const caller: Caller = { accountId, user: 'admin', permissions, now: () => caller };
  const running = new Map<string, () => void>();
  core.applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations)
      if (mutation.kind === 'put' && mutation.table === 'sessions' && mutation.row.phase === 'running') {
        running.get(mutation.row.id)?.();
        running.delete(mutation.row.id);
      }
  });

  const hollow = new HollowNodes();
  ends(() => hollow.close());
  const clusterId = (await readFile(join(directory, 'cluster-id'), 'utf8')).trim();
  const tokenId = random.uuid();
  await core.applier.submit(createNodeToken({ id: tokenId, secretHash: 'h', ttlMs: 3_600_000, uses: nodes, labels: {}, user: 'admin' }));
  const joins = async (at: number) => {
    const id = random.uuid() as NodeId;
    const joined = await core.applier.submit(
      joinNode({ id, name: `node-${at}`, tokenId, secretHash: 'h', keyHash: `key-${id}`, isConnected: () => false }),
    );
    if (!joined.ok) throw new Error(joined.refusal.message);
    await hollow.connect(id, { fleet: core.fleet, clock, clusterId, image: IMAGE });
  };
  await inTurns(nodes, joins);

  const place = async () => {
    const created = await core.services.sessions.create(caller, { space: 'default', resources: RESOURCES });
    if (!created.ok) throw new Error(created.refusal.message);
    const { id, state } = created.value;
    if (state !== 'idle') await new Promise<void>((resolve) => running.set(id, resolve));
  };
  console.log(`${nodes} nodes, ${AT_ONCE} at once, load ${loadavg()[0]?.toFixed(1)}`);
  console.log(row('sessions', ['per second', 'MiB']));
  const rates: number[] = [];
  for (let placed = 0; placed < sessions; placed += STEP) {
    signal.throwIfAborted();
    fatal.signal.throwIfAborted();
    const before = performance.now();
    await inTurns(STEP, place);
    rates.push(STEP / ((performance.now() - before) / 1000));
    console.log(row(`${placed + STEP}`, [(rates.at(-1) ?? 0).toFixed(0), (process.memoryUsage.rss() / 2 ** 20).toFixed(0)]));
  }
  const [first = 0, last = 0] = [rates[0], rates.at(-1)];
  goal('placements per second, last', last, { least: GOALS.perSecond });
  goal('time of the last beside the first', first / last, { most: GOALS.growth });
});

/** Runs the work so many times, some of them at once. */
async function inTurns(times: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const runs = Array.from({ length: Math.min(AT_ONCE, times) }, async () => {
    while (next < times) {
      next += 1;
      await work(next);
    }
  });
  await Promise.all(runs);
}
