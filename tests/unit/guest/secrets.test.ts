import t from 'tap';
import { World } from './world.ts';

async function world(seed = 1): Promise<World> {
  const one = new World(seed);
  one.secrets = { version: 1, values: { KEY: 'first-secret' } };
  await one.start();
  await one.clock.advance(50);
  return one;
}
const asked = ({ heard }: World) => heard.flatMap((frame) => (frame.kind === 'secretsRequest' ? [frame.value.version] : []));
const ranWith = ({ ran }: World) => ran.map(({ message, environment }) => [message, environment.KEY]);

t.test('secrets are requested once, before the first message that names them, and again when one names newer ones', async (t) => {
  const one = await world();
  t.same(asked(one), [], 'nothing names any yet');
  for (const content of ['a', 'b']) one.post('once', content);
  await one.clock.advance(50);
  one.secrets = { version: 3, values: { KEY: 'second-secret' } };
  for (const content of ['c', 'd']) one.post('once', content);
  await one.clock.advance(50);
  t.same(asked(one), [1, 3]);
  t.same(ranWith(one), [
    ['a', 'first-secret'],
    ['b', 'first-secret'],
    ['c', 'second-secret'],
    ['d', 'second-secret'],
  ]);
  t.equal(one.started, 2, 'the worker was replaced for the change, and kept otherwise');
  one.secrets = { version: 4, values: { KEY: 'second-secret' } };
  one.post('once', 'e');
  await one.clock.advance(50);
  t.equal(one.started, 2, 'the same values under a newer version need no new worker');
});

t.test('a change during a run applies to the next message, and the run finishes', async (t) => {
  const one = await world();
  one.behaviour = async ({ message }) => {
    await new Promise<void>((resolve) => one.clock.after(100, resolve));
    return { outcome: 'reply', content: message };
  };
  one.post('once', 'a');
  await one.clock.advance(50);
  one.secrets = { version: 2, values: { KEY: 'second-secret' } };
  one.tellSecrets();
  one.post('once', 'b');
  await one.clock.advance(300);
  t.same(ranWith(one), [
    ['a', 'first-secret'],
    ['b', 'second-secret'],
  ]);
  t.ok([...one.answers.values()].every(([answer]) => answer?.outcome === 'REPLY'));
});

t.test('messages are accepted and wait in order while secrets are unavailable, also more than fit at once', async (t) => {
  const one = new World(1);
  one.mailboxBytes = 128 * 1024;
  one.secrets = { version: 1, values: { KEY: 'first-secret' } };
  one.givesSecrets = false;
  await one.start();
  await one.clock.advance(50);
  for (let index = 0; index < 260; index += 1) one.post('once');
  await one.clock.advance(1000);
  t.equal(one.ran.length, 0);
  t.equal(one.heard.filter(({ kind }) => kind === 'accepted').length, 260);
  t.same(asked(one), [1]);
  one.tellSecrets();
  await one.clock.advance(5000);
  t.same(one.outstanding(), []);
  t.same(
    ranWith(one),
    one.posted.map(({ content }) => [content, 'first-secret']),
  );
});

t.test('secrets older than those in memory change nothing, and those of another session end the link', async (t) => {
  const one = await world();
  one.secrets = { version: 2, values: { KEY: 'second-secret' } };
  one.post('once', 'a');
  await one.clock.advance(50);
  one.secrets = { version: 1, values: { KEY: 'first-secret' } };
  one.tellSecrets();
  one.post('once', 'b');
  await one.clock.advance(50);
  t.same(ranWith(one).at(-1), ['b', 'second-secret']);
  one.tellSecrets('another');
  await one.clock.advance(1000);
  t.equal(one.heard.filter(({ kind }) => kind === 'hello').length, 2);
});

t.test('a draining session requests no secrets, and continues with its message when the drain is cancelled', async (t) => {
  const one = await world();
  one.givesSecrets = false;
  one.post('once', 'a');
  await one.clock.advance(50);
  one.drainWithin(1000);
  await one.clock.advance(50);
  t.equal(one.heard.at(-1)?.kind, 'drained', 'what waits for secrets is not under way');
  one.givesSecrets = true;
  one.drainWithin(undefined);
  await one.clock.advance(50);
  t.same(ranWith(one), [['a', 'first-secret']]);
});

t.test(
  'whatever is cut and crashed, no message runs with older secrets than it names, each is answered, and the volume knows no secret',
  async (t) => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const one = new World(seed);
      const { fraction, clock } = one;
      const change = () => {
        const version = one.secrets.version + 1;
        one.secrets = { version, values: { KEY: `secret-value-${version}` } };
      };
      change();
      one.behaviour = async ({ message }) => {
        await new Promise<void>((resolve) => clock.after(fraction() * 30, resolve));
        return { outcome: 'reply', content: message };
      };
      const live = async () => {
        while (!one.guest) await one.start().catch(() => one.crash(fraction() < 0.5));
      };
      for (let step = 0; step < 40; step += 1) {
        one.refusal = fraction() < 0.5 ? 0 : fraction() * 0.3;
        one.cut = fraction() < 0.5 ? 0 : fraction() * 0.1;
        one.givesSecrets = fraction() < 0.6;
        await live();
        const dice = fraction();
        if (dice < 0.5) one.post(fraction() < 0.5 ? 'once' : 'again');
        else if (dice < 0.65) change();
        else if (dice < 0.75) one.cutLink();
        else if (dice < 0.85) one.crash(fraction() < 0.5);
        await clock.advance(fraction() * 80);
      }
      one.refusal = 0;
      one.cut = 0;
      one.givesSecrets = true;
      await live();
      one.cutLink();
      await clock.advance(10_000);
      t.same([...one.broken, ...one.faults, ...one.outstanding()], [], `seed ${seed}: every message is answered`);
      for (const { message, environment } of one.ran) {
        const named = one.posted.find(({ id }) => id === message)?.secretsVersion ?? 0;
        const version = Number(environment.KEY?.split('-').at(-1) ?? 0);
        if (version < named) t.fail(`seed ${seed}: ${message} names version ${named} and ran with ${version}`);
      }
      for (const [path, { seen, durable }] of one.disk.files)
        for (const bytes of [seen, durable])
          if (Buffer.from(bytes).includes('secret-value')) t.fail(`seed ${seed}: ${path} holds a secret`);
      one.crash(false);
    }
  },
);
