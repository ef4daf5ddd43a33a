import type { Duplex, Readable } from 'node:stream';
import type { ControllerFrame, NodeFrame } from '../../proto/frame.ts';
import type { PutSourceResponse } from '../../proto/generated/raworc/node/v0/PutSourceResponse.ts';
import type { OutboundBound } from '../../proto/grpc-link.ts';
import type { Link } from '../../proto/link.ts';
import type { Keepalive } from '../../proto/node-service.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Metrics } from '../../seams/metrics.ts';
import type { Random } from '../../seams/random.ts';
import type { NodeId } from '../domain/engine/ids.ts';
import type { Outcome } from '../domain/engine/outcome.ts';
import type { CertificateFacts } from '../domain/nodes/rows.ts';
import type { AdmissionRate } from './admission.ts';
import type { Authority } from './authority.ts';
import type { ConnectionBounds } from './listener.ts';
import type { Peer } from './peer.ts';
import type { RenewedCertificate } from './renewal.ts';
import type { PutHeader } from './source-stream.ts';
import type { JoinAttempt, JoinedNode } from './stranger-methods.ts';

export interface LinkInfo {
  /** `address:port` of the node. */
  readonly address: string;
  readonly certificateSerial: string;
  /** SHA-256 of the key that the node proved to have, in lower-case hex. */
  readonly keyHash: string;
  readonly certificate: CertificateFacts;
}

export interface NodeServerOptions {
  readonly authority: Authority;
  readonly host: string;
  /** 0 selects a free port. */
  readonly nodePort: number;
  readonly joinPort: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keepalive?: Keepalive;
  readonly outboundBound?: OutboundBound;
  /** Rate of new node streams. */
  readonly connectRate?: AdmissionRate;
  /**
   * Rate of new streams of one node, so that a node in a dial loop does not use up the others'
   * share.
   */
  readonly connectRateOfNode?: AdmissionRate;
  /**
   * Rate of renewals of all nodes, on each of the two ports. Challenges, which anyone can request,
   * are counted apart.
   */
  readonly renewRate?: AdmissionRate;
  /** Bounds on unauthenticated peers, on the node port and on the join port. */
  readonly nodeBounds?: Partial<ConnectionBounds>;
  readonly joinBounds?: Partial<ConnectionBounds>;
  readonly joinBytes?: number;
  /** How long a node's call can take to send its only message. */
  readonly callMs?: number;
  readonly metrics?: Metrics;
  readonly maxConnections?: number;
  /** `peer` is `address:port`. */
  join(attempt: JoinAttempt, peer: string): Promise<Outcome<JoinedNode>>;
  /**
   * Issues a new certificate to a node that proved to have the key of an old one. `expiresAtMs` is
   * the old certificate's.
   */
  renew(node: Peer, csrDer: Uint8Array, peer: string, takesBundle: boolean): Promise<Outcome<RenewedCertificate>>;
  /** Called for each call that was refused because of its peer's identity. */
  onRefused?(call: RefusedCall): void;
  /** Whether an authenticated node can be served. */
  admit(node: Peer): Outcome<unknown>;
  /**
   * Called when a node connects. The node id is the certificate's; nothing has been read from the
   * link.
   */
  onLink(nodeId: NodeId, link: Link<ControllerFrame, NodeFrame>, info: LinkInfo): void;
  /** Undefined disables byte streams. */
  readonly streams?: StreamCalls;
  /** Undefined: this controller has no registry of images. */
  readonly registry?: RegistryCalls | undefined;
  /** Returns whether this node is building something with that source. */
  canFetch(nodeId: NodeId, digest: string): boolean;
  openSource(digest: string): Readable | undefined;
  /** Takes the source of an agent that the node fetched for a build. */
  putSource(nodeId: NodeId, header: PutHeader, body: Readable | undefined): Promise<PutSourceResponse>;
}

/** Takes the calls that carry byte streams. */
export interface StreamCalls {
  /** Called before anything is read from the link. */
  accept(nodeId: NodeId, link: StreamLink): void;
  /** Byte streams that are requested from a node. */
  openTo(nodeId: NodeId): number;
}

/** Takes the calls that carry connections to the registry of images. */
export interface RegistryCalls {
  accept(nodeId: NodeId, connection: Duplex): void;
}

export interface RefusedCall {
  readonly method: 'Connect' | 'Renew' | 'ByteStream' | 'Registry';
  readonly peer: string;
  /** Id of an authenticated node. */
  readonly node?: string;
}

export interface NodeServer {
  readonly nodePort: number;
  readonly joinPort: number;
  /**
   * Ends all links, waits up to a second for the nodes to close, and resolves when both ports are
   * closed.
   */
  close(): Promise<void>;
}

/**
 * Many nodes can share one address, and all connect when their controller starts. An address from
 * which a node has connected before has only its own rate, not the common one.
 */
export const NODE_PORT: ConnectionBounds = {
  rates: { perAddress: { perSecond: 32, burst: 256 }, inAll: { perSecond: 64, burst: 512 } },
  perAddress: 128,
  inAll: 512,
  handshakeMs: 10_000,
  lifeMs: 10_000,
};

/**
 * A node needs two connections to join and one to renew, each for a moment. A handshake takes the
 * main thread a millisecond or more, so strangers get few of them.
 */
export const JOIN_PORT: ConnectionBounds = {
  rates: { perAddress: { perSecond: 8, burst: 128 }, inAll: { perSecond: 16, burst: 256 } },
  perAddress: 32,
  inAll: 64,
  handshakeMs: 10_000,
  lifeMs: 30_000,
};

/** Most bytes from a peer on one join-port connection, TLS overhead included. */
export const JOIN_BYTES = 128 * 1024;
