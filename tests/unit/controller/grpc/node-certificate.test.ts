import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { refused } from '../../../../controller/domain/engine/outcome.ts';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { openChannel } from '../../../../node-agent/control/channel.ts';
import { DialError } from '../../../../node-agent/control/dial-error.ts';
import { grpcDialer } from '../../../../node-agent/control/grpc-dialer.ts';
import { Certificate } from '../../../../node-agent/identity/certificate.ts';
import { type Identity, identityFiles, loadIdentity } from '../../../../node-agent/identity/identity.ts';
import { certificateRequest, createNodeKey } from '../../../../node-agent/identity/node-key.ts';
import { type RenewalPath, requestRenewal } from '../../../../node-agent/identity/renew-call.ts';
import { defaultKeepalive, renewMethod } from '../../../../proto/node-service.ts';
import type { LogFields } from '../../../../seams/log.ts';
import { writePrivateFile } from '../../../../seams/private-file.ts';
import { systemClock, systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { makeAuthority, makeNode, type Rig, silentLog, startRig } from './wire-rig.ts';

const NODE = '11111111-1111-4111-8111-111111111111';
const DAY_MS = 24 * 3_600_000;
const limits = () => ({ clock: systemClock, signal: AbortSignal.timeout(20_000) });

const serialOf = (der: Uint8Array | string) => new X509Certificate(der).serialNumber;

/** A node whose certificate expired a day ago. */
async function expiredNode(rig: Rig, issuer = rig.authority): Promise<Identity> {
  rig.authorityClock.shiftMs = -31 * DAY_MS;
  const identity = await rig.node(NODE, issuer);
  rig.authorityClock.shiftMs = 0;
  return identity;
}

async function why(renewal: Promise<unknown>): Promise<string> {
  return renewal.then(
    () => 'renewed',
    (error: unknown) => (error instanceof DialError ? `${error.code}: ${error.message}` : String(error)),
  );
}

t.test('a valid certificate is renewed over mTLS, and one that has expired over the join port, both for the same key', async (t) => {
  const rig = await startRig();
  t.teardown(() => rig.close());
  const valid = await rig.node(NODE);
  const expired = await expiredNode(rig);
  t.match(await why(requestRenewal(expired, 'tls', 0, limits())), /^handshake: /, 'TLS lets no expired one in');
  for (const [identity, road] of [
    [valid, 'tls'],
    [valid, 'join'],
    [expired, 'join'],
  ] as const) {
    const answer = await requestRenewal(identity, road, 0, limits());
    const renewed = new X509Certificate(answer.certificateDer);
    t.ok(renewed.publicKey.equals(new X509Certificate(identity.certificatePem).publicKey), 'for the same key');
    t.not(renewed.serialNumber, serialOf(identity.certificatePem));
    t.ok(Math.abs(answer.lifeMs - 30 * DAY_MS) < 1000);
    const dialer = grpcDialer({
      identity: () => ({ ...identity, certificatePem: renewed.toString() }),
      clock: systemClock,
      log: silentLog,
    });
    await dialer.dial(AbortSignal.timeout(15_000));
    t.equal((await rig.nextArrival()).nodeId, NODE);
    dialer.close();
  }
});

t.test('over the join port, nothing but the key of a certificate of the cluster, and a fresh challenge, renews it', async (t) => {
  const asked: string[] = [];
  const rig = await startRig({
    async renew({ nodeId }) {
      asked.push(nodeId);
      return refused('FORBIDDEN', 'The node node-1 was revoked.');
    },
  });
  t.teardown(() => rig.close());
  const expired = await expiredNode(rig);
  const thief: Identity = { ...expired, keyPem: await createNodeKey() };
  t.match(
    await why(requestRenewal(thief, 'join', 0, limits())),
    /^refused: .*another key than the certificate/,
    'a stolen certificate without its key',
  );
  const stranger = await makeAuthority(join(rig.directory, 'stranger'), rig.authority.clusterId);
  const foreign = await makeNode(NODE, stranger, expired.controllers[0] ?? '', expired.joinAddresses[0]);
  t.match(
    await why(requestRenewal({ ...foreign, caPem: expired.caPem }, 'join', 0, limits())),
    /^refused: .*does not belong to a node of this cluster/,
    'another CA of the same names',
  );
  const server = await rig.authority.issueServer();
  const asServer = { ...expired, keyPem: server.keyPem, certificatePem: server.chainPem };
  // A request that answers no challenge: one that was seen on its way some other day.
  const client = openChannel(expired.joinAddresses[0] ?? '', { caPem: expired.caPem }, defaultKeepalive);
  t.teardown(() => client.close());
  const replayed = { csrDer: await certificateRequest(expired.keyPem), certificateDer: new X509Certificate(expired.certificatePem).raw };
  const { path, requestSerialize, responseDeserialize } = renewMethod;
  const answer = new Promise<string>((resolve) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, replayed, (error) => resolve(error?.details ?? 'renewed')),
  );
  t.match(await answer, /challenge in the renewal request is invalid or expired/);
  t.match(await why(requestRenewal(asServer, 'join', 0, limits())), /^refused: .*does not belong to a node/, 'a server certificate');
  t.strictSame(asked, [], 'nobody was asked');
  t.match(await why(requestRenewal(expired, 'join', 0, limits())), /^refused: .*node-1 was revoked/, 'the reason reaches the node');
  t.strictSame(asked, [NODE], 'the ear works');
});

