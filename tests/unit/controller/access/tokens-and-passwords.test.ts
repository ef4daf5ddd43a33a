import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import t from 'tap';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import { CONTROLLER_CALLER, HashQueue } from '../../../../controller/services/access/hash-queue.ts';
import { LoginThrottle } from '../../../../controller/services/access/login-throttle.ts';
import { createPasswords } from '../../../../controller/services/access/passwords.ts';
import { signingKeyLoop } from '../../../../controller/services/access/signing-key-loop.ts';
import { openTokenKeys, rotateTokenKey } from '../../../../controller/services/access/token-keys.ts';
import { createTokens } from '../../../../controller/services/access/tokens.ts';
import { HashThreads } from '../../../../controller/store/password-hash/threads.ts';
import type { Log } from '../../../../seams/log.ts';
import { systemClock, systemDisk, systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { silent } from '../core.ts';
import { loopsOf } from '../loops.ts';

t.test('the key of the tokens is made once, for its owner only, and a broken one is told', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-key-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const [made] = await openTokenKeys(directory, systemDisk, systemRandom);
  const path = join(directory, 'jwt.key');
  t.equal((await stat(path)).mode & 0o777, 0o600);
  const [again] = await openTokenKeys(directory, systemDisk, systemRandom);
  t.ok(made.key.equals(again.key));
  t.equal(made.kid, again.kid);
  t.notMatch(await readFile(path, 'utf8'), made.kid, 'the kid tells nothing of the key');
  const { token, expires_at } = createTokens({ keys: [made], clock: systemClock, random: systemRandom }).sign({
    accountId: 'a' as AccountId,
    user: 'admin',
    version: 3,
  });
  t.match(jwt.verify(token, again.key, { complete: true }), {
    header: { alg: 'HS256', kid: made.kid },
    payload: { sub: 'admin', sub_type: 'ServiceAccount', aid: 'a', ver: 3, iss: 'raworc', exp: Date.parse(expires_at) / 1000, jti: String },
  });
  await writeFile(path, 'short');
  await t.rejects(openTokenKeys(directory, systemDisk, systemRandom), /jwt\.key contains no valid/);
});

t.test('a key is rotated while tokens are out: they stay good until they have expired, and the key goes', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-key-'));
  t.teardown(() => rm(directory, { recursive: true }));
  let now = systemClock.now();
  const clock = { ...systemClock, now: () => now };
  const holder = { accountId: 'a' as AccountId, user: 'admin', version: 1 };
  const tokens = createTokens({ keys: await openTokenKeys(directory, systemDisk, systemRandom), clock, random: systemRandom });
  const logged: string[] = [];
  const log: Log = { ...silent, info: (event) => void logged.push(event), error: (event) => void logged.push(event) };
  const watch = signingKeyLoop({ loops: loopsOf(t), tokens, read: () => openTokenKeys(directory, systemDisk, systemRandom), log });
  const kidOf = (token: string) => jwt.decode(token, { complete: true })?.header.kid;
  const before = kidOf(tokens.sign(holder).token);
  await watch.settled('keys');
  t.same(logged, []);
  await rotateTokenKey(directory, systemDisk, systemRandom, clock);
  await watch.settled('keys');
  t.same(logged, ['tokens.key_taken']);
  t.not(kidOf(tokens.sign(holder).token), before);
  t.ok(tokens.keyOf(before), 'what the older key signed is good');
  t.equal(tokens.keyOf(undefined), undefined);
  now += 49 * 3600 * 1000;
  await rotateTokenKey(directory, systemDisk, systemRandom, clock);
  await watch.settled('keys');
  t.equal(tokens.keyOf(before), undefined);
  t.equal((await readFile(join(directory, 'jwt.key'), 'utf8')).trim().split('\n').length, 2);
  t.equal((await stat(join(directory, 'jwt.key'))).mode & 0o777, 0o600);
  await writeFile(join(directory, 'jwt.key'), 'broken');
  await watch.settled('keys');
  t.equal(logged.at(-1), 'tokens.key_unreadable');
  t.ok(tokens.keyOf(kidOf(tokens.sign(holder).token)), 'and it goes on with what it has');
});

