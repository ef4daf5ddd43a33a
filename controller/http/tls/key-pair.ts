import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

export interface CertificateFiles {
  /** PEM: the certificate, followed by the intermediate ones. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate with its private key, both verified to belong together. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Throws an error that names the file that cannot be read. */
export async function readFiles({ certFile, keyFile }: CertificateFiles): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { cert, key };
}

/** Throws an error that says which file is invalid, or that they do not belong together. */
export function parsePair(
  { cert, key }: { readonly cert: string; readonly key: string },
  { certFile, keyFile }: CertificateFiles,
): KeyPair {
  const leaf = parsed(certFile, 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, 'private key without a passphrase', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw new Error(`the key in ${keyFile} does not belong to the certificate in ${certFile}`);
  // Also reads the chain, and refuses keys that OpenSSL finds too weak.
  parsed(certFile, 'usable certificate chain', () => createSecureContext({ cert, key }));
  return { cert, key, notBeforeMs: Date.parse(leaf.validFrom), notAfterMs: Date.parse(leaf.validTo) };
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${file} contains no ${what} in PEM format (${error instanceof Error ? error.message : String(error)})`);
  }
}
