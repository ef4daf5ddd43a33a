import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { nodeUri } from '../../proto/node-service.ts';
import { readIfThere, readPrivateFile } from '../../seams/private-file.ts';
import { casIn, isSignedBy } from './ca-bundle.ts';

/** A node's identity, proved by a key that never leaves it. */
export interface Identity {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Increases with every join under this node name. */
  readonly incarnation: number;
  readonly name: string;
  /** `host:port` of each controller's node port. */
  readonly controllers: readonly string[];
  /**
   * `host:port` of each controller's join port; empty for a node that joined before they were
   * stored.
   */
  readonly joinAddresses: readonly string[];
  /** Id of the join token; empty when unknown. */
  readonly tokenId: string;
  readonly keyPem: string;
  readonly certificatePem: string;
  /** The cluster's CAs: one, or two while they are being rotated. */
  readonly caPem: string;
  /** Expiry of the certificate, Unix milliseconds. */
  readonly expiresAtMs: number;
}

export const identityFiles = (directory: string) => ({
  key: join(directory, 'node.key'),
  /** The key of an unfinished join. */
  pendingKey: join(directory, 'node.key.joining'),
  ca: join(directory, 'ca.crt'),
  description: join(directory, 'identity.json'),
  /** Written last: the other files are valid only together with it. */
  certificate: join(directory, 'node.crt'),
});

const description = z.object({
  nodeId: z.string().min(1),
  clusterId: z.string().min(1),
  incarnation: z.number().int().nonnegative(),
  name: z.string().min(1),
  controllers: z.array(z.string()).min(1),
  joinAddresses: z.array(z.string()).default([]),
  tokenId: z.string().default(''),
});
export type IdentityDescription = z.infer<typeof description>;

/** Returns the content of identity.json. */
export const describe = ({
  keyPem: _,
  certificatePem: _c,
  caPem: _a,
  expiresAtMs: _e,
  controllers,
  joinAddresses,
  ...rest
}: Identity): IdentityDescription => ({
  ...rest,
  controllers: [...controllers],
  joinAddresses: [...joinAddresses],
});

/**
 * Throws when the parts do not belong together. An expired certificate still identifies the node.
 */
export function assembleIdentity(parts: IdentityDescription, keyPem: string, certificatePem: string, caPem: string): Identity {
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) throw new Error('the certificate of this node does not match its key');
  if (!isSignedBy(certificate, casIn(caPem))) throw new Error('the certificate of this node was not signed by the CA stored with it');
  if (certificate.subjectAltName !== `URI:${nodeUri(parts.clusterId, parts.nodeId)}`) {
    throw new Error('the certificate of this node names another node');
  }
  return { ...parts, keyPem, certificatePem, caPem, expiresAtMs: certificate.validToDate.getTime() };
}

/**
 * Undefined if this machine has not joined or a join was cut off. Throws for a key that others can
 * read, and for inconsistent files.
 */
export async function loadIdentity(directory: string): Promise<Identity | undefined> {
  const files = identityFiles(directory);
  const certificatePem = await readIfThere(files.certificate);
  if (certificatePem === undefined) return undefined;
  const keyPem = await readPrivateFile(files.key);
  const caPem = await readIfThere(files.ca);
  const text = await readIfThere(files.description);
  if (keyPem === undefined || caPem === undefined || text === undefined) {
    throw new Error(`a part of this node's identity is missing in ${directory}. Join the cluster again with a new token.`);
  }
  return assembleIdentity(description.parse(JSON.parse(text)), keyPem, certificatePem, caPem);
}
