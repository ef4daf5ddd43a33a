import { createHash, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openAuthority } from '../../../../controller/grpc/authority.ts';
import { certificateRequest, createNodeKey } from '../../../../node-agent/identity/node-key.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { silentLog } from './wire-rig.ts';

const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
const NODE = '11111111-1111-4111-8111-111111111111';
const HOUR_MS = 3_600_000;

async function freshDirectory(t: { teardown(run: () => unknown): unknown }): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'raworc-pki-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  return join(parent, 'ca');
}
const open = (directory: string, clusterId = CLUSTER) =>
  openAuthority({ directory, clusterId, clock: systemClock, random: systemRandom, log: silentLog });

t.test('the CA is made once, private, and found again', async (t) => {
  const directory = await freshDirectory(t);
  const made = await open(directory);
  const found = await open(directory);
  t.equal(found.caHash, made.caHash);
  t.equal(made.caHash, createHash('sha256').update(made.caDer).digest('hex'));
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  for (const name of await readdir(directory)) t.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
  t.strictSame((await readdir(directory)).sort(), ['ca.crt', 'ca.key']);
  const ca = new X509Certificate(made.caPem);
  t.ok(ca.ca);
  t.match(ca.subject, CLUSTER);
  const leaf = new X509Certificate((await found.issueServer()).chainPem);
  t.ok(leaf.verify(ca.publicKey), 'what the reopened one issues is of the same CA');
});

t.test('a CA that is damaged, of another cluster or open to others is refused, and never replaced', async (t) => {
  const directory = await freshDirectory(t);
  const { caHash } = await open(directory);
  const key = join(directory, 'ca.key');
  await t.rejects(open(directory, 'c0ffee00-0000-4000-8000-000000000002'), /is the CA of cluster c0ffee00-0000-4000-8000-000000000001/);
  await chmod(key, 0o640);
  await t.rejects(open(directory), /is readable by other users \(mode 0640\)/);
  await chmod(key, 0o600);
  t.equal((await open(directory)).caHash, caHash);
  await writeFile(key, await createNodeKey());
  await t.rejects(open(directory), /does not match/);
  await rm(key);
  await t.rejects(open(directory), /is missing\. Restore it/);
});

t.test('a start that was cut off between key and certificate is repeated', async (t) => {
  const directory = await freshDirectory(t);
  await open(directory);
  await rm(join(directory, 'ca.crt'));
  await writeFile(join(directory, 'ca.crt.new'), 'half');
  const again = await open(directory);
  t.equal((await open(directory)).caHash, again.caHash);
});

t.test('a certificate says what its bearer may do, and for how long', async (t) => {
  const authority = await open(await freshDirectory(t));
  const outcome = await authority.issueNode(await certificateRequest(await createNodeKey()), NODE);
  if (!outcome.ok) return t.fail(outcome.refusal.message);
  const node = new X509Certificate(outcome.value.der);
  const server = new X509Certificate((await authority.issueServer()).chainPem);
  const seconds = (date: Date) => Math.round((date.getTime() - systemClock.now()) / 1000);
  t.strictSame(node.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'a node is a client only');
  t.strictSame(server.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'a controller is a server only');
  t.equal(node.subject, `CN=${NODE}`, 'the subject of the request means nothing');
  t.equal(node.subjectAltName, `URI:raworc://${CLUSTER}/node/${NODE}`);
  t.equal(server.subjectAltName, 'DNS:controller.raworc.internal');
  t.equal(node.serialNumber.toLowerCase(), outcome.value.serialNumber);
  for (const leaf of [node, server]) {
    t.notOk(leaf.ca);
    t.ok(leaf.verify(new X509Certificate(authority.caPem).publicKey));
    t.ok(Math.abs(seconds(leaf.validToDate) - ((leaf === node ? 30 : 1) * 24 * HOUR_MS) / 1000) < 60);
    t.ok(Math.abs(seconds(leaf.validFromDate) + 3600) < 60, 'valid for a clock that is an hour behind');
  }
});

t.test('requests that are none, damaged, or of another kind of key are refused', async (t) => {
  const authority = await open(await freshDirectory(t));
  const good = await certificateRequest(await createNodeKey());
  const code = async (der: Uint8Array) => {
    const outcome = await authority.issueNode(der, NODE);
    return outcome.ok ? 'issued' : outcome.refusal.code;
  };
  t.equal(await code(good), 'issued');
  t.equal(await code(new Uint8Array()), 'BAD_REQUEST');
  t.equal(await code(good.subarray(0, good.byteLength - 3)), 'BAD_REQUEST');
  t.equal(await code(Buffer.concat([good, Buffer.alloc(16_384)])), 'BAD_REQUEST');
  // All that is signed, the key above all: from the second sequence (98 bytes, after 3 of the first) to the signature.
  for (let at = 3; at < 103; at += 3) {
    const damaged = Buffer.from(good);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x01, at);
    const answer = await code(damaged);
    if (answer !== 'BAD_REQUEST') t.fail(`byte ${at} changed: ${answer}`);
  }
  const x509 = await import('@peculiar/x509');
  for (const algorithm of [
    { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
  ]) {
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    if (!('privateKey' in keys)) return t.fail('no key pair');
    const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
    t.equal(await code(new Uint8Array(request.rawData)), 'BAD_REQUEST', algorithm.name);
  }
});