t.test('a challenge is good for a minute, and only where it was made', async (t) => {
  const { Challenges, CHALLENGE_LIFE_MS } = await import('../../../../controller/grpc/challenges.ts');
  const clock = new HandClock();
  const challenges = new Challenges(clock, systemRandom);
  const challenge = challenges.make();
  t.not(challenges.make(), challenge);
  t.ok(challenges.isFresh(challenge));
  t.notOk(new Challenges(clock, systemRandom).isFresh(challenge), 'of another process');
  const bytes = Buffer.from(challenge, 'base64url');
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    if (challenges.isFresh(changed.toString('base64url'))) t.fail(`byte ${at} counts for nothing`);
  }
  t.notOk(challenges.isFresh(''));
  await clock.advance(CHALLENGE_LIFE_MS);
  t.ok(challenges.isFresh(challenge));
  await clock.advance(1);
  t.notOk(challenges.isFresh(challenge));
  const key = await createNodeKey();
  const rig = await startRig();
  t.teardown(() => rig.close());
  const proof = await rig.authority.keyProof(await certificateRequest(key, challenge));
  t.equal(proof.ok && proof.value.challenge, challenge, 'it travels in the signed request');
});

t.test('renewals are bounded, for one node and for all', async (t) => {
  const rig = await startRig({ renewRate: { perSecond: 0.001, burst: 3 } });
  t.teardown(() => rig.close());
  const identity = await rig.node(NODE);
  const outcomes: string[] = [];
  for (let i = 0; i < 4; i += 1) outcomes.push(await why(requestRenewal(identity, 'tls', 0, limits())));
  t.strictSame(outcomes.slice(0, 3), ['renewed', 'renewed', 'renewed']);
  t.match(outcomes[3], /^busy: /);
  t.equal(await why(requestRenewal(identity, 'join', 0, limits())), 'renewed', 'what everybody can call does not use up what nodes need');

  const wide = await startRig({ renewRate: { perSecond: 1000, burst: 1000 } });
  t.teardown(() => wide.close());
  const greedy = await wide.node(NODE);
  const modest = await wide.node('22222222-2222-4222-8222-222222222222');
  const many = await Promise.all(Array.from({ length: 20 }, () => why(requestRenewal(greedy, 'tls', 0, limits()))));
  t.ok(
    many.some((outcome) => outcome.startsWith('busy')),
    'one node is slowed down',
  );
  t.equal(await why(requestRenewal(modest, 'tls', 0, limits())), 'renewed', 'and another is not');
});

t.test('strangers at the join port keep no node from renewing an expired certificate', async (t) => {
  const lines: string[] = [];
  const generous = { perSecond: 1000, burst: 1000 };
  const joinBounds = { rates: { perAddress: generous, inAll: generous } };
  const rig = await startRig({
    joinBounds,
    renewRate: { perSecond: 0.001, burst: 3 },
    log: { ...silentLog, warn: (event) => void lines.push(event) },
  });
  t.teardown(() => rig.close());
  const expired = await expiredNode(rig);
  const stranger = await makeAuthority(join(rig.directory, 'stranger'), rig.authority.clusterId);
  const foreign = await makeNode(NODE, stranger, expired.controllers[0] ?? '', expired.joinAddresses[0]);
  const { path, requestSerialize, responseDeserialize } = renewMethod;
  const asks = (certificateDer: Uint8Array) => {
    const client = openChannel(expired.joinAddresses[0] ?? '', { caPem: expired.caPem }, defaultKeepalive);
    return new Promise<string>((resolve) =>
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { csrDer: Buffer.alloc(8), certificateDer }, (error) =>
        resolve(error?.details ?? 'renewed'),
      ),
    ).finally(() => client.close());
  };
  const answers: string[] = [];
  for (let i = 0; i < 150; i += 1)
    answers.push(await asks(i % 2 === 0 ? Buffer.alloc(0) : new X509Certificate(foreign.certificatePem).raw));
  t.ok(answers.every((answer) => /does not belong to a node of this cluster/.test(answer)));
  t.equal(await why(requestRenewal(expired, 'join', 0, limits())), 'renewed');
  const told = lines.filter((event) => event === 'link.refused').length;
  t.ok(told > 0 && told < 150, 'and the log is not theirs to fill');
});

