/** Creates the cluster's certificates: purposes and lifetimes. Keys are ECDSA P-256. */
import 'reflect-metadata'; // the certificate library requires it
import * as x509 from '@peculiar/x509';
import { CERTIFICATE_BACKDATE_MS, CONTROLLER_NAME, nodeUri } from '../../proto/node-service.ts';
import type { Random } from '../../seams/random.ts';

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/**
 * Lifetime of controller certificates. A running controller replaces its own before the first
 * connection after half of it.
 */
export const SERVER_CERTIFICATE_LIFE_MS = DAY_MS;
/** Default lifetime of node certificates. A node renews its own after half of it. */
export const NODE_CERTIFICATE_LIFE_MS = 30 * DAY_MS;
const CA_LIFE_MS = 20 * 365.25 * DAY_MS;

export type KeyPair = Awaited<ReturnType<typeof createKeys>>;

export const createKeys = () => crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);

export async function keyPem(key: KeyPair['privateKey']): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/**
 * Returns 16 random bytes as a positive number, unique in logs and in the list of revoked
 * certificates.
 */
function serialNumber(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

const validFrom = (nowMs: number, lifeMs: number) => ({
  notBefore: new Date(nowMs - CERTIFICATE_BACKDATE_MS),
  notAfter: new Date(nowMs + lifeMs),
});

/** Creates the cluster's root certificate. It signs only leaf certificates. */
export async function createCaCertificate(clusterId: string, keys: KeyPair, nowMs: number, random: Random): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ['Raworc'] }, { CN: [clusterId] }],
    keys,
    serialNumber: serialNumber(random),
    ...validFrom(nowMs, CA_LIFE_MS),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
}

/** The signing CA. */
export interface Issuer {
  readonly clusterId: string;
  readonly certificate: x509.X509Certificate;
  readonly signingKey: KeyPair['privateKey'];
  readonly random: Random;
}

interface Leaf {
  readonly commonName: string;
  readonly publicKey: KeyPair['publicKey'] | x509.PublicKey;
  readonly usage: x509.ExtendedKeyUsage;
  readonly name: x509.JsonGeneralNames[number];
  readonly nowMs: number;
  readonly lifeMs: number;
}

async function createLeaf(issuer: Issuer, leaf: Leaf): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject: [{ CN: [leaf.commonName] }],
    issuer: issuer.certificate.subjectName,
    publicKey: leaf.publicKey,
    signingKey: issuer.signingKey,
    serialNumber: serialNumber(issuer.random),
    // A leaf must not outlive its CA.
    ...validFrom(leaf.nowMs, Math.min(leaf.lifeMs, issuer.certificate.notAfter.getTime() - leaf.nowMs)),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.usage], true),
      new x509.SubjectAlternativeNameExtension([leaf.name]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(leaf.publicKey),
    ],
  });
}

export const createServerCertificate = (issuer: Issuer, publicKey: KeyPair['publicKey'], nowMs: number) =>
  createLeaf(issuer, {
    commonName: CONTROLLER_NAME,
    publicKey,
    usage: x509.ExtendedKeyUsage.serverAuth,
    name: { type: 'dns', value: CONTROLLER_NAME },
    nowMs,
    lifeMs: SERVER_CERTIFICATE_LIFE_MS,
  });

export const createNodeCertificate = (issuer: Issuer, publicKey: x509.PublicKey, nodeId: string, nowMs: number, lifeMs: number) =>
  createLeaf(issuer, {
    commonName: nodeId,
    publicKey,
    usage: x509.ExtendedKeyUsage.clientAuth,
    name: { type: 'url', value: nodeUri(issuer.clusterId, nodeId) },
    nowMs,
    lifeMs,
  });
