import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { refused } from '../../../../controller/domain/engine/outcome.ts';
import { startNodeServer } from '../../../../controller/grpc/node-server.ts';
import type { JoinAttempt } from '../../../../controller/grpc/stranger-methods.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { loadIdentity } from '../../../../node-agent/identity/identity.ts';
import { joinWithToken } from '../../../../node-agent/identity/join.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { makeAuthority, silentLog, startRig } from './wire-rig.ts';

const NODE = '11111111-1111-4111-8111-111111111111';

const attempt = (directory: string, token: string) =>
  joinWithToken({ token, nodeName: NODE, directory, clock: systemClock, log: silentLog, signal: AbortSignal.timeout(15_000) });

t.test('a machine joins, keeps who it is, and connects as it', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const directory = join(rig.directory, 'node');
  t.equal(await loadIdentity(directory), undefined);
  const identity = await attempt(directory, rig.token());
  t.match(identity, {
    nodeId: NODE,
    clusterId: rig.authority.clusterId,
    incarnation: 1,
    controllers: [`127.0.0.1:${rig.server.nodePort}`],
  });
  t.ok(Math.abs(identity.expiresAtMs - systemClock.now() - 30 * 24 * 3_600_000) < 60_000);
  t.strictSame(await loadIdentity(directory), identity);
  t.equal((await stat(directory)).mode & 0o777, 0o700);
  t.strictSame((await readdir(directory)).sort(), ['ca.crt', 'identity.json', 'node.crt', 'node.key']);
  for (const name of await readdir(directory)) t.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
  t.teardown(() => dialer.close());
  await dialer.dial(AbortSignal.timeout(15_000));
  t.equal((await rig.nextArrival()).nodeId, NODE);

  await chmod(join(directory, 'node.key'), 0o644);
  await t.rejects(loadIdentity(directory), /is readable by other users/);
});

t.test('the secret of a token is sent to the controller that made it, and to nobody else', async (t) => {
  const heard: JoinAttempt[] = [];
  const rig = await startRig();
  t.teardown(() => rig.close());
  const stranger = await makeAuthority(join(rig.directory, 'stranger'), rig.authority.clusterId);
  const impostor = await startNodeServer({
    authority: stranger,
    host: '127.0.0.1',
    nodePort: 0,
    joinPort: 0,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    renew: async () => refused('UNAUTHORIZED', 'no'),
    admit: () => refused('UNAUTHORIZED', 'no'),
    async join(request) {
      heard.push(request);
      return refused('UNAUTHORIZED', 'caught');
    },
    onLink: () => {},
    canFetch: () => false,
    openSource: () => undefined,
    putSource: async () => ({ refusal: 'no' }),
  });
  t.teardown(() => impostor.close());
  const directory = join(rig.directory, 'node');
  const misled = rig.token({ joinAddresses: [`127.0.0.1:${impostor.joinPort}`] });
  await t.rejects(attempt(directory, misled), { code: 'wrong_controller', message: /not the controller that issued this token/ });
  await t.rejects(attempt(directory, rig.token({ caHash: 'ab'.repeat(32) })), { code: 'wrong_controller' });
  t.strictSame(heard, []);
  t.equal(await loadIdentity(directory), undefined);
  t.match(await attempt(directory, rig.token()), { nodeId: NODE });
  await t.rejects(attempt(directory, rig.token({ joinAddresses: [`127.0.0.1:${impostor.joinPort}`], caHash: stranger.caHash })), {
    code: 'refused',
    message: 'caught',
  });
  t.equal(heard.length, 1, 'the ear works');
});

t.test('each reason why a machine cannot join is one sentence', async (t) => {
  let answer = refused('UNAUTHORIZED', 'This join token was already used.');
  const rig = await startRig({ join: async () => answer });
  t.teardown(() => rig.close());
  const directory = join(rig.directory, 'node');
  await t.rejects(attempt(directory, 'rwn_???'), { code: 'bad_token' });
  await t.rejects(attempt(directory, rig.token()), { code: 'refused', message: 'This join token was already used.' });
  answer = refused('UNAUTHORIZED', 'This join token has expired.');
  await t.rejects(attempt(directory, rig.token()), { code: 'refused', message: 'This join token has expired.' });

  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
  const address = dead.address();
  const nobody = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  await new Promise((resolve) => dead.close(resolve));
  await t.rejects(attempt(directory, rig.token({ joinAddresses: [nobody] })), { code: 'unreachable', message: /ECONNREFUSED/ });
  t.equal(await loadIdentity(directory), undefined);
});

