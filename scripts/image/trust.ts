import { existsSync, globSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { Trouble } from '../program.ts';

/**
 * Returns the PEM certificates that sessions trust in addition to the public ones, for example of a
 * proxy that inspects TLS: those in RAWORC_CA_BUNDLE, else those that this machine's other programs
 * trust. An empty RAWORC_CA_BUNDLE means none.
 */
export function trustedCertificates(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const path = env.RAWORC_CA_BUNDLE ?? [env.NODE_EXTRA_CA_CERTS, env.SSL_CERT_FILE].find((candidate) => candidate && existsSync(candidate));
  if (!path) return [];
  if (!existsSync(path))
    throw new Trouble(`RAWORC_CA_BUNDLE names ${path}, which does not exist`, 'set it to a file of PEM certificates, or to nothing');
  const known = new Set(globSync('/usr/share/ca-certificates/**/*.crt').flatMap(certificatesIn));
  return [...new Set(certificatesIn(path))].filter((certificate) => !known.has(certificate));
}

function certificatesIn(path: string): readonly string[] {
  const found = readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return found.map((certificate) => `${certificate.replace(/\s*\r?\n\s*/g, '\n')}\n`);
}
