import type { Readable } from 'node:stream';
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import type { Random } from '../seams/random.ts';
import type { Core } from './core-deps.ts';
import { byNode } from './domain/audit/audit.ts';
import type { NodeId } from './domain/engine/ids.ts';
import { accepted, refused } from './domain/engine/outcome.ts';
import {
  type CertificateFault,
  certificateAlarm,
  certificateFault,
  joinAlarm,
  renewCertificate,
} from './domain/nodes/commands/node-certificates.ts';
import { ContestedNode, RemovedNode } from './domain/nodes/refusals.ts';
import type { Authority } from './grpc/authority.ts';
import type { RefusedCall } from './grpc/node-server-options.ts';
import type { Peer } from './grpc/peer.ts';
import type { PutHeader } from './grpc/source-stream.ts';
import type { JoinAttempt } from './grpc/stranger-methods.ts';
import { agentSpec } from './services/fleet/encode.ts';
import { joinWith, knownToken } from './services/nodes/join-service.ts';
import type { SourceFiles } from './store/files/source-files.ts';

/**
 * Implements the node protocol for the controller: joins, certificate renewals, streams and
 * sources.
 */
export function nodeSide(
  { applier, view, fleet, dispatch, alarms, streams, services: { audit, agents } }: Core,
  authority: Authority,
  sourceStore: SourceFiles,
  { random, log, metrics, epoch }: { readonly random: Random; readonly log: Log; readonly metrics: Metrics; readonly epoch: number },
  addresses: () => { readonly nodeAddresses: readonly string[]; readonly joinAddresses: readonly string[] },
) {
  const certificates = metrics.counter({
    name: 'node_certificates_total',
    help: 'Certificates requested by nodes.',
    labels: ['how', 'outcome'],
  });
  const refuseCertificate = (nodeId: NodeId, fault: CertificateFault) => {
    const alarm = certificateAlarm(fault, view.get('nodes', nodeId)?.name ?? nodeId);
    alarms.raise(nodeId, alarm);
    return refused('FORBIDDEN', alarm.message, fault === 'revoked' ? new RemovedNode(nodeId) : undefined);
  };
  const raiseContested = (nodeId: NodeId, refusedAddress: string) => {
    const node = view.get('nodes', nodeId);
    if (node !== undefined) alarms.raise(nodeId, joinAlarm(node.name, node.address ?? undefined, refusedAddress));
  };
  return {
    async renew(
      { nodeId, keyHash, expiresAtMs, certificateSerial, certificate: before }: Peer,
      csrDer: Uint8Array,
      peer: string,
      takesBundle: boolean,
    ) {
      const judged = await applier.apply(renewCertificate(nodeId, keyHash));
      if (!judged.ok) {
        certificates.add(1, { how: 'renew', outcome: 'refused' });
        // A node of this epoch without a row was removed so long ago that its row is gone.
        const isForgotten = judged.fault === 'unknown-node' && before.issuedAt >= epoch * 1000;
        return refuseCertificate(nodeId, isForgotten ? 'revoked' : judged.fault);
      }
      const caBundle = takesBundle ? authority.bundle.map((der) => Buffer.from(der)) : [];
      const certificate = await authority.issueNode(csrDer, nodeId, takesBundle);
      if (!certificate.ok) return certificate;
      certificates.add(1, { how: 'renew', outcome: 'issued' });
      const { der, serialNumber, lifeMs } = certificate.value;
      log.info('node.certificate_renewed', {
        node: judged.node.name,
        serial: serialNumber,
        old_expiry: new Date(expiresAtMs).toISOString(),
        new_expiry: new Date(certificate.value.expiresAtMs).toISOString(),
      });
      const node = { id: nodeId, name: judged.node.name };
      await audit.note(byNode('renewCertificate', node, `certificate:${certificateSerial}`, addressOf(peer)));
      return accepted({ certificateDer: der, lifeMs, caBundle, ...addresses() });
    },
    admit({ nodeId, keyHash }: Peer) {
      // A node with an unknown key can have joined after the backup that this store was restored
      // from. Its hello decides.
      const fault = certificateFault(view.get('nodes', nodeId), keyHash);
      return fault === 'revoked' ? refuseCertificate(nodeId, fault) : accepted(undefined);
    },
    async join(request: JoinAttempt, peer: string) {
      const by = { ...byNode('joinNode', undefined, joinTokenIn(request), addressOf(peer)) };
      // Checked first: a stranger has no token and must not cost work.
      const known = knownToken(view, request);
      if (!known.ok) {
        audit.refused({ ...by, credential: null }, known.refusal.code);
        return known;
      }
      // Checked before the token is used up.
      const proof = await authority.keyProof(request.csrDer);
      if (!proof.ok) return proof;
      const row = await joinWith({ applier, fleet, random }, { ...request, keyHash: proof.value.keyHash }, { attribution: by });
      certificates.add(1, { how: 'join', outcome: row.ok ? 'issued' : 'refused' });
      if (!row.ok) {
        audit.refused(by, row.refusal.code);
        if (row.refusal.details instanceof ContestedNode) raiseContested(row.refusal.details.nodeId, addressOf(peer));
        return row;
      }
      const caBundle = request.takesBundle ? authority.bundle.map((der) => Buffer.from(der)) : [];
      const certificate = await authority.issueNode(request.csrDer, row.value.id, request.takesBundle);
      if (!certificate.ok) return certificate;
      return accepted({
        nodeId: row.value.id,
        clusterId: authority.clusterId,
        incarnation: row.value.incarnation,
        certificateDer: certificate.value.der,
        caDer: authority.caDer,
        expiresAtMs: certificate.value.expiresAtMs,
        caBundle,
      });
    },
    onRefused({ method, peer, node }: RefusedCall) {
      const name = node === undefined ? undefined : { id: node, name: view.get('nodes', node)?.name ?? null };
      const action = method === 'Renew' ? 'renewCertificate' : 'connectNode';
      audit.refused(byNode(action, name, null, addressOf(peer)), 'FORBIDDEN');
    },
    onLink: fleet.connect.bind(fleet),
    streams,
    canFetch: dispatch.canFetch.bind(dispatch),
    openSource: sourceStore.open,
    async putSource(nodeId: NodeId, header: PutHeader, body: Readable | undefined) {
      const taken = await agents.takeFetched(nodeId, header, body);
      if (!taken.ok) return { refusal: taken.refusal.message };
      const { built, sameAs = '' } = taken.value;
      return { source: { spec: agentSpec(built), digest: built.digest }, sameAs };
    },
  };
}

const addressOf = (peer: string): string => peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

/** Only recorded for an existing token: anything else is arbitrary input. */
const joinTokenIn = ({ tokenId }: JoinAttempt): string => `join-token:${tokenId}`;
