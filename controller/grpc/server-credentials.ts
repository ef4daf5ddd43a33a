import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Authority, ServerCredential } from './authority.ts';
import { SERVER_CERTIFICATE_LIFE_MS } from './certificates.ts';

/**
 * A server certificate that is replaced without a restart or a timer: before the first connection
 * after half its life.
 */
export interface RenewingCredentials {
  /** Credentials that require client certificates of the cluster's CA. */
  readonly forNodes: ServerCredentials;
  /** For servers outside grpc-js. */
  current(): ServerCredential;
  onRenewed(listener: (renewed: ServerCredential) => void): void;
  /** Returns undefined while the certificate is fresh; otherwise resolves once it is replaced. */
  renew(): Promise<void> | undefined;
}

export async function openServerCredentials(authority: Authority, clock: Clock, log: Log): Promise<RenewingCredentials> {
  const caListeners = new Set<experimental.CaCertificateUpdateListener>();
  const identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  const renewedListeners = new Set<(renewed: ServerCredential) => void>();
  let current: ServerCredential = await authority.issueServer();
  let renewal: Promise<void> | undefined;

  const identity = () => ({ certificate: Buffer.from(current.chainPem), privateKey: Buffer.from(current.keyPem) });
  const trusted = () => ({ caCertificate: Buffer.from(authority.trusted.map(({ certificate }) => certificate.toString()).join('')) });
  const provider: experimental.CertificateProvider = {
    // In a microtask: the library attaches its listeners only after this call.
    addCaCertificateListener(listener) {
      caListeners.add(listener);
      queueMicrotask(() => listener(trusted()));
    },
    removeCaCertificateListener: (listener) => caListeners.delete(listener),
    addIdentityCertificateListener(listener) {
      identityListeners.add(listener);
      queueMicrotask(() => listener(identity()));
    },
    removeIdentityCertificateListener: (listener) => identityListeners.delete(listener),
  };

  const replace = async () => {
    current = await authority.issueServer();
    for (const listener of identityListeners) listener(identity());
    for (const listener of renewedListeners) listener(current);
    log.info('link.server_certificate_renewed', { expires_at_ms: current.expiresAtMs });
  };

  authority.onChanged(() => {
    for (const listener of caListeners) listener(trusted());
    // Its issuer can be gone. A renewal in progress may have used it.
    renewal = (renewal ?? Promise.resolve())
      .catch(() => undefined)
      .then(replace)
      .catch((error: unknown) => log.error('link.server_certificate_not_renewed', { error: String(error) }))
      .finally(() => {
        renewal = undefined;
      });
  });

  return {
    // In this version the first parameter is the server's own identity, although its types differ.
    // The provider serves as both.
    forNodes: experimental.createCertificateProviderServerCredentials(provider, provider, true),
    current: () => current,
    onRenewed: (listener) => renewedListeners.add(listener),
    renew() {
      if (renewal === undefined && clock.now() < current.expiresAtMs - SERVER_CERTIFICATE_LIFE_MS / 2) return undefined;
      renewal ??= replace().finally(() => {
        renewal = undefined;
      });
      return renewal;
    },
  };
}
