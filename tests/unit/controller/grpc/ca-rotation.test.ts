import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCa, keepNewestCa, requestFinish } from '../../../../controller/grpc/ca-files.ts';
import { beginCaRotation, finishCaRotation } from '../../../../controller/rotate/rotate-ca.ts';
import { DialError } from '../../../../node-agent/control/dial-error.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { digestOf } from '../../../../node-agent/identity/ca-bundle.ts';
import { Certificate } from '../../../../node-agent/identity/certificate.ts';
import { type Identity, loadIdentity } from '../../../../node-agent/identity/identity.ts';
import { joinWithToken } from '../../../../node-agent/identity/join.ts';
import { requestRenewal } from '../../../../node-agent/identity/renew-call.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { makeAuthority, type Rig, silentLog, startRig } from './wire-rig.ts';

const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
const files = (rig: Rig) => ({ directory: join(rig.directory, 'ca'), clusterId: CLUSTER, clock: systemClock, random: systemRandom });

/** A node as it runs: it joins, and keeps its certificate. */
async function runningNode(t: Test, rig: Rig, name: string) {
  const directory = join(rig.directory, name);
  const common = { clock: systemClock, log: silentLog };
  const identity = await joinWithToken({ ...common, token: rig.token(), nodeName: name, directory, signal: AbortSignal.timeout(20_000) });
  const renewals: Identity[] = [];
  let tell: () => void = () => undefined;
  const certificate = new Certificate({
    ...common,
    identity,
    directory,
    // No wait before a renewal for new CAs.
    random: { ...systemRandom, fraction: () => 0 },
    request: (current, road, attempt, signal) => requestRenewal(current, road, attempt, { clock: systemClock, signal }),
    renewed(next) {
      renewals.push(next);
      tell();
    },
  });
  certificate.start();
  t.teardown(() => certificate.close());
  const renewed = async (times: number) => {
    while (renewals.length < times) await new Promise<void>((resolve) => (tell = resolve));
  };
  return { directory, identity, certificate, renewals, renewed };
}

/** Returns the CA of the certificate with which the controller accepted the node, or why it refused it. */
async function connects(rig: Rig, identity: Identity): Promise<string> {
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
  try {
    await dialer.dial(AbortSignal.timeout(15_000));
    return (await rig.nextArrival()).issuer;
  } catch (error) {
    return error instanceof DialError ? error.code : String(error);
  } finally {
    dialer.close();
  }
}

t.test('a node moves to a new CA by itself, and what the old one signed is refused once it is gone', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const { authority } = rig;
  const node = await runningNode(t, rig, 'a-1');
  const absent = await rig.node('a-2');
  const leftBehind = await runningNode(t, rig, 'a-4');
  const stolen = node.identity;
  const old = authority.newest;
  t.equal(await connects(rig, stolen), old);
  node.certificate.authorities(authority.digest);
  t.notOk(await authority.reload(), 'nothing changed yet');

  await createCa(files(rig), 2);
  t.ok(await authority.reload());
  t.equal(authority.trusted.length, 2);
  t.not(authority.newest, old);
  t.equal(authority.caHash, old, 'the controller still presents what every node knows');
  t.equal(await connects(rig, stolen), old, 'both are trusted');
  node.certificate.authorities(authority.digest);
  await node.renewed(1);
  const moved = node.certificate.identity;
  t.equal(digestOf(moved.caPem), authority.digest, 'it knows both');
  t.strictSame(await loadIdentity(node.directory), moved, 'also after a restart');
  t.equal(await connects(rig, moved), authority.newest);
  const newcomer = await runningNode(t, rig, 'a-3');
  t.equal(await connects(rig, newcomer.identity), authority.newest, 'a node that joins now starts with the new one');

  const dialer = grpcDialer({ identity: () => stolen, clock: systemClock, log: silentLog });
  t.teardown(() => dialer.close());
  const link = await dialer.dial(AbortSignal.timeout(15_000));
  const ended = new Promise<string | undefined>((resolve) => link.onClose((fault) => resolve(fault?.message)));
  link.onMessage(() => undefined);
  await rig.nextArrival();
  await authority.finish();
  t.match(await ended, /CA that signed the certificate of this node was removed/, 'streams end, too');
  t.equal(authority.trusted.length, 1);
  t.same((await readdir(files(rig).directory)).sort(), ['ca-2.crt', 'ca-2.key']);
  const known = { ...stolen, caPem: moved.caPem };
  t.equal(await connects(rig, known), 'handshake', 'a certificate of the old CA');
  t.match(
    await requestRenewal(known, 'join', 0, { clock: systemClock, signal: AbortSignal.timeout(9_000) }).catch(String),
    /does not belong/,
  );
  t.equal(await connects(rig, moved), authority.newest);
  t.equal(await connects(rig, absent), 'unreachable', 'a node that knows only the old CA trusts nobody');

  const again = { nodeName: 'a-4', directory: leftBehind.directory, clock: systemClock, log: silentLog };
  const returned = await joinWithToken({ ...again, token: rig.token(), signal: AbortSignal.timeout(20_000) });
  t.equal(returned.keyPem, leftBehind.identity.keyPem, 'it joins again with its key, so it is the same node');
  t.equal(await connects(rig, returned), authority.newest);

  node.certificate.authorities(authority.digest);
  t.equal(node.renewals.length, 1, 'not again within a minute');
  newcomer.certificate.authorities(authority.digest);
  await newcomer.renewed(1);
  t.equal(digestOf(newcomer.certificate.identity.caPem), authority.digest, 'nodes drop the old CA as well');
  t.strictSame(await loadIdentity(newcomer.directory), newcomer.certificate.identity);
});

