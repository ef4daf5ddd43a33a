/** A compromised node: it has a certificate, and says all that its protocol has, as fast as the connection takes it. */
import { randomUUID } from 'node:crypto';
import { openChannel } from '../../node-agent/control/channel.ts';
import { controllerFrames, nodeFrames } from '../../proto/codec.ts';
import type { NodeFrame } from '../../proto/frame.ts';
import { connectMethod, defaultKeepalive } from '../../proto/node-service.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';

export interface RubbishNode {
  readonly clusterId: string;
  readonly incarnation: number;
  readonly caPem: string;
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Says hello and holds nothing, then rubbish until the stream ends or `signal` aborts. Resolves with the bytes that went out, and how it ended. */
export function sayRubbish(
  address: string,
  node: RubbishNode,
  image: string,
  signal: AbortSignal,
): Promise<{ bytes: number; ended: string }> {
  const { caPem, keyPem, certificatePem } = node;
  const client = openChannel(address, { caPem, own: { keyPem, certificatePem } }, defaultKeepalive);
  const stream = client.makeBidiStreamRequest(connectMethod.path, connectMethod.serialize, connectMethod.deserialize);
  const frames = rubbish().map((frame) => nodeFrames.encode(frame));
  return new Promise((resolve) => {
    let bytes = 0;
    let at = 0;
    let isOver = false;
    const over = (ended: string) => {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', leave);
      stream.cancel();
      client.close();
      resolve({ bytes, ended });
    };
    const leave = () => over('held until the end');
    const flow = () => {
      for (let lot = 0; lot < 1000 && !isOver; lot += 1) {
        const frame = frames[at % frames.length] ?? Buffer.alloc(0);
        at += 1;
        bytes += frame.byteLength;
        if (!stream.write(frame)) return;
      }
      if (!isOver) setImmediate(flow);
    };
    let isLive = false;
    stream.on('data', (bytes) => {
      if (isLive || controllerFrames.decode(bytes).kind !== 'assignmentSet') return;
      isLive = true;
      flow();
    });
    stream.on('error', (error) => over(error.message));
    stream.on('end', () => over('ended by the controller'));
    stream.on('drain', () => isLive && flow());
    signal.addEventListener('abort', leave);
    for (const frame of greeting(node, image)) stream.write(nodeFrames.encode(frame));
  });
}

const greeting = ({ clusterId, incarnation }: RubbishNode, image: string): NodeFrame[] => [
  {
    kind: 'hello',
    value: {
      ...{ ...namedVersions(NODE_PROTOCOL), agentVersion: '0', clusterId, epoch: 0, incarnation, boot: 1, driver: 'docker' },
      capacity: { cpuMillis: 4_000_000, memoryBytes: 2 ** 47, sessions: 0, processes: 0, diskBytes: 0, most: null },
      machine: '',
      engine: '',
      platform: '',
      hostname: 'rubbish',
      movesImages: false,
      removesImages: false,
      cancelsMessages: false,
      takesSlots: false,
      buildFeatures: [],
      profiles: [],
    },
  },
  { kind: 'inventory', value: { sessions: [], images: [image], tombstones: [], orphans: [], part: 0, more: false } },
];

function rubbish(): NodeFrame[] {
  const sessionId = randomUUID();
  const about = { sessionId, generation: 1, messageId: randomUUID(), runId: randomUUID(), agent: 'agent' };
  const report = {
    ...{ sessionId, generation: 1, boot: 1, containerId: 'c', volume: 'v', reason: 'none' },
    acceptedSeq: 1,
    life: 1,
    isolation: '',
  };
  const condition = { type: 'DiskLow', message: 'low', sinceMs: 1, unschedulable: true };
  const orphan = { sessionId, generation: 1, containerId: 'c', volume: 'v', space: 's', image: 'i', paused: false };
  const frames: NodeFrame[] = [];
  for (let turn = 0; turn < 50; turn += 1) {
    frames.push(
      { kind: 'report', value: { ...report, phase: turn % 2 === 0 ? 'RUNNING' : 'PAUSED', number: turn } },
      { kind: 'answer', value: { ...about, outcome: 'REPLY', content: 'x'.repeat(100), reason: '', durationMs: 1, hops: [], model: '' } },
      { kind: 'accepted', value: { sessionId, generation: 1, messageId: about.messageId, seq: turn, settled: false } },
      { kind: 'runStarted', value: { ...about, runId: randomUUID(), hop: null } },
      { kind: 'delta', value: { ...about, number: turn, text: 'x'.repeat(100) } },
      { kind: 'streamRefused', value: { sessionId, ticket: randomUUID(), reason: 'failed', message: 'x' } },
      { kind: 'disk', value: { sessionId, generation: 1, full: turn % 2 === 0, limitBytes: 1 } },
      { kind: 'secretsRequest', value: { sessionId, generation: 1, version: 1 } },
      { kind: 'conditions', value: { conditions: turn % 2 === 0 ? [condition] : [] } },
      { kind: 'orphans', value: { orphans: turn % 2 === 0 ? [orphan] : [] } },
      { kind: 'workers', value: { sessionId, workers: [], keptAwake: 0 } },
      { kind: 'heartbeat', value: { number: turn } },
      {
        kind: 'build',
        value: {
          buildId: 'b',
          phase: 'BUILD_BUILDING',
          imageId: '',
          error: '',
          baseImageMissing: false,
          refusedNow: false,
          ownBaseAgent: '',
          ownBaseImage: '',
          stages: [],
        },
      },
      { kind: 'removed', value: { sessionId, upToGeneration: 1 } },
    );
  }
  return frames;
}
