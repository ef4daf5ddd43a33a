import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setDefaultCACertificates } from 'node:tls';
import { Trouble } from './io.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Makes this process trust the CA certificates in a file, and no others: a server that has its
 * certificate from elsewhere is refused.
 */
export async function trustOnly(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Trouble(`Cannot read the CA's certificate: ${error.message}`);
  });
  const certificates = text.match(CERTIFICATE) ?? [];
  try {
    for (const one of certificates) new X509Certificate(one);
    if (certificates.length === 0) throw new Error('none found');
  } catch {
    throw new Trouble(`${file} contains no certificate in PEM format, or a damaged one`);
  }
  setDefaultCACertificates(certificates);
}