t.test('a node that cannot take two CAs keeps the old one until the end', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-ca-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const authority = await makeAuthority(directory, CLUSTER);
  const old = authority.caHash;
  await createCa({ directory, clusterId: CLUSTER, clock: systemClock, random: systemRandom }, 2);
  await authority.reload();
  const { createNodeKey, certificateRequest } = await import('../../../../node-agent/identity/node-key.ts');
  const { nodeOfCertificate } = await import('../../../../controller/grpc/peer.ts');
  const csr = await certificateRequest(await createNodeKey());
  for (const [takesBundle, expected] of [
    [false, old],
    [true, authority.newest],
  ] as const) {
    const issued = await authority.issueNode(csr, 'abc', takesBundle);
    const peer = issued.ok ? nodeOfCertificate(issued.value.der, authority) : issued;
    t.match(peer, { ok: true, value: { nodeId: 'abc', certificate: { issuer: expected } } });
  }
});

t.test('a crash at any step of a rotation leaves CAs that a controller can open', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-ca-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const ca = join(directory, 'keys', 'ca');
  const first = await makeAuthority(ca, CLUSTER);
  const tools = { clock: systemClock, random: systemRandom, limitMs: 2_000 };
  await t.rejects(beginCaRotation(directory, tools), /no controller/);
  await writeFile(join(directory, 'raworc.db'), '');
  await writeFile(join(directory, 'cluster-id'), `${CLUSTER}\n`);
  await t.rejects(finishCaRotation(directory, tools), /no rotation of the CA is in progress/);

  await writeFile(join(ca, 'ca-2.key'), 'cut off', { mode: 0o600 });
  t.equal((await makeAuthority(ca, CLUSTER)).newest, first.newest, 'a key without a certificate is none');
  await beginCaRotation(directory, tools);
  await t.rejects(beginCaRotation(directory, tools), /is in progress/);
  const both = await makeAuthority(ca, CLUSTER);
  t.same([both.caHash, both.trusted.length], [first.newest, 2]);

  await requestFinish(ca);
  t.ok(await both.isFinishRequested(), 'the request outlives the process');
  await rm(join(ca, 'ca.crt'));
  const cutOff = await makeAuthority(ca, CLUSTER);
  t.same([cutOff.newest, cutOff.trusted.length], [both.newest, 1], 'a crash after the certificate, before its key');
  await keepNewestCa(ca);
  t.equal((await makeAuthority(ca, CLUSTER)).newest, both.newest);
  await beginCaRotation(directory, tools);
  await finishCaRotation(directory, tools);
  t.same((await readdir(ca)).sort(), ['ca-3.crt', 'ca-3.key', 'ca.key'].sort());
});
