import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Trouble } from '../trouble.ts';

/** Certificates of authorities (PEM) that sessions trust beside the public ones, as behind a proxy that inspects TLS. */
export interface TrustedCertificates {
  readonly certificates: readonly string[];
}

const publicOnes = '/usr/share/ca-certificates';

/**
 * RAWORC_CA_BUNDLE names a file of PEM certificates; else what this machine's other programs are told to trust. Only what is
 * not public anyway is kept. An empty RAWORC_CA_BUNDLE means none.
 */
export function trustedCertificates(env: NodeJS.ProcessEnv = process.env): TrustedCertificates {
  const named = env.RAWORC_CA_BUNDLE;
  const path = named ?? [env.NODE_EXTRA_CA_CERTS, env.SSL_CERT_FILE].find((candidate) => candidate && existsSync(candidate));
  if (!path) return { certificates: [] };
  if (!existsSync(path)) throw new Trouble(`there is no ${path}, named by RAWORC_CA_BUNDLE`, 'name a file of PEM certificates');
  const known = new Set(publicCertificates());
  const certificates = [...new Set(certificatesOf(readFileSync(path, 'utf8')))].filter((certificate) => !known.has(certificate));
  return { certificates };
}

/** The certificates of a PEM text, without what stands between them. */
export function certificatesOf(pem: string): readonly string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return found.map((certificate) => `${certificate.replace(/\s*\r?\n\s*/g, '\n')}\n`);
}

function publicCertificates(): readonly string[] {
  if (!existsSync(publicOnes)) return [];
  return readdirSync(publicOnes, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.crt'))
    .flatMap((name) => certificatesOf(readFileSync(join(publicOnes, name), 'utf8')));
}
