import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Journal } from '../../journal/journal.ts';
import { grpcDialer } from '../../node-agent/control/grpc-dialer.ts';
import type { Capacity, Transfer } from '../../node-agent/engine/driver.ts';
import { Certificate } from '../../node-agent/identity/certificate.ts';
import type { Identity } from '../../node-agent/identity/identity.ts';
import { joinWithToken } from '../../node-agent/identity/join.ts';
import { recordRemoval } from '../../node-agent/identity/removal.ts';
import { requestRenewal } from '../../node-agent/identity/renew-call.ts';
import { Ledger } from '../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../node-agent/node.ts';
import type { Log } from '../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../seams/system.ts';
import { HollowHost } from '../hollow/hollow.ts';

export interface HollowNodePlan {
  readonly name: string;
  /** For its identity and ledger. */
  readonly directory: string;
  readonly token: string;
  /** What it holds from the start, unless it has none. */
  readonly image: string;
  readonly hasImage?: boolean;
  /** How it moves images. Default: it cannot. */
  readonly transfer?: (host: HollowHost, dial: () => Duplex) => Transfer;
  readonly log: Log;
  readonly capacity?: Capacity;
  /** What nobody remembers making: volumes, and containers that run on them. */
  readonly leftBehind?: readonly { readonly sessionId: string; readonly isRunning: boolean; readonly space?: string }[];
}

export interface HollowNode {
  /** As it joined. */
  readonly identity: Identity;
  readonly host: HollowHost;
  readonly ended: NodeAgent['ended'];
  /** Ends it, as if the host were switched off. */
  close(): Promise<void>;
}

/**
 * Starts a node agent with a simulated engine in this process. Its controller can still be unaware
 * of it.
 */
export async function startHollowNode(plan: HollowNodePlan): Promise<HollowNode> {
  const { name, directory, token, image, log, capacity, hasImage = true } = plan;
  const signal = new AbortController().signal;
  const identity = await joinWithToken({ token, nodeName: name, directory, clock: systemClock, log, signal });
  const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(directory, 'ledger'), name: 'ledger' });
  const ledger = await Ledger.open(journal, records, identity.incarnation);
  const seams = { clock: systemClock, random: systemRandom };
  const host = new HollowHost({ ...seams, images: hasImage ? [image] : [], ...(capacity === undefined ? {} : { capacity }) });
  for (const { sessionId, isRunning, space = 'default' } of plan.leftBehind ?? []) {
    await leftBehind(host, { sessionId, space, image }, isRunning, signal);
  }
  const certificate = new Certificate({
    ...{ identity, directory, clock: systemClock, log },
    // Renews at once when the controller announces a new CA.
    random: { ...systemRandom, fraction: () => 0 },
    request: (current, road, attempt, signal) => requestRenewal(current, road, attempt, { clock: systemClock, signal }),
    renewed: () => node.reconnect(),
    removed: (reason) => node.removed(reason),
  });
  const dialer = grpcDialer({ identity: () => certificate.identity, refused: () => certificate.refused(), clock: systemClock, log });
  host.transfer = plan.transfer?.(host, () => dialer.registry());
  const { nodeId, clusterId, incarnation } = identity;
  const node = new NodeAgent({
    ...{ ...seams, log, nodeId, clusterId, incarnation, ledger, dialer, driver: host, listener: host },
    version: '0.0.0-contract',
    hostname: name,
    capacity: {},
    recordRemoval: () => recordRemoval(directory, identity),
    authorities: (digest) => certificate.authorities(digest),
  });
  certificate.start();
  await node.start();
  let closed = false;
  return {
    ...{ identity, host, ended: node.ended },
    async close() {
      if (closed) return;
      closed = true;
      await certificate.close();
      await node.close();
      dialer.close();
    },
  };
}

interface Left {
  readonly sessionId: string;
  readonly space: string;
  readonly image: string;
}

async function leftBehind(host: HollowHost, left: Left, isRunning: boolean, signal: AbortSignal): Promise<void> {
  const limits = { cpuMillis: 500, memoryBytes: 2 ** 29, diskBytes: 2 ** 30, processes: 256 };
  const plan = { ...left, generation: 7, limits, uid: 10_001, socketDirectory: '/none' };
  await host.volume({ kind: 'create-volume', plan }, signal);
  if (!isRunning) return;
  await host.createContainer(plan, signal);
  await host.start(left.sessionId, signal);
}
