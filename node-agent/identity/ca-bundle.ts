import { X509Certificate } from 'node:crypto';
import { caDigest } from '../../proto/ca-digest.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Returns the CAs in a PEM file. Throws if one is malformed. */
export const casIn = (pem: string): readonly X509Certificate[] => [...pem.matchAll(CERTIFICATE)].map(([text]) => new X509Certificate(text));

/** Returns CAs as a PEM file, each once. */
export const bundlePem = (cas: readonly X509Certificate[]): string => [...new Set(cas.map((ca) => ca.toString()))].join('');

/** Returns the digest by which the controller names a set of CAs. */
export const digestOf = (pem: string): string => caDigest(casIn(pem).map(({ raw }) => raw));

/** Returns whether one of the CAs signed the certificate. */
export const isSignedBy = (certificate: X509Certificate, cas: readonly X509Certificate[]): boolean =>
  cas.some((ca) => certificate.verify(ca.publicKey));
