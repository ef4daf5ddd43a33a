/** Which certificates of a node are honoured, and what is recorded of them. */
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { NodeRow } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

/** Why a certificate that the cluster's CA signed is refused all the same. */
export type CertificateFault = 'revoked' | 'unknown-node' | 'other-key';

/** Undefined: a node with this row may prove itself with that key. */
export function certificateFault(row: NodeRow | undefined, keyHash: string): CertificateFault | undefined {
  if (row === undefined) return 'unknown-node';
  if (row.revokedAt !== null) return 'revoked';
  // Null: the node joined before keys were recorded, so its certificate alone proves who it is.
  return row.keyHash === null || row.keyHash === keyHash ? undefined : 'other-key';
}

export type Renewal = { readonly ok: true; readonly node: NodeRow } | { readonly ok: false; readonly fault: CertificateFault };

/** Judges whether a node may have a new certificate over its key, and records the key where none was. */
export function renewCertificate(id: NodeId, keyHash: string): Command<Renewal> {
  return {
    name: 'renew-certificate',
    decide({ view }) {
      const row = view.get('nodes', id);
      const fault = certificateFault(row, keyHash);
      if (row === undefined || fault !== undefined) return unchanged({ ok: false, fault: fault ?? 'unknown-node' });
      if (row.keyHash !== null) return unchanged({ ok: true, node: row });
      const node = { ...row, keyHash };
      return { mutations: [put('nodes', node)], events: [], answer: { ok: true, node } };
    },
  };
}

export interface Alarm {
  readonly type: string;
  /** One sentence for an operator: what happened, and what to do. */
  readonly message: string;
}

const CAUSES: Readonly<Record<CertificateFault, (name: string) => string>> = {
  revoked: (name) => `The node ${name} was revoked, and still tries to connect with its certificate. Stop its node agent.`,
  'unknown-node': (name) =>
    `A machine holds a certificate of this cluster for the node ${name}, which does not exist. Stop its node agent, or let it join again with a new token.`,
  'other-key': (name) =>
    `A machine uses an older identity of the node ${name}, which has joined again since. If that is a copy, stop it; if not, let it join again with a new token.`,
};

export const CERTIFICATE_REFUSED = 'CertificateRefused';

export const certificateAlarm = (fault: CertificateFault, name: string): Alarm => ({
  type: CERTIFICATE_REFUSED,
  message: CAUSES[fault](name),
});

/** Tells everybody who may list nodes. A node without a row is named by its id. */
export function raiseNodeAlarm(id: NodeId, alarm: Alarm): Command<undefined> {
  return {
    name: 'raise-node-alarm',
    decide({ view }) {
      const { name } = view.get('nodes', id) ?? { name: id };
      return { mutations: [], events: [nodeEvent('node.alarm', { id, name }, { alarm })], answer: undefined };
    },
  };
}
