import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { CertificateFiles } from '../../../../controller/http/tls/key-pair.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export interface PrivateCa {
  /** What clients trust. */
  readonly pem: string;
  /** A certificate for localhost and 127.0.0.1, or another address, by default from yesterday until in 90 days. */
  issue(of?: {
    readonly fromMs?: number;
    readonly untilMs?: number;
    readonly address?: string;
  }): Promise<Pem & { readonly serial: string }>;
}

const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
let serial = 0x1000;

export async function privateCa(name = 'A private CA'): Promise<PrivateCa> {
  const keys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 3650 * DAY_MS),
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
  });
  return {
    pem: ca.toString('pem'),
    async issue({ fromMs = Date.now() - DAY_MS, untilMs = Date.now() + 90 * DAY_MS, address = '127.0.0.1' } = {}) {
      const own = await newKeys();
      serial += 1;
      const leaf = await x509.X509CertificateGenerator.create({
        subject: 'CN=raworc',
        issuer: ca.subject,
        serialNumber: serial.toString(16),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(fromMs),
        notAfter: new Date(untilMs),
        extensions: [
          new x509.SubjectAlternativeNameExtension([
            { type: 'ip', value: address },
            { type: 'dns', value: 'localhost' },
          ]),
        ],
      });
      const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
      return { cert: leaf.toString('pem'), key, serial: serial.toString(16) };
    },
  };
}

export const filesIn = (directory: string): CertificateFiles => ({
  certFile: join(directory, 'cert.pem'),
  keyFile: join(directory, 'key.pem'),
});

/** Writes each file in one step, but one after the other, as tools that renew certificates do. */
export async function writePair({ certFile, keyFile }: CertificateFiles, { cert, key }: Partial<Pem>): Promise<void> {
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    if (text === undefined) continue;
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}
