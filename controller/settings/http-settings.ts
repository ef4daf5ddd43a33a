import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import type { CertificateFiles } from '../http/tls/key-pair.ts';
import { type Environment, isOn, port, text } from './values.ts';

export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  /** Without it, plain HTTP. */
  readonly tls?: CertificateFiles;
}

/**
 * Reads where REST listens, and its certificate. @throws on an invalid value, and for plain HTTP on
 * an address that others can reach, unless that is asked for.
 */
export function readHttpSettings(env: Environment): HttpSettings {
  const host = text(env, 'RAWORC_HTTP_HOST') ?? '127.0.0.1';
  const address = { host, port: port(env, 'RAWORC_HTTP_PORT', 9000) };
  const certFile = text(env, 'RAWORC_TLS_CERT_FILE');
  const keyFile = text(env, 'RAWORC_TLS_KEY_FILE');
  const isPlainAllowed = isOn(env, 'RAWORC_HTTP_ALLOW_PLAIN');
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error('Set both RAWORC_TLS_CERT_FILE and RAWORC_TLS_KEY_FILE, or neither');
  if (certFile !== undefined && keyFile !== undefined)
    return { ...address, tls: { certFile: resolve(certFile), keyFile: resolve(keyFile) } };
  if (!isPlainAllowed && !isLoopback(host))
    throw new Error(
      `REST would listen on ${host} without TLS, where others can read passwords and tokens. Set RAWORC_TLS_CERT_FILE and RAWORC_TLS_KEY_FILE, or RAWORC_HTTP_ALLOW_PLAIN=1 if a proxy terminates TLS on a network that you trust`,
    );
  return address;
}

/** Whether only programs on this machine can connect to this address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
