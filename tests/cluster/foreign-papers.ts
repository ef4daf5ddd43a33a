import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

export interface ForeignPapers {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** The issuer. */
  readonly authorityPem: string;
}

/** A certificate like the cluster's own for a node, signed by another CA of the same name. */
export async function foreignPapers(nodeId: string, authorityName: string): Promise<ForeignPapers> {
  const authority = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const own = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const validity = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      name: authorityName,
      keys: authority,
      signingAlgorithm: ALGORITHM,
      ...validity,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    },
    webcrypto,
  );
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `CN=${nodeId}`,
      issuer: root.subject,
      publicKey: own.publicKey,
      signingKey: authority.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ],
    },
    webcrypto,
  );
  const key = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
  return {
    keyPem: PemConverter.encode(key, 'PRIVATE KEY'),
    certificatePem: certificate.toString('pem'),
    authorityPem: root.toString('pem'),
  };
}
