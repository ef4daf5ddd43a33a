import { createHash, type X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { CONTROLLER_NAME } from '../../proto/node-service.ts';
import type { Clock } from '../../seams/clock.ts';

const PROBE_TIMEOUT_MS = 10_000;

export interface ProbeOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Returns the CA with that hash (SHA-256 of the DER, hex) from the chain that a controller
 * presents, or undefined. Nothing is sent beyond the TLS greeting, and nothing is trusted: TLS
 * checks the rest when the CA is used as a root. Rejects with the system's error if no TLS
 * connection can be established.
 */
export function presentedCa(address: string, caHash: string, { clock, signal }: ProbeOptions): Promise<X509Certificate | undefined> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({
      host,
      port: Number(address.slice(at + 1)),
      servername: CONTROLLER_NAME,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    });
    const end = (settle: () => void) => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const timer = clock.after(PROBE_TIMEOUT_MS, () => end(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`))));
    signal.addEventListener('abort', onAbort);
    socket.on('error', (error) => end(() => reject(error)));
    socket.once('close', () => end(() => reject(new Error('the connection was closed'))));
    socket.once('secureConnect', () => {
      // Read it before the socket is destroyed: afterwards there is no certificate.
      const ca = findInChain(socket.getPeerX509Certificate(), caHash);
      end(() => resolve(ca));
    });
  });
}

function findInChain(leaf: X509Certificate | undefined, caHash: string): X509Certificate | undefined {
  let certificate = leaf;
  for (let depth = 0; certificate !== undefined && depth < 8; depth += 1) {
    if (createHash('sha256').update(certificate.raw).digest('hex') === caHash) return certificate;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}
