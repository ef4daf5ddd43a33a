import 'reflect-metadata'; // the certificate library requires it
import { createHash, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { caDigest } from '../../proto/ca-digest.ts';
import { MAX_CSR_BYTES } from '../../proto/node-service.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import { type CaFilesOptions, caNumbers, createCa, isFinishRequested, keepNewestCa, readCa, watchCas } from './ca-files.ts';
import {
  createKeys,
  createNodeCertificate,
  createServerCertificate,
  type Issuer,
  KEY_ALGORITHM,
  keyPem,
  NODE_CERTIFICATE_LIFE_MS,
} from './certificates.ts';
import type { Trust, TrustedCa } from './peer.ts';

export interface ServerCredential {
  /**
   * The certificate followed by the CA's, so that a node that knows only the CA's hash finds the CA
   * in the chain.
   */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly expiresAtMs: number;
}

export interface NodeCertificate {
  readonly der: Uint8Array;
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly expiresAtMs: number;
  /** Remaining validity. */
  readonly lifeMs: number;
}

/**
 * What a certificate request proves: its sender has the key and, if it contains a challenge,
 * received that challenge.
 */
export interface KeyProof {
  /** SHA-256 of the public key, lower-case hex. */
  readonly keyHash: string;
  readonly challenge: string | undefined;
}

/**
 * The cluster's certificate authority, on which all trust between hosts rests. Usually one CA.
 * During a rotation there is a second one:
 * 1. Both are trusted. The controller presents certificates of the older one, which every node
 *    knows, and issues node certificates under the newer one.
 * 2. Once no node depends on the older one, it is removed. From then on its certificates are
 *    refused, and the controller presents certificates of the newer one.
 */
export interface Authority extends Trust {
  /** The CA that signs the controller's certificate. */
  readonly caPem: string;
  readonly caDer: Uint8Array;
  /** SHA-256 of its DER in lower-case hex, as in join tokens. */
  readonly caHash: string;
  /** Identifies the set of trusted CAs. */
  readonly digest: string;
  /** The trusted CAs as DER, oldest first. */
  readonly bundle: readonly Uint8Array[];
  /** Hash of the CA that issues node certificates. */
  readonly newest: string;
  /** Issues a controller certificate, valid for 24 h. Its private key never reaches the disk. */
  issueServer(): Promise<ServerCredential>;
  /** Verifies a certificate request. Refuses with BAD_REQUEST unless a P-256 key signed it. */
  keyProof(csrDer: Uint8Array): Promise<Outcome<KeyProof>>;
  /**
   * Issues a node certificate for the key of the request. Verifies the request's signature and
   * ignores its subject. Refuses with BAD_REQUEST unless a P-256 key signed it. A node that cannot
   * take a bundle of CAs gets a certificate of the one that it knows.
   */
  issueNode(csrDer: Uint8Array, nodeId: string, takesBundle?: boolean): Promise<Outcome<NodeCertificate>>;
  /** Reads the CAs on disk again. Returns whether they changed. */
  reload(): Promise<boolean>;
  /** Whether an operator asked to end the rotation now. */
  isFinishRequested(): Promise<boolean>;
  /** Removes all CAs but the newest. */
  finish(): Promise<void>;
  /** Calls `listener` when files of the CAs change; can miss a change. */
  watch(listener: () => void): { close(): void };
  onChanged(listener: () => void): void;
}

export interface AuthorityOptions extends CaFilesOptions {
  readonly log: Log;
  /** Lifetime of node certificates. Default {@link NODE_CERTIFICATE_LIFE_MS}. */
  readonly nodeCertificateLifeMs?: number | undefined;
}

interface Issuing extends TrustedCa {
  readonly pem: string;
  readonly der: Uint8Array;
  readonly issuer: Issuer;
}

/**
 * Opens the cluster's CA and creates it at the first start. Throws if the directory has another
 * cluster's CA, if its key is missing, does not match or is readable by others. Never replaces a CA
 * by itself, because that would lock out every node.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { directory, clusterId, clock, random, log, nodeCertificateLifeMs = NODE_CERTIFICATE_LIFE_MS } = options;
  if ((await caNumbers(directory)).length === 0) {
    await createCa(options, 1);
    log.info('authority.created', { cluster: clusterId });
  }
  const listeners = new Set<() => void>();
  let cas = await readAll(options, random);

  const reload = async (): Promise<boolean> => {
    const found = await readAll(options, random);
    if (found.map(({ hash }) => hash).join() === cas.map(({ hash }) => hash).join()) return false;
    cas = found;
    for (const listener of listeners) listener();
    return true;
  };
  return {
    clusterId,
    get trusted() {
      return cas;
    },
    get caPem() {
      return oldestOf(cas).pem;
    },
    get caDer() {
      return oldestOf(cas).der;
    },
    get caHash() {
      return oldestOf(cas).hash;
    },
    get digest() {
      return caDigest(cas.map(({ der }) => der));
    },
    get bundle() {
      return cas.map(({ der }) => der);
    },
    get newest() {
      return newestOf(cas).hash;
    },
    async issueServer() {
      const { issuer, pem } = oldestOf(cas);
      const keys = await createKeys();
      const leaf = await createServerCertificate(issuer, keys.publicKey, clock.now());
      return {
        chainPem: `${leaf.toString('pem')}\n${pem}`,
        keyPem: await keyPem(keys.privateKey),
        expiresAtMs: leaf.notAfter.getTime(),
      };
    },
    async keyProof(csrDer) {
      const request = await parsedRequest(csrDer);
      if (request === undefined) return refused('BAD_REQUEST', NO_REQUEST);
      const challenge = request.attributes.find((attribute) => attribute instanceof x509.ChallengePasswordAttribute);
      const keyHash = Buffer.from(await request.publicKey.getThumbprint('SHA-256')).toString('hex');
      return accepted({ keyHash, challenge: challenge?.password });
    },
    async issueNode(csrDer, nodeId, takesBundle = true) {
      const request = await parsedRequest(csrDer);
      if (request === undefined) return refused('BAD_REQUEST', NO_REQUEST);
      const nowMs = clock.now();
      const { issuer } = takesBundle ? newestOf(cas) : oldestOf(cas);
      const leaf = await createNodeCertificate(issuer, request.publicKey, nodeId, nowMs, nodeCertificateLifeMs);
      const expiresAtMs = leaf.notAfter.getTime();
      return accepted({
        der: new Uint8Array(leaf.rawData),
        serialNumber: leaf.serialNumber.toLowerCase(),
        expiresAtMs,
        lifeMs: Math.max(0, expiresAtMs - nowMs),
      });
    },
    reload,
    isFinishRequested: () => isFinishRequested(directory),
    async finish() {
      await keepNewestCa(directory);
      await reload();
    },
    watch: (listener) => watchCas(directory, listener),
    onChanged: (listener) => void listeners.add(listener),
  };
}

async function readAll(options: AuthorityOptions, random: Random): Promise<readonly Issuing[]> {
  const found: Issuing[] = [];
  for (const number of await caNumbers(options.directory)) {
    const pair = await readCa(options, number);
    // Removed after it was listed.
    if (pair === undefined) continue;
    const { certificate, privateKey } = pair;
    const der = new Uint8Array(certificate.rawData);
    found.push({
      ...{ der, pem: `${certificate.toString('pem')}\n`, certificate: new X509Certificate(der) },
      hash: createHash('sha256').update(der).digest('hex'),
      issuer: { clusterId: options.clusterId, certificate, signingKey: privateKey, random },
    });
  }
  return found;
}

const newestOf = (cas: readonly Issuing[]): Issuing => one(cas.at(-1));
const oldestOf = (cas: readonly Issuing[]): Issuing => one(cas[0]);

function one(ca: Issuing | undefined): Issuing {
  if (ca === undefined) throw new Error('the certificates of the CA are missing. Restore them from a backup, together with the database.');
  return ca;
}

const NO_REQUEST = 'The certificate request is invalid. It must contain a P-256 key and be signed by it.';

async function parsedRequest(csrDer: Uint8Array): Promise<x509.Pkcs10CertificateRequest | undefined> {
  if (csrDer.byteLength === 0 || csrDer.byteLength > MAX_CSR_BYTES) return undefined;
  try {
    const csr = new x509.Pkcs10CertificateRequest(Uint8Array.from(csrDer));
    const { name, namedCurve } = { namedCurve: undefined, ...csr.publicKey.algorithm };
    if (name !== KEY_ALGORITHM.name || namedCurve !== KEY_ALGORITHM.namedCurve) return undefined;
    return (await csr.verify()) ? csr : undefined;
  } catch {
    // The parser throws for anything malformed. All of that gets the same answer.
    return undefined;
  }
}