t.test('a node that dials without end leaves the others their share of new streams', async (t) => {
  const rig = await startRig({ connectRate: { perSecond: 0.001, burst: 4 }, connectRateOfNode: { perSecond: 0.001, burst: 2 } });
  t.teardown(() => rig.close());
  const dial = async (id: string) => {
    const identity = await rig.node(id);
    const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
    t.teardown(() => dialer.close());
    return why(dialer.dial(AbortSignal.timeout(15_000)));
  };
  const outcomes: string[] = [];
  for (let i = 0; i < 4; i += 1) outcomes.push(await dial(NODE));
  t.match(outcomes, ['renewed', 'renewed', /^busy/, /^busy/]);
  t.equal(await dial('22222222-2222-4222-8222-222222222222'), 'renewed');
});

t.test('a stream ends when the certificate that it was made with expires, and says so at both ends', async (t) => {
  const rig = await startRig({ certificateLifeMs: 2_000 });
  t.teardown(() => rig.close());
  const identity = await rig.node(NODE);
  const dialer = grpcDialer({ identity: () => identity, clock: systemClock, log: silentLog });
  t.teardown(() => dialer.close());
  const link = await dialer.dial(AbortSignal.timeout(15_000));
  const { link: other } = await rig.nextArrival();
  other.onMessage(() => {});
  const atController = new Promise<string | undefined>((resolve) => other.onClose((fault) => resolve(fault?.message)));
  const atNode = new Promise<string | undefined>((resolve) => link.onClose((fault) => resolve(fault?.message)));
  link.onMessage(() => {});
  t.match(await atController, /certificate of this node expired at 20/);
  t.match(await atNode, /certificate of this node expired at 20/);
  t.ok(systemClock.now() >= identity.expiresAtMs - 1000, 'and not before');
});

interface Asked {
  readonly road: RenewalPath;
  readonly atMs: number;
}

