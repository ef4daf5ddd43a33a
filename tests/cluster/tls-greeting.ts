import { connect } from 'node:tls';
import { within } from './deadline.ts';
import type { Papers } from './hand-made-node.ts';

/**
 * Resolves once the server accepts these credentials and starts HTTP/2. Rejects with its TLS alert.
 */
export function tlsGreeting(port: number, { caPem, keyPem, certificatePem }: Papers): Promise<void> {
  const own = keyPem === undefined || certificatePem === undefined ? {} : { key: keyPem, cert: certificatePem };
  const socket = connect({ host: '127.0.0.1', port, servername: 'controller.raworc.internal', ALPNProtocols: ['h2'], ca: caPem, ...own });
  const greeted = new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without a word')));
  });
  return within('a greeting', 10_000, greeted).finally(() => socket.destroy());
}
