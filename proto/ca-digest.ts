import { createHash } from 'node:crypto';

/** Returns a short name of a set of CA certificates (DER), whatever their order. */
export function caDigest(certificates: readonly Uint8Array[]): string {
  const hashes = certificates.map((der) => createHash('sha256').update(der).digest('hex')).sort();
  return createHash('sha256').update(hashes.join()).digest('hex').slice(0, 32);
}
