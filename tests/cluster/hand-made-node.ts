import { join } from 'node:path';
import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import type { Identity } from '../../node-agent/identity/identity.ts';
import { joinWithToken } from '../../node-agent/identity/join.ts';
import { controllerFrames, nodeFrames } from '../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import { NODE_PROTOCOL, namedVersions } from '../../proto/versions.ts';
import { systemClock } from '../../seams/system.ts';
import { within } from './deadline.ts';

const CONNECT = '/raworc.node.v0.NodeProtocol/Connect';
const SERVER_NAME = 'controller.raworc.internal';

export interface Papers {
  readonly caPem: string;
  /** Undefined: no client certificate is sent. */
  readonly keyPem?: string;
  readonly certificatePem?: string;
}

export interface Claims {
  readonly clusterId: string;
  readonly incarnation: number;
  readonly memoryBytes: number;
  readonly images: readonly string[];
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Joins as a node of that name, with its own key and certificate. Rejects if the token is refused.
 */
export function joinByHand(clusterDirectory: string, nodeName: string, token: string): Promise<Identity> {
  const directory = join(clusterDirectory, 'by-hand', nodeName);
  const signal = AbortSignal.timeout(15_000);
  return joinWithToken({ token, nodeName, directory, clock: systemClock, log: quiet, signal });
}

/**
 * A node that runs nothing and reports what the test wants, true or not, over a real connection.
 */
export class HandMadeNode {
  readonly frames: ControllerFrame[] = [];
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<NodeFrame, ControllerFrame>;
  readonly #looks = new Set<() => void>();
  #ended: string | undefined;
  #numbers = 0;

  /** Resolves once the controller welcomed it. Rejects with the message of a refusal. */
  static async dial(address: string, papers: Papers, claims: Claims): Promise<HandMadeNode> {
    const node = new HandMadeNode(address, papers);
    try {
      node.#greet(claims);
      await node.until('a welcome', ({ kind }) => kind === 'welcome');
      return node;
    } catch (fault) {
      node.close();
      throw fault;
    }
  }

  private constructor(address: string, { caPem, keyPem, certificatePem }: Papers) {
    const own = keyPem === undefined || certificatePem === undefined ? [null, null] : [Buffer.from(keyPem), Buffer.from(certificatePem)];
    const [key = null, certificate = null] = own;
    this.#client = new Client(address, credentials.createSsl(Buffer.from(caPem), key, certificate), {
      'grpc.ssl_target_name_override': SERVER_NAME,
      'grpc.default_authority': SERVER_NAME,
    });
    this.#stream = this.#client.makeBidiStreamRequest<NodeFrame, ControllerFrame>(
      CONNECT,
      (frame) => nodeFrames.encode(frame),
      (bytes) => controllerFrames.decode(bytes),
    );
    this.#stream.on('data', (frame: ControllerFrame) => {
      this.frames.push(frame);
      if (frame.kind === 'assignmentSet') this.send({ kind: 'setPartTaken', value: { setId: frame.value.setId, part: frame.value.part } });
      this.#look();
    });
    this.#stream.on('error', (fault: ServiceError) => this.#finish(`${fault.code} ${fault.details}`));
    this.#stream.on('end', () => this.#finish('ended by the controller'));
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  send(frame: NodeFrame): void {
    this.#stream.write(frame);
  }

  /**
   * Resolves to the first matching frame, including earlier ones. Rejects if the stream ends
   * without it.
   */
  until(what: string, matches: (frame: ControllerFrame) => boolean, limitMs = 15_000): Promise<ControllerFrame> {
    const found = new Promise<ControllerFrame>((resolve, reject) => {
      const look = () => {
        const match = this.frames.find(matches);
        if (match === undefined && this.#ended === undefined) return;
        this.#looks.delete(look);
        if (match !== undefined) resolve(match);
        else reject(new Error(`the stream ended before ${what}: ${this.#ended}`));
      };
      this.#looks.add(look);
      look();
    });
    return within(what, limitMs, found);
  }

  /** Resolves once the controller has read everything sent so far, or ended the stream. */
  async heard(): Promise<void> {
    this.#numbers += 1;
    const number = 1000 + this.#numbers;
    this.send({ kind: 'heartbeat', value: { number } });
    const answered = this.until('an answer to the heartbeat', (frame) => frame.kind === 'heartbeatAck' && frame.value.number === number);
    await answered.catch((fault: unknown) => {
      if (this.#ended === undefined) throw fault;
    });
  }

  /** Reports that a session runs here. */
  reportRunning(sessionId: string, generation: number): void {
    this.#numbers += 1;
    const value = {
      sessionId,
      generation,
      phase: 'RUNNING',
      boot: 1,
      number: this.#numbers,
      containerId: `made-up-by-hand-for-${sessionId}`,
    } as const;
    this.send({
      kind: 'report',
      value: { ...value, volume: `raworc_session_data_${sessionId}`, reason: '', acceptedSeq: 0, life: 0, isolation: '' },
    });
  }

  answer(sessionId: string, generation: number, messageId: string, content: string): void {
    const value = {
      sessionId,
      generation,
      messageId,
      content,
      runId: 'by-hand',
      agent: 'echo',
      outcome: 'REPLY' as const,
      reason: '',
      durationMs: 1,
      hops: [],
      model: '',
    };
    this.send({ kind: 'answer', value });
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #greet({ clusterId, incarnation, memoryBytes, images }: Claims): void {
    const capacity = { cpuMillis: 2000, memoryBytes, sessions: 0, processes: 0, diskBytes: 0, most: null };
    const version = {
      ...namedVersions(NODE_PROTOCOL),
      agentVersion: '0.0.0-by-hand',
      driver: 'hollow',
      machine: '',
      engine: '',
      platform: '',
      hostname: 'nowhere',
      movesImages: false,
      removesImages: false,
      cancelsMessages: false,
      takesSlots: false,
      buildFeatures: [],
      profiles: [],
    };
    this.send({ kind: 'hello', value: { ...version, clusterId, epoch: 0, incarnation, boot: 1, capacity } });
    this.send({ kind: 'inventory', value: { sessions: [], images: [...images], tombstones: [], orphans: [], part: 0, more: false } });
  }

  #finish(how: string): void {
    this.#ended ??= how;
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }
}
