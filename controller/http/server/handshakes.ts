import type { Server, TLSSocket } from 'node:tls';
import type { Metrics } from '../../../seams/metrics.ts';

const CAUSES: Readonly<Record<string, string>> = {
  ERR_TLS_HANDSHAKE_TIMEOUT: 'slow',
  ERR_SSL_HTTP_REQUEST: 'plain_http',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'old_version',
  ERR_SSL_NO_SHARED_CIPHER: 'no_cipher',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'not_trusted',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'not_trusted',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'not_trusted',
  ECONNRESET: 'left',
};

/**
 * Counts failed TLS handshakes, and closes their connections. Register it before the listeners of
 * `clientError`, because Node.js leaves a connection open whose handshake took too long, and an
 * answer cannot be written to it.
 */
export function countHandshakes(server: Server, metrics: Metrics): void {
  const failed = metrics.counter({
    name: 'http_handshakes_failed_total',
    help: 'Failed TLS handshakes of REST, by cause.',
    labels: ['cause'],
  });
  server.prependListener('tlsClientError', (error: Error & { readonly code?: string }, socket: TLSSocket) => {
    failed.add(1, { cause: CAUSES[error.code ?? ''] ?? 'other' });
    socket.destroy();
  });
}