t.test('passwords are hashed on a thread that yields to requests, and a thread that ends is replaced', async (t) => {
  const threads = new HashThreads();
  t.teardown(() => threads.close());
  const request = { message: Buffer.from('x'), nonce: Buffer.alloc(16), tagLength: 32, memory: 1024, passes: 1, parallelism: 1 };
  const first = await threads.hash(request);
  const priorities = (await readdir('/proc/self/task')).map((id) => getPriority(Number(id)));
  t.equal(priorities.filter((priority) => priority > getPriority()).length, 1);
  await t.rejects(threads.hash({ ...request, tagLength: 0 }), Error, 'a hash that fails leaves the thread');
  const cut = threads.hash({ ...request, memory: 65_536, passes: 50 });
  await Promise.all([t.rejects(cut, /ended/), threads.close()]);
  t.same(await threads.hash(request), first);
});

t.test('a password is known again, another is not, and nobody’s is nobody’s', async (t) => {
  const argon2 = new HashThreads();
  t.teardown(() => argon2.close());
  const passwords = createPasswords({ random: systemRandom, argon2, clock: systemClock });
  const hash = await passwords.hash('Zürich', CONTROLLER_CALLER);
  if (!hash.ok) throw new Error('refused');
  t.match(hash.value, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  t.same(await passwords.verify('Zürich', hash.value, CONTROLLER_CALLER), { ok: true, value: true }, 'typed in the other form of ü');
  t.same(await passwords.verify('zürich', hash.value, CONTROLLER_CALLER), { ok: true, value: false });
  t.same(await passwords.verify('', undefined, CONTROLLER_CALLER), { ok: true, value: false });
  await t.rejects(passwords.verify('x', 'plain', CONTROLLER_CALLER), /cannot parse/);
});

/** Work that ends when it is told to, and whose caller is told apart. */
function handQueue(atOnce = 2) {
  const clock = new HandClock();
  const queue = new HashQueue(atOnce, clock);
  const running: { readonly name: string; readonly end: () => void }[] = [];
  const answers: string[] = [];
  const ask = (name: string, key: string, rank: number) => {
    const work = () => new Promise<void>((resolve) => running.push({ name, end: resolve }));
    void queue.run({ key, rank }, work).then(({ ok }) => answers.push(`${name} ${ok ? 'done' : 'refused'}`));
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** Ends what runs, and what begins then, until nothing is left. */
  const endAll = async () => {
    for (await settle(); running.length > 0; await settle()) running.shift()?.end();
  };
  return { clock, queue, running, answers, ask, settle, endAll };
}

t.test('where one is hashed at a time, strangers and those who are known take turns', async (t) => {
  const { running, ask, settle } = handQueue(1);
  for (let login = 0; login < 3; login += 1) {
    ask('guess', `network ${login}`, 5);
    ask('known', 'home', 0);
  }
  const began: string[] = [];
  for (await settle(); running.length > 0; await settle()) {
    t.equal(running.length, 1);
    const next = running.shift();
    began.push(next?.name ?? '');
    next?.end();
  }
  t.same(began, ['guess', 'known', 'guess', 'known', 'guess', 'known']);
});

t.test('strangers who guess without pause keep nobody out who is known, and the newcomer is before them', async (t) => {
  const { queue, running, answers, ask, settle, endAll } = handQueue();
  for (let network = 0; network < 100; network += 1) for (let guess = 0; guess < 10; guess += 1) ask('guess', `network ${network}`, 5);
  await settle();
  t.equal(running.length, 1, 'they have one core and not both');
  t.equal(queue.waiting, 32, 'and a bounded queue');
  for (let login = 0; login < 10; login += 1) ask('known', 'home', 0);
  ask('newcomer', 'hotel', 1);
  await settle();
  t.same(
    running.map(({ name }) => name),
    ['guess', 'known'],
  );
  await endAll();
  const done = answers.filter((answer) => answer.endsWith('done'));
  t.equal(done.filter((answer) => answer === 'known done').length, 10);
  t.ok(done.indexOf('newcomer done') >= 0 && done.indexOf('newcomer done') < 5, done.slice(0, 6).join());
  t.notOk(answers.includes('newcomer refused') || answers.includes('known refused'));
  t.equal(answers.filter((answer) => answer === 'guess refused').length, 1000 - 1 - 31, 'all others, one of whom made room');
  t.equal(queue.waiting, 0);
});

t.test('guesses take a fifth of a core; newcomers and callers who are known do not wait for their pause', async (t) => {
  const { clock, running, ask, settle } = handQueue(1);
  const names = () => running.map(({ name }) => name).join();
  for (let network = 0; network < 3; network += 1) ask('guess', `network ${network}`, 5);
  await settle();
  t.equal(names(), 'guess');
  clock.sleep(75);
  running.shift()?.end();
  await settle();
  t.equal(names(), '', 'a pause');
  for (const [name, rank] of [
    ['known', 0],
    ['newcomer', 1],
  ] as const) {
    ask(name, name, rank);
    await settle();
    t.equal(names(), name);
    running.shift()?.end();
  }
  await clock.advance(299);
  t.equal(names(), '');
  await clock.advance(1);
  t.equal(names(), 'guess', 'four times as long as the hash took');
  clock.sleep(10_000);
  running.shift()?.end();
  await clock.advance(1000);
  t.equal(names(), 'guess', 'a hash that took long is followed by no long pause');
});

t.test('callers who are known do not keep out strangers either, and each has a bound', async (t) => {
  const { running, answers, ask, settle, endAll } = handQueue();
  for (let login = 0; login < 100; login += 1) ask('known', 'somebody', 0);
  ask('stranger', 'hotel', 1);
  await settle();
  t.equal(running.length, 2);
  await endAll();
  t.equal(answers.filter((answer) => answer === 'known refused').length, 100 - 16);
  t.ok(answers.filter((answer) => answer.endsWith('done')).indexOf('stranger done') < 4);
});

t.test('guessing is first slowed and then refused for growing times; success starts anew', async (t) => {
  let now = 0;
  const throttle = new LoginThrottle({ monotonic: () => now });
  const seen = Array.from({ length: 9 }, () => {
    const admission = throttle.begin('admin', 'here');
    return admission.admitted ? admission.delayMs : `${admission.retryAfterS} s`;
  });
  t.same(seen, [0, 0, 0, 0, 0, 500, 1000, 2000, '4 s']);
  t.ok(throttle.begin('other', 'here').admitted, 'another account is free');
  now += 4000;
  t.ok(throttle.begin('admin', 'here').admitted);
  t.same(throttle.begin('admin', 'here'), { admitted: false, retryAfterS: 8 }, 'the next time is longer');
  t.same(throttle.begin('admin', 'elsewhere'), { admitted: true, delayMs: 2000 }, 'its owner elsewhere is slowed, and not kept out');
  throttle.succeeded('admin', 'elsewhere');
  t.same(throttle.begin('admin', 'elsewhere'), { admitted: true, delayMs: 0 });
  for (let i = 0; i < 40; i++) throttle.begin(`user${i}`, 'sprayer');
  t.notOk(throttle.begin('nobody', 'sprayer').admitted, 'one address that tries many accounts');
  now += 16 * 60_000;
  t.same(throttle.begin('nobody', 'sprayer'), { admitted: true, delayMs: 0 }, 'all is forgotten in time');
});

t.test('who was there before is not kept out by others of the same network, nor slowed by others elsewhere', (t) => {
  const throttle = new LoginThrottle({ monotonic: () => 0 });
  t.ok(throttle.begin('ann', 'office').admitted);
  t.equal(throttle.rankOf('ann', 'office'), 1 + 1);
  throttle.succeeded('ann', 'office');
  t.equal(throttle.rankOf('ann', 'office'), 0);
  for (let guess = 0; guess < 100; guess += 1) throttle.begin(`user${guess}`, 'office');
  for (let guess = 0; guess < 100; guess += 1) throttle.begin('ann', `elsewhere ${guess}`);
  t.notOk(throttle.begin('bob', 'office').admitted, 'a stranger there is refused');
  t.same(throttle.begin('ann', 'office'), { admitted: true, delayMs: 0 });
  t.ok(throttle.rankOf('zoe', 'office') > 20, 'and waits behind all others');
  t.end();
});

t.test('a bounded number of names is remembered, and guessers are not forgotten for those who come once', (t) => {
  const throttle = new LoginThrottle({ monotonic: () => 0 });
  for (let i = 0; i < 9; i++) throttle.begin('admin', 'x');
  t.notOk(throttle.begin('admin', 'x').admitted);
  for (let i = 0; i < 30_000; i++) throttle.begin(`user${i}`, `address${i}`);
  t.notOk(throttle.begin('admin', 'x').admitted, 'names that are tried once do not wipe out what is known of a guesser');
  t.ok(throttle.begin('user1', 'address1').admitted);
  t.end();
});