t.test('the next address is tried when one cannot be reached', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const token = rig.token({ joinAddresses: ['127.0.0.1:1', `127.0.0.1:${rig.server.joinPort}`] });
  t.match(await attempt(join(rig.directory, 'node'), token), { nodeId: NODE });
});

t.test('a controller that fails inside says nothing of it', async (t) => {
  const rig = await startRig({
    join: async () => {
      throw new Error('the password of the database is hunter2');
    },
  });
  t.teardown(() => rig.close());
  const refusal = attempt(join(rig.directory, 'node'), rig.token());
  await t.rejects(refusal, { code: 'refused', message: /Its log has the details/ });
});

t.test(
  'a join that was cut off is repeated with the same key; a later one keeps the key and replaces the identity when granted; another cluster is refused',
  async (t) => {
    /** Of each request, its public key. */
    const keys: string[] = [];
    let open = false;
    const rig = await startRig({
      async join({ csrDer }) {
        keys.push(Buffer.from(csrDer).subarray(12, 101).toString('hex'));
        if (!open) return refused('UNAVAILABLE', 'not yet');
        const certificate = await rig.authority.issueNode(csrDer, NODE);
        if (!certificate.ok) return certificate;
        const { der, expiresAtMs } = certificate.value;
        const { clusterId, caDer } = rig.authority;
        return {
          ok: true,
          value: { nodeId: NODE as NodeId, clusterId, incarnation: keys.length, certificateDer: der, caDer, expiresAtMs, caBundle: [] },
        };
      },
    });
    t.teardown(() => rig.close());
    const directory = join(rig.directory, 'node');
    await t.rejects(attempt(directory, rig.token()), { code: 'unreachable', message: /not yet/ });
    open = true;
    const first = await attempt(directory, rig.token());
    t.equal(keys[0], keys[1], 'the same key');

    open = false;
    await t.rejects(attempt(directory, rig.token()), { code: 'unreachable' });
    t.strictSame(await loadIdentity(directory), first, 'the old identity is still there');
    open = true;
    const second = await attempt(directory, rig.token());
    t.equal(second.keyPem, first.keyPem, 'the key is the node');
    t.not(second.certificatePem, first.certificatePem);
    t.strictSame(await loadIdentity(directory), second);

    // Cut off after the key was put in place and before the certificate, and at the very last step.
    const pending = join(directory, 'node.key.joining');
    await writeFile(pending, second.keyPem, { mode: 0o600 });
    await rm(join(directory, 'node.crt'));
    t.equal(await loadIdentity(directory), undefined);
    t.equal((await attempt(directory, rig.token())).keyPem, second.keyPem);
    await writeFile(pending, second.keyPem, { mode: 0o600 });
    t.equal((await attempt(directory, rig.token())).keyPem, second.keyPem);
    await rm(join(directory, 'node.crt'));
    t.equal((await attempt(directory, rig.token())).keyPem, second.keyPem, 'also without the pending key');

    const asked: JoinAttempt[] = [];
    const other = await startRig({
      clusterId: '99999999-9999-4999-8999-999999999999',
      async join(request) {
        asked.push(request);
        return refused('UNAVAILABLE', 'the positive control');
      },
    });
    t.teardown(() => other.close());
    await t.rejects(attempt(directory, other.token()), {
      code: 'other_cluster',
      message: new RegExp(
        `of another cluster, and this host is already the node "${NODE}" of cluster ${rig.authority.clusterId}. To move it`,
      ),
    });
    t.same(asked, [], 'the token stays unused');
    t.strictSame((await loadIdentity(directory))?.keyPem, second.keyPem, 'and the host what it was');
    await t.rejects(attempt(join(rig.directory, 'empty'), other.token()), { message: /the positive control/ });
    t.notMatch(await readFile(join(directory, 'identity.json'), 'utf8'), /PRIVATE|secret/);
  },
);
