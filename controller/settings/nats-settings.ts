import { resolve } from 'node:path';
import { type NatsAccess, type NatsCredentials, parseNatsUrl, type Secret } from '../bus/nats-access.ts';
import { type Environment, text } from './values.ts';

/** Reads how to reach NATS; undefined without a URL. @throws on an invalid or ambiguous value. */
export function readNatsSettings(env: Environment): NatsAccess | undefined {
  const url = text(env, 'RAWORC_NATS_URL');
  const file = (name: string) => {
    const path = text(env, name);
    return path === undefined ? undefined : resolve(path);
  };
  const [caFile, certFile, keyFile] = [file('RAWORC_NATS_CA_FILE'), file('RAWORC_NATS_CERT_FILE'), file('RAWORC_NATS_KEY_FILE')];
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error('Set both RAWORC_NATS_CERT_FILE and RAWORC_NATS_KEY_FILE, or neither');
  const given = credentialsIn(env, file);
  if (url === undefined) return undefined;
  const access = parseNatsUrl(url);
  const all = [...given, ...(access.credentials.kind === 'none' ? [] : [access.credentials])];
  if (all.length > 1)
    throw new Error(
      'Set only one kind of credentials for NATS: in RAWORC_NATS_URL, or RAWORC_NATS_USER and RAWORC_NATS_PASSWORD_FILE, RAWORC_NATS_TOKEN_FILE, RAWORC_NATS_CREDS_FILE or RAWORC_NATS_NKEY_FILE',
    );
  const tls = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
  const isTls = access.tls !== undefined || Object.keys(tls).length > 0;
  return { ...access, tls: isTls ? tls : undefined, credentials: all[0] ?? access.credentials };
}

function credentialsIn(env: Environment, file: (name: string) => string | undefined): NatsCredentials[] {
  const secret = (name: string): Secret | undefined => {
    const path = file(`${name}_FILE`);
    const value = text(env, name);
    if (path !== undefined) return { kind: 'file', path };
    return value === undefined ? undefined : { kind: 'text', value };
  };
  const user = text(env, 'RAWORC_NATS_USER');
  const password = secret('RAWORC_NATS_PASSWORD');
  if ((user === undefined) !== (password === undefined))
    throw new Error('Set both RAWORC_NATS_USER and RAWORC_NATS_PASSWORD_FILE (or RAWORC_NATS_PASSWORD), or neither');
  const token = secret('RAWORC_NATS_TOKEN');
  const creds = file('RAWORC_NATS_CREDS_FILE');
  const nkey = file('RAWORC_NATS_NKEY_FILE');
  return [
    ...(user === undefined || password === undefined ? [] : [{ kind: 'password', user, password } as const]),
    ...(token === undefined ? [] : [{ kind: 'token', token } as const]),
    ...(creds === undefined ? [] : [{ kind: 'creds', path: creds } as const]),
    ...(nkey === undefined ? [] : [{ kind: 'nkey', path: nkey } as const]),
  ];
}
