import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type TlsOptions } from 'node:tls';
import 'reflect-metadata';
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509';
import t, { type Test } from 'tap';
import { openChannel } from '../../../node-agent/control/channel.ts';
import { defaultKeepalive } from '../../../proto/node-service.ts';
import { setTlsDefaults } from '../../../proto/tls-defaults.ts';
import { startRig as startWireRig } from '../controller/grpc/wire-rig.ts';
import { startRig as startHttpRig } from '../controller/http/fakes.ts';

/** What this test's OpenSSL offers only when it is asked to. */
const OLD: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
/** Without forward secrecy, and with a MAC apart from the cipher. */
const WEAK = ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA256'];

setTlsDefaults();

async function selfSigned() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({ name: 'CN=old', keys, signingAlgorithm: algorithm });
  return { cert: made.toString('pem'), key: PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY') };
}

/** The version and cipher that were agreed on, or the code of the refusal. */
function agreed(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

async function weakServer(t: Test, options: TlsOptions): Promise<{ port: number; secured: () => number }> {
  let secured = 0;
  const server = createServer({ ...(await selfSigned()), ...options }, () => {
    secured += 1;
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, secured: () => secured };
}

async function holds(t: Test, port: number, own: ConnectionOptions): Promise<void> {
  t.match(await agreed(port, own), /^TLSv1\.3 /);
  const strong = { ...own, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' } as const;
  t.equal(await agreed(port, strong), 'TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256');
  t.match(await agreed(port, { ...own, ...OLD }), /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ECONNRESET|closed/, 'TLS 1.1');
  for (const ciphers of WEAK)
    t.match(
      await agreed(port, { ...own, maxVersion: 'TLSv1.2', ciphers }),
      /HANDSHAKE_FAILURE|NO_SHARED|NO_CIPHERS|ECONNRESET|closed/,
      ciphers,
    );
}

t.test('control: the clients of the next tests can use old TLS and weak ciphers', async (t) => {
  const old = await weakServer(t, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  t.match(await agreed(old.port, OLD), /^TLSv1\.1 /);
  const weak = await weakServer(t, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' });
  t.match(await agreed(weak.port, { ciphers: 'ECDHE-ECDSA-AES128-SHA256' }), /ECDHE-ECDSA-AES128-SHA256/);
});

t.test('the API, the node port and the join port accept TLS 1.2 or newer, with forward secrecy', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-tls-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const { cert, key } = await selfSigned();
  const files = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key);
  const http = await startHttpRig([], files);
  t.teardown(() => http.server.close(0));
  await t.test('the API', (t) => holds(t, http.server.port, {}));

  const wire = await startWireRig();
  t.teardown(() => wire.close());
  const { keyPem, certificatePem } = await wire.node('node-1');
  const node = { ALPNProtocols: ['h2'], servername: 'controller.raworc.internal' };
  await t.test('nodes', (t) => holds(t, wire.server.nodePort, { ...node, key: keyPem, cert: certificatePem }));
  await t.test('joining', (t) => holds(t, wire.server.joinPort, node));
});

t.test('a node agent refuses servers with old TLS or weak ciphers', async (t) => {
  for (const options of [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' },
  ] as const) {
    const { port, secured } = await weakServer(t, { ...options, ALPNProtocols: ['h2'] });
    const { cert } = await selfSigned();
    const channel = openChannel(`127.0.0.1:${port}`, { caPem: cert }, defaultKeepalive);
    const outcome = await new Promise<string>((resolve) =>
      channel.waitForReady(Date.now() + 2000, (error) => resolve(error === undefined ? 'ready' : 'not ready')),
    );
    channel.close();
    t.equal(outcome, 'not ready');
    t.equal(secured(), 0, 'no handshake was finished');
  }
});
