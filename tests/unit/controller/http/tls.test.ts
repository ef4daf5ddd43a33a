import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import 'reflect-metadata';
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import t from 'tap';
import { startRig } from './fakes.ts';

async function certificate() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const extensions = [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])];
  const made = await X509CertificateGenerator.createSelfSigned({ name: 'CN=raworc', keys, signingAlgorithm: algorithm, extensions });
  return { cert: made.toString('pem'), key: PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY') };
}

t.test('given a certificate and key it serves HTTPS, and closes under a request only after its answer', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-tls-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const { cert, key } = await certificate();
  const tls = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  await writeFile(tls.certFile, cert);
  await writeFile(tls.keyFile, key);
  const rig = await startRig([], tls);
  t.match(rig.server.url, /^https:/);
  const agent = new Agent({ ca: cert, keepAlive: true });
  t.teardown(() => agent.destroy());
  let hsts: string | undefined;
  const get = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${rig.token}` };
      request(`${rig.server.url}/api/v0${path}`, { agent, headers }, (response) => {
        hsts = response.headers['strict-transport-security'];
        resolve(text(response));
      })
        .on('error', reject)
        .end();
    });
  t.match(JSON.parse(await get('/version')), { api: 'v0' });
  t.equal(hsts, 'max-age=31536000', 'browsers come back by HTTPS');
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    Object.assign(rig.fake.services.sessions, {
      list: () => {
        resolve();
        return new Promise((answered) => {
          answer = () => answered({ ok: true, value: { items: [], total: 0 } });
        });
      },
    });
  });
  const late = get('/sessions');
  await asked;
  const closed = rig.server.close();
  answer();
  t.equal(await late, '[]');
  await closed;
});
