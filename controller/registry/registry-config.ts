import { join } from 'node:path';

/** A bucket for the storage of the own registry. */
export interface S3Storage {
  readonly bucket: string;
  readonly region: string;
  /** Of a service that is not AWS. */
  readonly endpoint: URL | undefined;
  /** Path in the bucket: several clusters can share one. */
  readonly prefix: string;
  /** Undefined: the credentials of the host, such as those of its role. */
  readonly credentials: { readonly accessKey: string; readonly secretKey: string } | undefined;
}

/** The registry listens on this Unix socket in its directory. */
export const SOCKET = 'registry.sock';

/** Returns the registry's configuration file. It holds no credentials. */
export function registryConfig(directory: string, s3: S3Storage | undefined, isReadOnly: boolean): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'warn', formatter: 'json', accesslog: { disabled: true } },
    storage: {
      ...(s3 === undefined ? { filesystem: { rootdirectory: join(directory, 'storage') } } : { s3: s3Driver(s3) }),
      // Nodes have a way to the controller only: it passes the layers on.
      redirect: { disable: true },
      delete: { enabled: true },
      maintenance: {
        // No push takes longer than half an hour.
        uploadpurging: { enabled: !isReadOnly, age: '1h', interval: '30m', dryrun: false },
        readonly: { enabled: isReadOnly },
      },
    },
    http: { net: 'unix', addr: SOCKET, relativeurls: true },
  });
}

const s3Driver = ({ bucket, region, endpoint, prefix }: S3Storage) => ({
  bucket,
  region,
  rootdirectory: `/${prefix}`,
  ...(endpoint !== undefined && { regionendpoint: endpoint.href.replace(/\/$/, ''), secure: endpoint.protocol === 'https:' }),
});

/**
 * Returns the environment of the registry's processes. Credentials are there, since arguments are
 * visible to every user of the host, and the configuration is a file.
 */
export function registryEnvironment(
  s3: S3Storage | undefined,
  { PATH, HOME }: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const { credentials } = s3 ?? {};
  return {
    PATH,
    // Where the host's own credentials can be.
    ...(s3 !== undefined && credentials === undefined && { HOME }),
    ...(credentials !== undefined && { AWS_ACCESS_KEY_ID: credentials.accessKey, AWS_SECRET_ACCESS_KEY: credentials.secretKey }),
  };
}
