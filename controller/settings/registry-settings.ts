import { type Environment, secret } from './values.ts';

/** A bucket, and the credentials for it. Undefined credentials: those of the host. */
export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: URL | undefined;
  readonly prefix: string;
  readonly credentials: { readonly accessKey: string; readonly secretKey: string } | undefined;
}

/** The registry through which images travel between nodes. */
export type RegistrySettings =
  | { readonly kind: 'off' }
  /** A child process of the controller, with its storage in the data directory or a bucket. */
  | { readonly kind: 'own'; readonly program: string; readonly s3: S3Settings | undefined }
  /** The operator's. */
  | { readonly kind: 'url'; readonly url: URL; readonly user: string | undefined; readonly password: string | undefined };

/** Reads which registry to use. @throws on an invalid value. */
export function readRegistrySettings(env: Environment): RegistrySettings {
  const choice = env.RAWORC_REGISTRY || 'on';
  if (['off', '0', 'false'].includes(choice)) return { kind: 'off' };
  if (!['on', '1', 'true'].includes(choice)) throw new Error(`RAWORC_REGISTRY must be on or off, not "${choice}"`);
  const text = env.RAWORC_REGISTRY_URL || undefined;
  const s3 = readS3(env);
  if (text === undefined) return { kind: 'own', program: env.RAWORC_REGISTRY_PROGRAM || 'docker-registry', s3 };
  if (s3 !== undefined)
    throw new Error('RAWORC_REGISTRY_URL and RAWORC_REGISTRY_S3_BUCKET exclude each other: your registry has its own storage');
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '')
    throw new Error(
      'RAWORC_REGISTRY_URL must be an http or https URL without a password; set RAWORC_REGISTRY_USER and RAWORC_REGISTRY_PASSWORD_FILE',
    );
  return { kind: 'url', url, user: env.RAWORC_REGISTRY_USER || undefined, password: secret(env, 'RAWORC_REGISTRY_PASSWORD') };
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[\w.-]+(?:\/[\w.-]+)*$/;

function readS3(env: Environment): S3Settings | undefined {
  const { RAWORC_REGISTRY_S3_BUCKET: bucket = '', RAWORC_REGISTRY_S3_ACCESS_KEY: accessKey = '' } = env;
  const secretKey = secret(env, 'RAWORC_REGISTRY_S3_SECRET_KEY');
  if (bucket === '') {
    const lost = Object.keys(env).find((name) => name.startsWith('RAWORC_REGISTRY_S3_') && env[name] !== '');
    if (lost !== undefined) throw new Error(`${lost} has no effect without RAWORC_REGISTRY_S3_BUCKET`);
    return undefined;
  }
  if (!BUCKET.test(bucket)) throw new Error(`RAWORC_REGISTRY_S3_BUCKET must be the name of a bucket, not "${bucket}"`);
  if ((accessKey === '') !== (secretKey === undefined))
    throw new Error('RAWORC_REGISTRY_S3_ACCESS_KEY and RAWORC_REGISTRY_S3_SECRET_KEY_FILE must be set together, or neither');
  const prefix = env.RAWORC_REGISTRY_S3_PREFIX || 'raworc';
  if (!PREFIX.test(prefix)) throw new Error('RAWORC_REGISTRY_S3_PREFIX must be a path without leading and trailing slashes');
  return {
    ...{ bucket, prefix, region: env.RAWORC_REGISTRY_S3_REGION || 'us-east-1', endpoint: endpointIn(env) },
    credentials: secretKey === undefined ? undefined : { accessKey, secretKey },
  };
}

function endpointIn({ RAWORC_REGISTRY_S3_ENDPOINT: text = '' }: Environment): URL | undefined {
  if (text === '') return undefined;
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '')
    throw new Error('RAWORC_REGISTRY_S3_ENDPOINT must be an http or https URL without a login');
  return url;
}
