import type { Readable } from 'node:stream';
import {
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { controllerFrames, nodeFrames } from '../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { FetchSourceRequest__Output } from '../../proto/generated/raworc/node/v0/FetchSourceRequest.ts';
import type { JoinRequest__Output } from '../../proto/generated/raworc/node/v0/JoinRequest.ts';
import type { JoinResponse } from '../../proto/generated/raworc/node/v0/JoinResponse.ts';
import type { SourceChunk } from '../../proto/generated/raworc/node/v0/SourceChunk.ts';
import { type QueueBound, serverLink } from '../../proto/grpc-link.ts';
import type { Link } from '../../proto/link.ts';
import {
  connectMethod,
  defaultKeepalive,
  fetchSourceMethod,
  joinMethod,
  type Keepalive,
  MAX_CSR_BYTES,
  transportOptions,
} from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log, LogFields } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { NodeId } from '../domain/ids.ts';
import { type Outcome, type Refusal, refused } from '../domain/outcome.ts';
import { Admission, AdmissionOfEach, type AdmissionRate } from './admission.ts';
import type { Authority } from './authority.ts';
import { grpcStatus, internalStatus } from './errors.ts';
import { type Listener, listen } from './listener.ts';
import { type Peer, peerOf } from './peer.ts';
import { type RenewedCertificate, registerRenewal } from './renewal.ts';
import { openServerCredentials } from './server-credentials.ts';
import { sendSource } from './source-stream.ts';

export interface JoinAttempt {
  readonly tokenId: string;
  readonly tokenSecret: string;
  readonly csrDer: Uint8Array;
  readonly nodeName: string;
}

export interface JoinedNode {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly certificateDer: Uint8Array;
  readonly caDer: Uint8Array;
  readonly expiresAtMs: number;
}

export interface LinkInfo {
  /** `address:port` of the node. */
  readonly address: string;
  readonly certificateSerial: string;
  /** SHA-256 of the key that the node proved to hold, lower-case hex. */
  readonly keyHash: string;
}

export interface NodeServerOptions {
  readonly authority: Authority;
  readonly host: string;
  /** 0: a free one. */
  readonly nodePort: number;
  readonly joinPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keepalive?: Keepalive;
  readonly queueBound?: QueueBound;
  /** New streams of nodes. */
  readonly connectRate?: AdmissionRate;
  /** New streams of one node: one that dials without end leaves the others their share. */
  readonly connectRateOfNode?: AdmissionRate;
  /** Calls of Join, which anyone can make. */
  readonly joinRate?: AdmissionRate;
  /** Renewals of all nodes, on each of the two ports; what anyone can call is counted apart. */
  readonly renewRate?: AdmissionRate;
  readonly maxConnections?: number;
  join(attempt: JoinAttempt): Promise<Outcome<JoinedNode>>;
  /** A new certificate for a node that proved to hold the key of an old one. `expiresAtMs` is that one's. */
  renew(node: Peer, csrDer: Uint8Array): Promise<Outcome<RenewedCertificate>>;
  /** Whether a node that proved who it is may be served. */
  admit(node: Peer): Outcome<unknown>;
  /** A node has connected. The node id is the certificate's; the link has read nothing yet. */
  onLink(nodeId: NodeId, link: Link<ControllerFrame, NodeFrame>, info: LinkInfo): void;
  /** Whether a source is part of something that this node was told to build. */
  mayFetch(nodeId: NodeId, digest: string): boolean;
  openSource(digest: string): Readable | undefined;
}

export interface NodeServer {
  readonly nodePort: number;
  readonly joinPort: number;
  /** Ends all links, waits up to a second for the nodes to hang up, and resolves when both ports are closed. */
  close(): Promise<void>;
}

/** Lines in the log about those who were refused. */
const REFUSALS_TOLD: AdmissionRate = { perSecond: 1, burst: 100 };

