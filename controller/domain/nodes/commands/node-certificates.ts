/** Which of a node's certificates are accepted, and what is recorded about them. */
import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { NodeRow } from '../rows.ts';
import { nodeEvent } from './node-absence.ts';

/** Why a certificate is refused although the cluster's CA signed it. */
export type CertificateFault = 'revoked' | 'unknown-node' | 'other-key';

/** Returns undefined if the node of this row can authenticate with that key. */
export function certificateFault(row: NodeRow | undefined, keyHash: string): CertificateFault | undefined {
  if (row === undefined) return 'unknown-node';
  if (row.revokedAt !== null) return 'revoked';
  // Null: the node joined before keys were recorded, so its certificate is the only proof.
  return row.keyHash === null || row.keyHash === keyHash ? undefined : 'other-key';
}

export type Renewal = { readonly ok: true; readonly node: NodeRow } | { readonly ok: false; readonly fault: CertificateFault };

/**
 * Decides whether a node can renew the certificate of its key, and records the key if none was
 * recorded.
 */
export function renewCertificate(id: NodeId, keyHash: string): Command<Renewal> {
  return {
    name: 'renew-certificate',
    decide({ view }) {
      const row = view.get('nodes', id);
      const fault = certificateFault(row, keyHash);
      if (row === undefined || fault !== undefined) return unchanged({ ok: false, fault: fault ?? 'unknown-node' });
      if (row.keyHash !== null) return unchanged({ ok: true, node: row });
      const node = { ...row, keyHash };
      return { mutations: [put('nodes', node)], events: [], result: { ok: true, node } };
    },
  };
}

export interface Alarm {
  readonly type: string;
  /** One sentence for an operator: what happened, and what to do. */
  readonly message: string;
}

const CAUSES: Readonly<Record<CertificateFault, (name: string) => string>> = {
  revoked: (name) =>
    `The node ${name} was removed, but a machine still tries to connect with its certificate. Stop its node agent, or let it join again with a new token.`,
  'unknown-node': (name) =>
    `A machine has a certificate of this cluster for the node ${name}, which does not exist. Stop its node agent, or let it join again with a new token.`,
  'other-key': (name) =>
    `A machine uses an outdated identity of the node ${name}, which has joined again since. Stop it if it is a copy; otherwise let it join again with a new token.`,
};

export const CERTIFICATE_REFUSED = 'CertificateRefused';

export const certificateAlarm = (fault: CertificateFault, name: string): Alarm => ({
  type: CERTIFICATE_REFUSED,
  message: CAUSES[fault](name),
});

/** Node agent and controller are of different releases. */
export const VERSION_SKEW = 'Version';

export const IDENTITY_CONTESTED = 'IdentityContested';

export const identityAlarm = (name: string, connected: string | undefined, refused: string | undefined): Alarm => ({
  type: IDENTITY_CONTESTED,
  message: `Two processes use the identity of the node ${name}: the one at ${connected ?? 'an unknown address'} is connected, and the one at ${refused ?? 'an unknown address'} was refused. If one is a copy of the other's data directory, stop it, delete its identity, and let it join with a new token.`,
});

/** Another machine than the one that had the place, while that is away. */
export const machineAlarm = (name: string, last: string | undefined, refused: string | undefined): Alarm => ({
  type: IDENTITY_CONTESTED,
  message: `The machine at ${refused ?? 'an unknown address'} has the identity of the node ${name}, which last connected from another machine at ${last ?? 'an unknown address'}, and was refused. If it is a copy, stop it, delete its identity, and let it join with a new token. If the node moved there for good, run \`raworc node lost ${name}\`.`,
});

const NAME_CONTESTED = 'NameContested';

/** A machine asked to join as a node that exists. */
export const joinAlarm = (name: string, last: string | undefined, refused: string): Alarm => ({
  type: NAME_CONTESTED,
  message: `The machine at ${refused} tried to join as the node ${name}, which last connected from ${last ?? 'an unknown address'}, and was refused. If it is a new host, join it under another --name. If that node is gone for good, run \`raworc node remove ${name}\` first. If you do not know that machine, revoke the join token that it used.`,
});

/** Emits an alarm event for callers with nodes:list. A node without a row is named by its id. */
export function raiseNodeAlarm(id: NodeId, alarm: Alarm): Command<undefined> {
  return {
    name: 'raise-node-alarm',
    decide({ view }) {
      const { name } = view.get('nodes', id) ?? { name: id };
      return { mutations: [], events: [nodeEvent('node.alarm', { id, name }, { alarm })], result: undefined };
    },
  };
}
