import 'reflect-metadata'; // the certificate library requires it
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { MAX_CSR_BYTES } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { makePrivateDirectory, readIfThere, readPrivateFile, writePrivateFile } from '../../seams/private-file.ts';
import type { Random } from '../../seams/random.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import {
  createCaCertificate,
  createKeys,
  createNodeCertificate,
  createServerCertificate,
  type Issuer,
  KEY_ALGORITHM,
  type KeyPair,
  keyPem,
  NODE_CERTIFICATE_LIFE_MS,
} from './certificates.ts';

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

/** The cluster's certificate authority, on which all trust between hosts rests. */
export interface Authority {
  readonly clusterId: string;
  readonly caPem: string;
  readonly caDer: Uint8Array;
  /** SHA-256 of the DER in lower-case hex, as in join tokens. */
  readonly caHash: string;
  /** Issues a controller certificate, valid for 24 h. Its private key never reaches the disk. */
  issueServer(): Promise<ServerCredential>;
  /** Verifies a certificate request. Refuses with BAD_REQUEST unless a P-256 key signed it. */
  keyProof(csrDer: Uint8Array): Promise<Outcome<KeyProof>>;
  /**
   * Issues a node certificate for the key of the request. Verifies the request's signature and
   * ignores its subject. Refuses with BAD_REQUEST unless a P-256 key signed it.
   */
  issueNode(csrDer: Uint8Array, nodeId: string): Promise<Outcome<NodeCertificate>>;
}

export interface AuthorityOptions {
  /** The CA's own directory, created with mode 0700. Has ca.key and ca.crt. */
  readonly directory: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Lifetime of node certificates. Default {@link NODE_CERTIFICATE_LIFE_MS}. */
  readonly nodeCertificateLifeMs?: number | undefined;
}

/**
 * Opens the cluster's CA and creates it at the first start. Throws if the directory has another
 * cluster's CA, if its key is missing, does not match or is readable by others. Never replaces a CA
 * by itself, because that would lock out every node.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { clusterId, clock, random, nodeCertificateLifeMs = NODE_CERTIFICATE_LIFE_MS } = options;
  const { certificate, privateKey } = (await load(options)) ?? (await create(options));
  const issuer: Issuer = { clusterId, certificate, signingKey: privateKey, random };
  const caPem = certificate.toString('pem');
  return {
    clusterId,
    caPem: `${caPem}\n`,
    caDer: new Uint8Array(certificate.rawData),
    caHash: Buffer.from(await certificate.getThumbprint('SHA-256')).toString('hex'),
    async issueServer() {
      const keys = await createKeys();
      const leaf = await createServerCertificate(issuer, keys.publicKey, clock.now());
      return {
        chainPem: `${leaf.toString('pem')}\n${caPem}\n`,
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
    async issueNode(csrDer, nodeId) {
      const request = await parsedRequest(csrDer);
      if (request === undefined) return refused('BAD_REQUEST', NO_REQUEST);
      const nowMs = clock.now();
      const leaf = await createNodeCertificate(issuer, request.publicKey, nodeId, nowMs, nodeCertificateLifeMs);
      const expiresAtMs = leaf.notAfter.getTime();
      return accepted({
        der: new Uint8Array(leaf.rawData),
        serialNumber: leaf.serialNumber.toLowerCase(),
        expiresAtMs,
        lifeMs: Math.max(0, expiresAtMs - nowMs),
      });
    },
  };
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

interface CaPair {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: KeyPair['privateKey'];
}

const keyPath = (directory: string) => join(directory, 'ca.key');
const certificatePath = (directory: string) => join(directory, 'ca.crt');

/** Writes the certificate last: a key without a certificate was never used and is replaced. */
async function create({ directory, clusterId, clock, random, log }: AuthorityOptions): Promise<CaPair> {
  const keys = await createKeys();
  const certificate = await createCaCertificate(clusterId, keys, clock.now(), random);
  await makePrivateDirectory(directory);
  await writePrivateFile(keyPath(directory), `${await keyPem(keys.privateKey)}\n`);
  await writePrivateFile(certificatePath(directory), `${certificate.toString('pem')}\n`);
  log.info('authority.created', { cluster: clusterId });
  return { certificate, privateKey: keys.privateKey };
}

async function load({ directory, clusterId }: AuthorityOptions): Promise<CaPair | undefined> {
  const pem = await readIfThere(certificatePath(directory));
  if (pem === undefined) return undefined;
  const key = await readPrivateFile(keyPath(directory));
  if (key === undefined) throw new Error(`${keyPath(directory)} is missing. Restore it from a backup, together with the database.`);
  const certificate = new x509.X509Certificate(pem);
  const [name] = certificate.subjectName.getField('CN');
  if (name !== clusterId) throw new Error(`${certificatePath(directory)} is the CA of cluster ${name}, but this is cluster ${clusterId}`);
  const privateKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(key), KEY_ALGORITHM, true, ['sign']);
  if (!(await belongs(certificate, privateKey))) throw new Error(`${keyPath(directory)} does not match ${certificatePath(directory)}`);
  return { certificate, privateKey };
}

async function belongs(certificate: x509.X509Certificate, privateKey: KeyPair['privateKey']): Promise<boolean> {
  const probe = new Uint8Array(32);
  const signature = await crypto.subtle.sign(KEY_ALGORITHM, privateKey, probe);
  const publicKey = await certificate.publicKey.export();
  return crypto.subtle.verify(KEY_ALGORITHM, publicKey, signature, probe);
}