/** The node protocol on two ports: one for nodes, which demands a certificate of the cluster's CA, and one for joining, which cannot. */
export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const { authority, host, clock, log } = options;
  const connects = new Admission(options.connectRate ?? { perSecond: 32, burst: 64 }, clock);
  const connectsOfNode = new AdmissionOfEach<NodeId>(options.connectRateOfNode ?? { perSecond: 2, burst: 16 }, clock);
  const joins = new Admission(options.joinRate ?? { perSecond: 8, burst: 32 }, clock);
  const maxConnections = options.maxConnections ?? 8192;
  const links = new Set<Link<ControllerFrame, NodeFrame>>();
  const listeners: Listener[] = [];
  const spoke = (peer: string) => {
    for (const listener of listeners) listener.spoke(peer);
  };
  const cutOff = (peer: string) => {
    for (const listener of listeners) listener.cutOff(peer);
  };
  const refuse = (call: { emit(event: 'error', status: object): boolean }, refusal: Refusal, retryAfterMs?: number) => {
    call.emit('error', grpcStatus(refusal, retryAfterMs));
  };
  const refusals = new Admission(REFUSALS_TOLD, clock);
  // Anyone who reaches a port can be refused without end.
  const tellRefusal = (fields: LogFields) => {
    if (refusals.enter() === undefined) log.warn('link.refused', fields);
  };
  const fault = (method: string, error: unknown) => log.error('link.handler_failed', { method, error: String(error) });

  const connect = (call: ServerDuplexStream<Buffer, Buffer>) => {
    const address = call.getPeer();
    spoke(address);
    const peer = peerOf(call, authority.clusterId, clock.now());
    if (!peer.ok) {
      tellRefusal({ method: 'Connect', peer: address, reason: peer.refusal.message });
      return refuse(call, peer.refusal);
    }
    const admitted = options.admit(peer.value);
    if (!admitted.ok) {
      tellRefusal({ method: 'Connect', peer: address, node: peer.value.nodeId, reason: admitted.refusal.message });
      return refuse(call, admitted.refusal);
    }
    const waitMs = connectsOfNode.enter(peer.value.nodeId) ?? connects.enter();
    if (waitMs !== undefined) {
      return refuse(call, refused('RATE_LIMITED', 'Too many nodes connect at once; try again a little later.').refusal, waitMs);
    }
    const { nodeId, certificateSerial, keyHash, expiresAtMs } = peer.value;
    const bound = options.queueBound === undefined ? {} : { bound: options.queueBound };
    const link = serverLink(call, () => cutOff(address), { outgoing: controllerFrames, incoming: nodeFrames, clock, ...bound });
    links.add(link);
    // By the clock that does not jump: a certificate that was valid a moment ago does not expire because somebody set the time.
    const expiry = clock.after(expiresAtMs - clock.now(), () =>
      link.close(new Error(`the certificate of this node expired at ${new Date(expiresAtMs).toISOString()}`)),
    );
    link.onClose(() => {
      expiry.cancel();
      links.delete(link);
    });
    call.sendMetadata(new Metadata()); // tells the node that it is in
    try {
      options.onLink(nodeId, link, { address, certificateSerial, keyHash });
    } catch (error) {
      fault('Connect', error);
      link.close(new Error(internalStatus.details));
    }
  };

  const join = async (request: JoinRequest__Output, peer: string): Promise<Outcome<JoinResponse>> => {
    spoke(peer);
    if (joins.enter() !== undefined) return refused('RATE_LIMITED', 'Too many nodes join at once; try again a little later.');
    const { tokenId, tokenSecret, csrDer, nodeName } = request;
    if (csrDer.byteLength > MAX_CSR_BYTES || tokenId.length > 128 || tokenSecret.length > 128 || nodeName.length > 253) {
      return refused('BAD_REQUEST', 'A field of the join request is too long.');
    }
    return options.join({ tokenId, tokenSecret, csrDer, nodeName });
  };

  const fetchSource = async (call: ServerWritableStream<FetchSourceRequest__Output, SourceChunk>): Promise<void> => {
    spoke(call.getPeer());
    const peer = peerOf(call, authority.clusterId, clock.now());
    if (!peer.ok) return refuse(call, peer.refusal);
    const admitted = options.admit(peer.value);
    if (!admitted.ok) return refuse(call, admitted.refusal);
    const { digest } = call.request;
    const source = options.mayFetch(peer.value.nodeId, digest) ? options.openSource(digest) : undefined;
    if (source === undefined) return refuse(call, refused('NOT_FOUND', 'There is no such source for this node.').refusal);
    await sendSource(call, source);
  };

  const server = new Server({ ...transportOptions(options.keepalive ?? defaultKeepalive), 'grpc.max_concurrent_streams': 32 });
  server.register(connectMethod.path, connect, connectMethod.serialize, connectMethod.deserialize, 'bidi');
  server.register(
    joinMethod.path,
    (call: ServerUnaryCall<JoinRequest__Output, JoinResponse>, answer: sendUnaryData<JoinResponse>) => {
      join(call.request, call.getPeer()).then(
        (outcome) => (outcome.ok ? answer(null, outcome.value) : answer(grpcStatus(outcome.refusal))),
        (error: unknown) => {
          fault('Join', error);
          answer(internalStatus);
        },
      );
    },
    joinMethod.responseSerialize,
    joinMethod.requestDeserialize,
    'unary',
  );
  registerRenewal(server, {
    authority,
    clock,
    random: options.random,
    log,
    rate: options.renewRate,
    renew: options.renew,
    spoke,
    tellRefusal,
  });
  server.register(
    fetchSourceMethod.path,
    (call: ServerWritableStream<FetchSourceRequest__Output, SourceChunk>) => {
      fetchSource(call).catch((error: unknown) => {
        fault('FetchSource', error);
        call.emit('error', internalStatus);
      });
    },
    fetchSourceMethod.responseSerialize,
    fetchSourceMethod.requestDeserialize,
    'serverStream',
  );

  const credentials = await openServerCredentials(authority, clock, log);
  const open = async (name: string, port: number, injector: ReturnType<Server['createConnectionInjector']>) => {
    const beforeConnection = () => credentials.renew();
    const listener = await listen({ name, host, port, maxConnections, injector, beforeConnection, clock, log });
    listeners.push(listener);
    return listener.port;
  };
  const close = async () => {
    for (const link of links) link.close();
    await Promise.all(listeners.map((listener) => listener.close()));
    server.forceShutdown();
  };
  try {
    const nodePort = await open('node', options.nodePort, server.createConnectionInjector(credentials.forNodes));
    const joinPort = await open('join', options.joinPort, server.createConnectionInjector(credentials.forJoining));
    return { nodePort, joinPort, close };
  } catch (error) {
    await close();
    throw error;
  }
}
