/** Very many sessions on many nodes: the controller starts again, tells each node what it should hold, and compares for a long while. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import t from 'tap';
import type { NodeId, SessionId } from '../../controller/domain/engine/ids.ts';
import { createSession } from '../../controller/domain/sessions/commands/create-session.ts';
import { Capacity, placedSessions } from '../../controller/services/engine/capacity.ts';
import { PART } from '../../controller/services/fleet/assignments.ts';
import { Fleet } from '../../controller/services/fleet/fleet.ts';
import { PARTS_AHEAD } from '../../controller/services/fleet/set-sender.ts';
import { LeaseLoop } from '../../controller/services/nodes/lease-loop.ts';
import { inventoryParts } from '../../node-agent/control/inventory.ts';
import { controllerFrames } from '../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import { SetSum } from '../../proto/set-sum.ts';
import { noBarriers } from '../../seams/barrier.ts';
import { pause } from '../../seams/clock.ts';
import { systemClock as clock, systemRandom as random } from '../../seams/system.ts';
import { linkPair } from '../hollow/link-pair.ts';
import { allOn, NODE, node, OTHER_NODE, openCore, SPACE, silent } from '../unit/controller/core.ts';
import { directoryOf, hello, joins } from '../unit/controller/fleet/world.ts';
import { loopsOf } from '../unit/controller/loops.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

const { nodes: NODES, sessions: SESSIONS } = scaled({ short: { nodes: 10, sessions: 2_000 }, long: { nodes: 50, sessions: 100_000 } });
/** Compressed: rounds of comparisons that would take five minutes each. */
const COMPARE_MS = scaled({ short: 3_000, long: 60_000 });
const ROUNDS = 3;
const LEASE = { leaseMs: 15_000, heartbeatMs: 3_000 };

/** A node agent at the size of its protocol: it holds what it is told, and says so in parts. */
class HollowNode {
  readonly held = new Map<string, number>();
  parts = 0;
  largestFrame = 0;
  maxAssignments = 0;
  digests = 0;
  closed: Error | undefined | false = false;
  #link: Link<NodeFrame, ControllerFrame> | undefined;
  #beat: { cancel(): void } | undefined;

  dial(): Link<ControllerFrame, NodeFrame> {
    const [own, theirs] = linkPair<NodeFrame, ControllerFrame>(clock);
    this.#link = own;
    this.closed = false;
    this.parts = 0;
    let number = 0;
    const reports = [...this.held].map(([sessionId, generation]) => {
      number += 1;
      const order = { boot: Math.floor(performance.now()), number };
      const seen = { containerId: `c-${sessionId}`, volume: `v-${sessionId}`, reason: '', acceptedSeq: 0, life: 0, isolation: '' };
      return { sessionId, generation, phase: 'RUNNING' as const, ...order, ...seen };
    });
    const inventory = inventoryParts({ reports: reports.values(), images: ['base'], tombstones: [], orphans: [] });
    const next = () => {
      const part = inventory.next();
      if (part.done !== true) own.send(part.value);
    };
    own.onMessage((frame) => {
      if (frame.kind === 'welcome') this.#beatEvery(frame.value.heartbeatMs);
      if (frame.kind === 'inventoryTaken') next();
      if (frame.kind === 'assignmentSet') {
        this.parts += 1;
        this.largestFrame = Math.max(this.largestFrame, controllerFrames.encode(frame).byteLength);
        this.maxAssignments = Math.max(this.maxAssignments, frame.value.assignments.length);
        for (const { sessionId, generation } of frame.value.assignments) this.held.set(sessionId, generation);
        own.send({ kind: 'setPartTaken', value: { setId: frame.value.setId, part: frame.value.part } });
      }
      if (frame.kind === 'setDigest') {
        const sum = new SetSum();
        for (const [sessionId, generation] of this.held) sum.add(sessionId, generation);
        const { setId, number: of, sessions, sum: text } = frame.value;
        const agrees = sum.sessions === sessions && sum.text === text;
        if (agrees) this.digests += 1;
        own.send({ kind: 'setJudged', value: { setId, number: of, agrees } });
      }
    });
    own.onClose((fault) => {
      this.closed = fault;
      this.#beat?.cancel();
    });
    own.send(hello());
    next();
    return theirs;
  }

  close(): void {
    this.#beat?.cancel();
    this.#link?.close();
  }

  #beatEvery(everyMs: number): void {
    this.#beat = clock.after(everyMs, () => {
      this.#link?.send({ kind: 'heartbeat', value: { number: 1 } });
      this.#beatEvery(everyMs);
    });
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await pause(clock, 20);
}

t.setTimeout(TIME_LIMIT_MS);