/** A keeper of a certificate on a clock moved by hand. `answers` is asked each time: a life, or an error to throw. */
async function kept(t: Test, lifeMs: number, answers: (asked: Asked, nth: number) => number | Error) {
  const rig = await startRig({ certificateLifeMs: lifeMs });
  t.teardown(() => rig.close());
  const clock = new HandClock();
  const directory = join(rig.directory, 'node');
  rig.authorityClock.shiftMs = clock.now() - systemClock.now();
  const identity = await rig.node(NODE);
  const beganAt = clock.now();
  const asked: Asked[] = [];
  const renewed: Identity[] = [];
  let failures = 0;
  const logged: { level: string; event: string; fields: LogFields | undefined }[] = [];
  const to = (level: string) => (event: string, fields?: LogFields) => void logged.push({ level, event, fields });
  const conditions = new Conditions(clock, silentLog);
  const certificate = new Certificate({
    identity,
    directory,
    clock,
    random: systemRandom,
    conditions,
    log: { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') },
    async request(current, road) {
      const ask = { road, atMs: clock.now() - beganAt };
      asked.push(ask);
      const answer = answers(ask, asked.length);
      if (answer instanceof Error) {
        failures += 1;
        throw answer;
      }
      const issuer = await makeAuthority(join(rig.directory, 'ca'), rig.authority.clusterId, clock, answer);
      const made = await issuer.issueNode(await certificateRequest(current.keyPem), current.nodeId);
      if (!made.ok) throw new Error(made.refusal.message);
      return {
        certificateDer: made.value.der,
        lifeMs: answer,
        nodeAddresses: [],
        joinAddresses: ['10.0.0.1:9401'],
        caBundle: [],
        clockAheadMs: undefined,
      };
    },
    renewed: (next) => renewed.push(next),
  });
  await writeIdentity(directory, identity);
  certificate.start();
  t.teardown(() => certificate.close());
  /** Moves the clock in steps, and waits at each until what was asked is answered and on disk. */
  const advance = async (ms: number, steps = 20) => {
    for (let i = 0; i < steps; i += 1) {
      await clock.advance(ms / steps);
      while (asked.length > renewed.length + failures) await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { certificate, clock, asked, renewed, logged, conditions, advance, directory, identity };
}

async function writeIdentity(directory: string, { keyPem, certificatePem, caPem, expiresAtMs: _, ...parts }: Identity): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(directory, { recursive: true });
  const files = identityFiles(directory);
  await writePrivateFile(files.key, keyPem);
  await writePrivateFile(files.ca, caPem);
  await writePrivateFile(files.description, JSON.stringify(parts));
  await writePrivateFile(files.certificate, certificatePem);
}

t.test('it is renewed between half and six tenths of its life, again and again, and kept on disk', async (t) => {
  const world = await kept(t, 30 * DAY_MS, () => 30 * DAY_MS);
  await world.advance(14.9 * DAY_MS);
  t.strictSame(world.asked, [], 'not before half');
  await world.advance(3.2 * DAY_MS);
  t.equal(world.asked.length, 1);
  t.equal(world.asked[0]?.road, 'tls');
  t.strictSame(await loadIdentity(world.directory), world.certificate.identity, 'a restart finds the new one');
  t.strictSame(world.certificate.identity.joinAddresses, ['10.0.0.1:9401'], 'with the addresses that the controller has now');
  t.equal(world.certificate.identity.keyPem, world.identity.keyPem);
  t.equal(await readFile(identityFiles(world.directory).key, 'utf8'), world.identity.keyPem, 'the key is not written again');
  await world.advance(60 * DAY_MS, 60);
  t.ok(world.asked.length >= 4, `${world.asked.length} times`);
  t.ok(world.certificate.leftMs() > 0);
  t.equal(world.renewed.length, world.asked.length);
});

t.test('while the controller is away it is asked at a slowing pace, told once, and over the join port once it has expired', async (t) => {
  let isAway = true;
  const away = new DialError('unreachable', 'The controller at 10.0.0.1:9400 cannot be reached: connect ECONNREFUSED');
  const world = await kept(t, 60_000, () => (isAway ? away : 60_000));
  await world.advance(38_000, 40);
  t.ok(world.asked.length > 0);
  t.same(world.conditions.all(), [], 'renewal has just begun');
  await world.advance(21_000, 20);
  const early = world.asked.length;
  const expires = /^The certificate of this node expires at 20.*, and renewing it fails: The controller at 10\.0\.0\.1:9400 cannot/;
  t.match(world.conditions.all(), [{ type: 'CertificateNotRenewed', message: expires, unschedulable: false }]);
  t.ok(early >= 5 && early <= 45, `${early} attempts before it expires`);
  t.ok(world.asked.every(({ road }) => road === 'tls'));
  await world.advance(300_000, 100);
  t.ok(world.asked.every(({ road, atMs }) => road === (atMs < 60_000 ? 'tls' : 'join')));
  t.ok(world.asked.length - early <= 75, `${world.asked.length - early} attempts in 5 minutes`);
  t.match(world.certificate.problem(), /expired at 20/);
  t.match(world.conditions.all(), [{ type: 'CertificateNotRenewed', message: /^The certificate of this node expired at 20/ }]);
  const told = world.logged.filter(({ level }) => level !== 'info');
  t.strictSame(
    told.map(({ event }) => event),
    ['certificate.not_renewed', 'certificate.expired'],
    'each once',
  );
  isAway = false;
  await world.advance(11_000);
  t.equal(world.certificate.problem(), undefined);
  t.equal(world.renewed.length, 1);
  t.same(world.conditions.all(), []);
});

t.test(
  'a certificate that the controller’s TLS refuses is renewed at once over the join port, whatever this machine’s clock says',
  async (t) => {
    const world = await kept(t, 30 * DAY_MS, (_, nth) => (nth === 1 ? new DialError('unreachable', 'away') : 30 * DAY_MS));
    await world.advance(DAY_MS);
    world.certificate.refused();
    await world.advance(1000);
    t.strictSame(
      world.asked.map(({ road }) => road),
      ['join'],
    );
    world.certificate.refused();
    await world.advance(60_000);
    t.strictSame(
      world.asked.map(({ road }) => road),
      ['join', 'join'],
      'asked again when it is refused again, not before',
    );
    t.equal(world.renewed.length, 1);
    await world.advance(DAY_MS);
    t.equal(world.asked.length, 2);
  },
);

t.test('a node whose clock jumps forward does not take its certificate for expired', async (t) => {
  const world = await kept(t, 30 * DAY_MS, () => 30 * DAY_MS);
  const { clock, certificate } = world;
  const now = clock.now.bind(clock);
  clock.now = () => now() + 40 * DAY_MS;
  await world.advance(DAY_MS);
  t.equal(certificate.problem(), undefined);
});

t.test('a disk that is full keeps no node from its new certificate', async (t) => {
  const world = await kept(t, 60_000, () => 60_000);
  const { rm, writeFile } = await import('node:fs/promises');
  await rm(world.directory, { recursive: true });
  await writeFile(world.directory, 'not a directory');
  await world.advance(40_000, 40);
  t.ok(world.renewed.length >= 1);
  t.ok(world.logged.some(({ event }) => event === 'certificate.not_saved'));
});
