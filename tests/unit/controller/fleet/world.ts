/** Nodes at the other end of links, as a test has them speak, and a fleet that hears them. */
import type { Test } from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { createNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { joinNode } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { NO_RULES, type NodeRules } from '../../../../controller/domain/nodes/node-rules.ts';
import { NodeDirectory } from '../../../../controller/services/engine/node-directory.ts';
import type { News } from '../../../../controller/services/events/news.ts';
import { Fleet } from '../../../../controller/services/fleet/fleet.ts';
import type { SecretSource } from '../../../../controller/services/fleet/secrets-for.ts';
import { NodeAlarms } from '../../../../controller/services/nodes/node-alarms.ts';
import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import type { Link } from '../../../../proto/link.ts';
import { NODE_PROTOCOL, namedVersions } from '../../../../proto/versions.ts';
import { noBarriers } from '../../../../seams/barrier.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { batching, type Core, NODE, OTHER_NODE, openCore, silent } from '../core.ts';
import { loopsOf } from '../loops.ts';

export const S = 'session-1' as SessionId;
const quiet: News = {
  connected: true,
  event: () => 'sent',
  newest: () => true,
  delta: () => true,
  flush: async () => true,
  onState: () => ({ close: () => undefined }),
  listen: () => ({ close: () => undefined }),
};

/** A node at the other end of a link: keeps what it is told, and says what the test has it say. */
export class FakeNode {
  readonly told: ControllerFrame[] = [];
  fault: Error | undefined;
  closed = false;
  full = false;
  #take: (frame: NodeFrame, bytes?: number) => void = () => undefined;
  #end: (fault: Error | undefined) => void = () => undefined;
  #waiting: (() => void)[] = [];
  readonly link: Link<ControllerFrame, NodeFrame> = {
    send: (frame) => {
      if (this.full) return false;
      this.told.push(frame);
      this.#tell();
      return true;
    },
    onMessage: (listener) => {
      this.#take = listener;
    },
    onDrain: () => undefined,
    onClose: (listener) => {
      this.#end = listener;
    },
    close: (fault) => {
      if (this.closed) return;
      this.closed = true;
      this.fault = fault;
      this.#end(fault);
      this.#tell();
    },
    pause: () => undefined,
    resume: () => undefined,
  };

  say(frame: NodeFrame, bytes?: number): void {
    this.#take(frame, bytes);
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  of<Kind extends ControllerFrame['kind']>(kind: Kind): Extract<ControllerFrame, { kind: Kind }>['value'][] {
    return this.told.flatMap((frame) => (frame.kind === kind ? [frame.value as never] : []));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export const hello = (more: object = {}): NodeFrame => ({
  kind: 'hello',
  value: {
    ...namedVersions(NODE_PROTOCOL),
    agentVersion: '0',
    clusterId: 'cluster',
    epoch: 0,
    incarnation: 1,
    boot: 1,
    driver: 'hollow',
    capacity: { cpuMillis: 4000, memoryBytes: 2 ** 32, sessions: 0, processes: 0, diskBytes: 0, most: null },
    hostname: 'h',
    movesImages: false,
    machine: '',
    engine: '',
    platform: '',
    removesImages: false,
    cancelsMessages: true,
    takesSlots: true,
    buildFeatures: ['cancel', 'logs'],
    profiles: [],
    ...more,
  },
});
export const inventory: NodeFrame = {
  kind: 'inventory',
  value: { sessions: [], images: ['base'], tombstones: [], orphans: [], part: 0, more: false },
};
let number = 0;
export const running = (more: object = {}): NodeFrame => ({
  kind: 'report',
  value: {
    ...{
      sessionId: S,
      generation: 1,
      phase: 'RUNNING',
      boot: 1,
      number: ++number,
      containerId: 'c',
      volume: 'v',
      reason: '',
      acceptedSeq: 0,
      life: 0,
      isolation: '',
    },
    ...more,
  },
});

/** A cluster of two nodes that have joined, and are away. */
export async function cluster(t: Test, clock: Clock = systemClock, log: Log = silent) {
  const core = await openCore({ clock });
  for (const id of [NODE, OTHER_NODE]) await joins(core, id);
  return { core, ...fleetOver(t, core, { clock, log }) };
}

export async function joins(core: Core, id: NodeId): Promise<void> {
  const tokenId = systemRandom.uuid();
  await core.applier.submit(createNodeToken({ id: tokenId, secretHash: 'h', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin' }));
  await core.applier.submit(joinNode({ id, name: id, tokenId, secretHash: 'h', keyHash: `key-${id}`, isConnected: () => false }));
}

const noSecrets: SecretSource = { of: () => ({ version: 0, values: {} }) };

/** Of the nodes that have joined, beside the test's own nodes on which the core places. */
export function directoryOf({ store, applier, capacity, fleet }: Core, rules: NodeRules = NO_RULES): NodeDirectory {
  const directory = new NodeDirectory({ view: store.view, capacity, rules, sizes: fleet.sizes });
  applier.onCommitted(({ mutations }) => directory.committed(mutations));
  return directory;
}

/** Closes the core with the test, too. */
export function fleetOver(
  t: Test,
  core: Core,
  options: {
    readonly clock?: Clock;
    readonly epoch?: number;
    readonly secrets?: SecretSource;
    readonly log?: Log;
    readonly rules?: NodeRules;
  } = {},
) {
  const { clock = systemClock, epoch = 1, secrets = noSecrets, log = silent, rules = NO_RULES } = options;
  const needs = {
    loops: loopsOf(t, batching(clock)),
    applier: core.applier,
    view: core.store.view,
    news: quiet,
    secrets,
    clock: batching(clock),
    random: systemRandom,
    log,
    barriers: noBarriers,
  };
  const lease = { leaseMs: 15_000, heartbeatMs: 3000 };
  const alarms = new NodeAlarms({ applier: core.applier, view: core.store.view, clock, log: silent, metrics: silentMetrics });
  const directory = directoryOf(core, rules);
  const fleet = new Fleet({ ...needs, rules, directory, alarms, lease, clusterId: 'cluster', epoch, version: '0' });
  t.teardown(() => {
    fleet.close();
    core.close();
  });
  const connect = (id: NodeId, greeting = hello(), holds: NodeFrame = inventory, keyHash?: string) => {
    const fake = new FakeNode();
    fleet.connect(id, fake.link, keyHash === undefined ? undefined : { keyHash });
    fake.say(greeting);
    fake.say(holds);
    return fake;
  };
  return { fleet, directory, alarms, connect };
}

export const nodeOf = (core: Core) => core.session(S).nodeId ?? NODE;
