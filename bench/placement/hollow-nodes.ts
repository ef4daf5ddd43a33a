/** Nodes at the size of their protocol, in the controller's process: each runs at once what it is assigned. */

import type { NodeId } from '../../controller/domain/engine/ids.ts';
import type { Fleet } from '../../controller/services/fleet/fleet.ts';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { Link } from '../../proto/link.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';
import type { Clock } from '../../seams/clock.ts';
import { linkPair } from '../../tests/hollow/link-pair.ts';

const MACHINE = { cpuMillis: 64_000, memoryBytes: 2 ** 40, sessions: 0, processes: 0, diskBytes: 0, most: null };

export interface HollowNodesDeps {
  readonly fleet: Pick<Fleet, 'connect'>;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly image: string;
}

export class HollowNodes {
  readonly #links: Link<NodeFrame, ControllerFrame>[] = [];
  #number = 0;

  /** Connects a node. Resolves once the controller has told it of all its sessions: none. */
  connect(id: NodeId, { fleet, clock, clusterId, image }: HollowNodesDeps): Promise<void> {
    const [own, theirs] = linkPair<NodeFrame, ControllerFrame>(clock);
    this.#links.push(own);
    const told = new Promise<void>((resolve) => {
      own.onMessage((frame) => {
        if (frame.kind === 'welcome') beatEvery(own, clock, frame.value.heartbeatMs);
        if (frame.kind === 'assignmentSet') {
          own.send({ kind: 'setPartTaken', value: { setId: frame.value.setId, part: frame.value.part } });
          resolve();
        }
        if (frame.kind === 'assignmentChange')
          for (const { sessionId, generation } of frame.value.assignments) own.send(this.#running(sessionId, generation));
      });
    });
    own.onClose(() => undefined);
    fleet.connect(id, theirs);
    own.send(hello(clusterId));
    own.send({ kind: 'inventory', value: { sessions: [], images: [image], tombstones: [], orphans: [], part: 0, more: false } });
    return told;
  }

  close(): void {
    for (const link of this.#links) link.close();
  }

  #running(sessionId: string, generation: number): NodeFrame {
    this.#number += 1;
    const value = { sessionId, generation, phase: 'RUNNING' as const, boot: 1, number: this.#number };
    return {
      kind: 'report',
      value: { ...value, containerId: 'hollow', volume: 'hollow', reason: '', acceptedSeq: 0, life: 0, isolation: '' },
    };
  }
}

function hello(clusterId: string): NodeFrame {
  const can = { movesImages: false, removesImages: false, cancelsMessages: true, takesSlots: true, buildFeatures: [], profiles: [] };
  const itself = { agentVersion: '0', driver: 'hollow', machine: '', engine: '', platform: '', hostname: 'hollow' };
  const value = { ...namedVersions(NODE_PROTOCOL), ...can, ...itself, clusterId, epoch: 0, incarnation: 1, boot: 1, capacity: MACHINE };
  return { kind: 'hello', value };
}

function beatEvery(link: Link<NodeFrame, ControllerFrame>, clock: Clock, everyMs: number): void {
  let number = 0;
  const beat = () => {
    number += 1;
    if (link.send({ kind: 'heartbeat', value: { number } })) clock.after(everyMs, beat);
  };
  clock.after(everyMs, beat);
}
