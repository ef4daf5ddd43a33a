/** A cluster's trust and a node server on free ports of 127.0.0.1, for tests of the wire. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import { type Authority, openAuthority } from '../../../../controller/grpc/authority.ts';
import { startNodeServer } from '../../../../controller/grpc/node-server.ts';
import type { NodeServer, NodeServerOptions } from '../../../../controller/grpc/node-server-options.ts';
import { assembleIdentity, type Identity } from '../../../../node-agent/identity/identity.ts';
import { certificateRequest, createNodeKey } from '../../../../node-agent/identity/node-key.ts';
import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import { encodeJoinToken } from '../../../../proto/join-token.ts';
import type { Link } from '../../../../proto/link.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The system's clock, with a wall clock that a test sets ahead or back. */
export function shiftedClock(): Clock & { shiftMs: number } {
  return {
    ...systemClock,
    shiftMs: 0,
    now() {
      return systemClock.now() + this.shiftMs;
    },
  };
}

export interface Arrival {
  readonly nodeId: NodeId;
  readonly link: Link<ControllerFrame, NodeFrame>;
  /** Hash of the CA of its certificate. */
  readonly issuer: string;
}

export interface Rig {
  readonly directory: string;
  /** The node server's, which the dates of its certificates do not follow. */
  readonly clock: ReturnType<typeof shiftedClock>;
  readonly authorityClock: ReturnType<typeof shiftedClock>;
  readonly authority: Authority;
  readonly server: NodeServer;
  /** What the controller saw connect, oldest first. */
  readonly arrivals: Arrival[];
  /** A node of that id with a certificate of `issuer` (the rig's own by default). */
  node(nodeId: string, issuer?: Authority): Promise<Identity>;
  nextArrival(): Promise<Arrival>;
  token(change?: { caHash?: string; joinAddresses?: string[] }): string;
  close(): Promise<void>;
}

type Changes = Partial<Omit<NodeServerOptions, 'authority' | 'clock' | 'random' | 'onLink'>> & {
  readonly certificateLifeMs?: number;
  readonly clusterId?: string;
};

const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';

export async function makeAuthority(
  directory: string,
  clusterId: string,
  clock: Clock = systemClock,
  nodeCertificateLifeMs?: number,
): Promise<Authority> {
  const life = nodeCertificateLifeMs === undefined ? {} : { nodeCertificateLifeMs };
  return openAuthority({ directory, clusterId, clock, random: systemRandom, log: silentLog, ...life });
}

export async function startRig({ certificateLifeMs, clusterId: ownId = CLUSTER, ...changes }: Changes = {}): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-wire-'));
  const clock = shiftedClock();
  const authorityClock = shiftedClock();
  const authority = await makeAuthority(join(directory, 'ca'), ownId, authorityClock, certificateLifeMs);
  const arrivals: Arrival[] = [];
  const waiting: ((arrival: Arrival) => void)[] = [];
  let joins = 0;
  const bundle = () => authority.bundle.map((der) => Buffer.from(der));
  const server = await startNodeServer({
    authority,
    host: '127.0.0.1',
    nodePort: 0,
    joinPort: 0,
    clock,
    random: systemRandom,
    log: silentLog,
    admit: () => accepted(undefined),
    async renew({ nodeId }, csrDer, _peer, takesBundle) {
      const certificate = await authority.issueNode(csrDer, nodeId, takesBundle);
      if (!certificate.ok) return certificate;
      const caBundle = takesBundle ? bundle() : [];
      return accepted({
        certificateDer: certificate.value.der,
        lifeMs: certificate.value.lifeMs,
        nodeAddresses: [],
        joinAddresses: [],
        caBundle,
      });
    },
    onLink(nodeId, link, { certificate }) {
      const arrival = { nodeId, link, issuer: certificate.issuer };
      const waiter = waiting.shift();
      if (waiter === undefined) arrivals.push(arrival);
      else waiter(arrival);
    },
    async join({ csrDer, nodeName, takesBundle }) {
      joins += 1;
      const certificate = await authority.issueNode(csrDer, nodeName, takesBundle);
      if (!certificate.ok) return certificate;
      const { der, expiresAtMs } = certificate.value;
      const { clusterId, caDer } = authority;
      return accepted({
        nodeId: nodeName as NodeId,
        clusterId,
        incarnation: joins,
        certificateDer: der,
        caDer,
        expiresAtMs,
        caBundle: takesBundle ? bundle() : [],
      });
    },
    canFetch: () => false,
    openSource: () => undefined,
    putSource: async () => ({ refusal: 'no' }),
    ...changes,
  });
  const token: Rig['token'] = (change) =>
    encodeJoinToken({
      joinAddresses: [`127.0.0.1:${server.joinPort}`],
      nodeAddresses: [`127.0.0.1:${server.nodePort}`],
      caHash: authority.caHash,
      id: 'token-1',
      secret: 'secret-1',
      ...change,
    });
  return {
    directory,
    clock,
    authorityClock,
    authority,
    server,
    arrivals,
    token,
    node: (nodeId, issuer = authority) => makeNode(nodeId, issuer, `127.0.0.1:${server.nodePort}`, `127.0.0.1:${server.joinPort}`),
    nextArrival() {
      const arrival = arrivals.shift();
      return arrival === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(arrival);
    },
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** An identity as joining makes it, without the joining. */
export async function makeNode(nodeId: string, issuer: Authority, controller: string, joinAddress = ''): Promise<Identity> {
  const keyPem = await createNodeKey();
  const certificate = await issuer.issueNode(await certificateRequest(keyPem), nodeId);
  if (!certificate.ok) throw new Error(certificate.refusal.message);
  const certificatePem = new X509Certificate(certificate.value.der).toString();
  const parts = {
    nodeId,
    clusterId: issuer.clusterId,
    incarnation: 1,
    name: nodeId,
    controllers: [controller],
    joinAddresses: joinAddress === '' ? [] : [joinAddress],
    tokenId: '',
  };
  return assembleIdentity(parts, keyPem, certificatePem, issuer.caPem);
}
