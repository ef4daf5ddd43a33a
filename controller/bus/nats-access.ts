import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  type TlsOptions,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';

/** A secret, or the file that contains it. */
export type Secret = { readonly kind: 'text'; readonly value: string } | { readonly kind: 'file'; readonly path: string };

/** Files are read at each connection, so that they can be replaced without a restart. */
export type NatsCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: Secret }
  | { readonly kind: 'token'; readonly token: Secret }
  /** A JWT and its seed, as in a `.creds` file. */
  | { readonly kind: 'creds'; readonly path: string }
  /** The seed of a user's key. */
  | { readonly kind: 'nkey'; readonly path: string };

export interface NatsAccess {
  /** `host:port`; never has credentials, so that it can be logged. */
  readonly server: string;
  /** Refuses a server without TLS. Undefined: encrypted only if the server offers it. */
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  readonly credentials: NatsCredentials;
}

const FORM = 'It must have the form nats://HOST:4222 or tls://HOST:4222';

/**
 * Reads the server and the credentials from a URL. Throws when this is not a NATS URL. The message
 * contains no part of the URL, which can include a password.
 */
export function parseNatsUrl(url: string): NatsAccess {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.host === '') throw new Error(`The URL of the NATS server is invalid. ${FORM}`);
  const { protocol, host, username, password } = parsed;
  if (protocol !== 'nats:' && protocol !== 'tls:') throw new Error(`The URL of the NATS server must begin with nats:// or tls://. ${FORM}`);
  const text = (value: string): Secret => ({ kind: 'text', value: decodeURIComponent(value) });
  const credentials: NatsCredentials =
    username === ''
      ? { kind: 'none' }
      : password === ''
        ? { kind: 'token', token: text(username) }
        : { kind: 'password', user: decodeURIComponent(username), password: text(password) };
  return { server: host, tls: protocol === 'tls:' ? {} : undefined, credentials };
}

/** Reads the files at each call of the authenticator, which throws if one is missing. */
export function authenticatorOf(credentials: NatsCredentials): Authenticator | undefined {
  switch (credentials.kind) {
    case 'none':
      return undefined;
    case 'password':
      return usernamePasswordAuthenticator(credentials.user, () => read(credentials.password));
    case 'token':
      return tokenAuthenticator(() => read(credentials.token));
    case 'creds':
      return (nonce) => credsAuthenticator(readFileSync(credentials.path))(nonce);
    case 'nkey':
      return nkeyAuthenticator(() => Buffer.from(readFileSync(credentials.path, 'utf8').trim()));
  }
}

/** TLS options of the client library. Throws if a file cannot be read. */
export function tlsOf({ tls }: NatsAccess): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { caFile, certFile, keyFile } = tls;
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
  };
}

/** Whether credentials can cross a network unencrypted. */
export function isExposed({ server, tls, credentials: { kind } }: NatsAccess): boolean {
  const host = server.replace(/:\d+$/, '');
  const isHere = host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
  // A key signs a challenge and is never sent.
  return tls === undefined && !isHere && (kind === 'password' || kind === 'token');
}

const read = (secret: Secret): string => (secret.kind === 'text' ? secret.value : readFileSync(secret.path, 'utf8').trim());
