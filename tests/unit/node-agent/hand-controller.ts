import { Journal } from '../../../journal/journal.ts';
import type { Conditions } from '../../../node-agent/conditions.ts';
import type { Dialer } from '../../../node-agent/control/dialer.ts';
import { Ledger } from '../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../node-agent/node.ts';
import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import type { StreamFrame, StreamLink } from '../../../proto/streams/stream-frame.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../../seams/system.ts';
import { HollowHost } from '../../hollow/hollow.ts';
import { linkPair } from '../../hollow/link-pair.ts';
import type { HollowOptions } from '../../hollow/options.ts';

type FrameOf<Kind extends NodeFrame['kind']> = Extract<NodeFrame, { kind: Kind }>;

export const IMAGE = 'raworc/session:hollow';
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A controller played by hand: it hears everything, in order, and says what the test says. */
export class HandController implements Dialer {
  #link: Link<ControllerFrame, NodeFrame> | undefined;
  #heard: NodeFrame[] = [];
  #look: (() => void) | undefined;
  readonly #clock: Clock;
  dials = 0;
  refusing = false;
  sources = new Map<string, Uint8Array>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async dial(): Promise<Link<NodeFrame, ControllerFrame>> {
    this.dials += 1;
    if (this.refusing) throw new Error('nobody is there');
    const [node, controller] = linkPair<NodeFrame, ControllerFrame>(this.#clock);
    this.#link = controller;
    this.#heard = [];
    controller.onMessage((frame) => {
      this.#heard.push(frame);
      this.#look?.();
    });
    return node;
  }

  /** Calls for byte streams, as the controller has them. */
  readonly streams: StreamLink[] = [];

  async stream(): Promise<StreamLink> {
    const [node, controller] = linkPair<StreamFrame, StreamFrame>(this.#clock);
    this.streams.push(controller);
    return node;
  }

  async *fetchSource(digest: string): AsyncIterable<Uint8Array> {
    const source = this.sources.get(digest);
    if (source === undefined) throw new Error('unknown source');
    yield source;
  }

  async putSource(): Promise<never> {
    throw new Error('no build fetches a repository');
  }

  say(frame: ControllerFrame): void {
    this.#link?.send(frame);
  }

  welcome(heartbeatMs = 60_000, leaseMs = 600_000): void {
    this.say({
      kind: 'welcome',
      value: { protocolVersion: 1, controllerVersion: '0', clusterId: 'cluster', epoch: 1, leaseMs, heartbeatMs, nodeId: 'node' },
    });
  }

  hangUp(): void {
    this.#link?.close();
  }

  heard<Kind extends NodeFrame['kind']>(kind: Kind): FrameOf<Kind>['value'][] {
    return this.#heard.flatMap((frame) => valuesOf(frame, kind));
  }

  /** Resolves with what `find` finds in what was and will be heard on this stream. */
  async until<T>(what: string, find: () => T | undefined, limitMs = 5_000): Promise<T> {
    let timer: { cancel(): void } | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const look = () => {
          const found = find();
          if (found !== undefined) resolve(found);
        };
        this.#look = look;
        timer = systemClock.after(limitMs, () => reject(new Error(`never: ${what}`)));
        look();
      });
    } finally {
      this.#look = undefined;
      timer?.cancel();
    }
  }

  phase(sessionId: string, phase: string) {
    return this.until(`${sessionId} is ${phase}`, () =>
      this.heard('report').findLast((report) => report.sessionId === sessionId && report.phase === phase),
    );
  }

  /** The first exchange of a stream, with what is assigned. */
  async begin(assignments: ReturnType<typeof assigned>[] = [], tombstones: { sessionId: string; upToGeneration: number }[] = []) {
    const inventory = await this.until('an inventory', () => this.heard('inventory')[0]);
    this.welcome();
    this.say({ kind: 'assignmentSet', value: { setId: 'set', assignments, tombstones, part: 0, more: false } });
    return inventory;
  }
}

function valuesOf<Kind extends NodeFrame['kind']>(frame: NodeFrame, kind: Kind): FrameOf<Kind>['value'][] {
  return frame.kind === kind ? [frame.value as FrameOf<Kind>['value']] : [];
}

type Desired = 'DESIRED_RUNNING' | 'DESIRED_PAUSED' | 'DESIRED_SUSPENDED' | 'DESIRED_FAILED';

export function assigned(
  sessionId: string,
  generation = 1,
  desired: Desired = 'DESIRED_RUNNING',
  volumeExpected = false,
  image = IMAGE,
  graceMs = 0,
) {
  return {
    sessionId,
    generation,
    desired,
    spec: {
      space: 'default',
      spaceId: 's',
      image,
      agents: [],
      limits: { cpuMillis: 500, memoryBytes: 2 ** 29, diskBytes: 2 ** 30, processes: 256 },
      volumeExpected,
      profile: '',
    },
    graceMs,
    settledSeq: 0,
    copyFrom: '',
    cancelled: [],
    slot: false,
    startWorkers: false,
  };
}

export function deliver(sessionId: string, seq: number, content: string, afterSeq = 0, secretsVersion = 0) {
  const messageId = `m${seq}`;
  return {
    kind: 'deliver' as const,
    value: {
      sessionId,
      generation: 1,
      seq,
      messageId,
      agent: 'a',
      content,
      contextJson: '{}',
      afterSeq,
      secretsVersion,
      agents: [],
      router: null,
    },
  };
}

export interface Bench {
  readonly controller: HandController;
  readonly host: HollowHost;
  /** A process of the node agent, on the same host and the same disk as the ones before. */
  start(conditions?: Conditions): Promise<NodeAgent>;
}

/** A host, a disk and a controller, on which node agents can be started one after the other. */
export function bench(directory: string, options: Partial<HollowOptions> = {}): Bench {
  const host = new HollowHost({ clock: systemClock, random: systemRandom, images: [IMAGE], ...options });
  const controller = new HandController();
  return {
    controller,
    host,
    async start(conditions) {
      const { journal, records } = await Journal.open({ disk: systemDisk, directory, name: 'ledger' });
      const node = new NodeAgent({
        nodeId: 'node',
        clusterId: 'cluster',
        incarnation: 1,
        version: '0',
        hostname: 'host',
        capacity: {},
        driver: host,
        listener: host,
        ledger: await Ledger.open(journal, records, 1),
        dialer: controller,
        clock: systemClock,
        random: systemRandom,
        log: quiet,
        ...(conditions && { conditions }),
      });
      await node.start();
      return node;
    },
  };
}