t.test(`${SESSIONS} sessions on ${NODES} nodes: a restart, and rounds of comparisons`, { timeout: TIME_LIMIT_MS }, async (t) => {
  const ids = Array.from({ length: NODES }, (_, at) => `node-${at}` as NodeId);
  const known = [...ids, NODE, OTHER_NODE].map((id) => node(id, { cpuMillis: 10 ** 9, memoryBytes: 2 ** 50, ready: ids.includes(id) }));
  const core = await openCore({ nodes: known });
  t.teardown(() => core.close());
  for (const id of ids) await joins(core, id);
  const made: Promise<unknown>[] = [];
  const common = { spaceId: SPACE, name: null, metadata: {}, timeouts: {}, baseImage: 'base', request: undefined };
  const least = { cpu: 0.001, memory_bytes: 1 };
  const resources = { requests: least, limits: { ...least, disk_bytes: 1, processes: 1 } };
  for (let at = 0; at < SESSIONS; at += 1) {
    const by = { accountId: core.store.view.accountByUser('admin')?.id ?? never(), user: 'admin' };
    made.push(core.applier.apply(createSession({ id: random.uuid() as SessionId, ...common, resources, by })));
    if (made.length === 1_000) await Promise.all(made.splice(0));
  }
  await Promise.all(made);
  const counts = ids.map((id) => allOn(core.store.view, id).length);
  t.equal(
    counts.reduce((sum, count) => sum + count, 0),
    SESSIONS,
  );

  const hollow = new Map(ids.map((id) => [id, new HollowNode()]));
  const needs = { applier: core.applier, view: core.store.view, clock, random, log: silent, barriers: noBarriers, lease: LEASE };
  const start = (compareMs: number) => {
    const loops = loopsOf(t);
    const directory = directoryOf(core);
    const fleet = new Fleet({
      directory,
      ...{ ...needs, loops, news: { delta: () => true }, secrets: { of: () => ({ version: 0, values: {} }) } },
      ...{ clusterId: 'cluster', epoch: 1, version: '0', compareMs },
    });
    const leases = new LeaseLoop({ ...needs, loops, directory, fleet });
    leases.start(core.applier.time.last);
    for (const [id, one] of hollow) fleet.connect(id, one.dial());
    const stop = () => {
      void loops.close();
      fleet.close();
    };
    return { fleet, stop };
  };
  const agreed = ({ fleet }: ReturnType<typeof start>) => ids.every((id) => fleet.stream(id)?.outbound.agreed === true);

  const first = start(10 ** 9);
  await until(() => agreed(first));
  first.stop();
  await until(() => [...hollow.values()].every(({ closed }) => closed !== false));

  const idle = monitorEventLoopDelay({ resolution: 1 });
  idle.enable();
  await pause(clock, 3_000);
  idle.disable();

  // The controller starts again: what is placed is counted, and every node comes back with all that it holds.
  const capacity = new Capacity(placedSessions(core.store.view));
  t.equal(capacity.ofSpace(SPACE).sessions, SESSIONS);
  const restarting = monitorEventLoopDelay({ resolution: 1 });
  restarting.enable();
  const began = clock.monotonic();
  const second = start(COMPARE_MS);
  t.teardown(() => second.stop());
  await until(() => agreed(second));
  restarting.disable();
  const restartMs = clock.monotonic() - began;
  for (const [at, one] of [...hollow.values()].entries()) {
    t.equal(one.held.size, counts[at]);
    t.equal(one.closed, false, 'no lease was lost, and no stream ended');
    t.ok(one.maxAssignments <= PART.sessions);
    t.ok(one.largestFrame <= PART.bytes + 64 * 1024, `${one.largestFrame} bytes in the largest part`);
  }
  const unreachable = ids.filter((id) => core.store.view.get('nodes', id)?.unreachableSince !== null);
  t.same(unreachable, []);

  const parts = [...hollow.values()].map((one) => one.parts);
  const comparing = monitorEventLoopDelay({ resolution: 1 });
  comparing.enable();
  await until(() => [...hollow.values()].every(({ digests }) => digests >= ROUNDS));
  comparing.disable();
  t.same(
    [...hollow.values()].map((one) => one.parts),
    parts,
    'nothing was sent again to a node that holds what it should',
  );
  t.ok([...hollow.values()].every(({ closed }) => closed === false));
  const ms = (histogram: { percentile(at: number): number }) => histogram.percentile(99) / 1e6;
  t.comment(
    `restart to all agreed ${Math.round(restartMs)} ms; event loop delay p99: idle ${ms(idle).toFixed(1)}, restart ${ms(restarting).toFixed(1)} ` +
      `(most ${(restarting.max / 1e6).toFixed(0)}), comparisons ${ms(comparing).toFixed(1)} ms (most ${(comparing.max / 1e6).toFixed(0)})`,
  );
  t.ok(ms(comparing) <= 20 * ms(idle), 'comparisons are hardly felt');
  t.ok(PARTS_AHEAD * PART.bytes < 4 * 1024 * 1024);
});

function never(): never {
  throw new Error('no account');
}
