import t from 'tap';
import { SecretRequests } from '../../../../node-agent/guests/secret-requests.ts';
import { testDirectory } from '../../../test-directory.ts';
import { HandClock } from '../../hand-clock.ts';
import { assigned, bench, deliver } from '../hand-controller.ts';

const S = '00000000-0000-4000-8000-00000000000a';

function requests() {
  const clock = new HandClock();
  const asked: string[] = [];
  const of = new SecretRequests(clock, (sessionId, version) => asked.push(`${sessionId}${version}`));
  return { clock, asked, of };
}

t.test('few are asked for at once, the next with each answer, and none again that was answered', (t) => {
  const { asked, of } = requests();
  for (const name of ['a', 'b', 'c', 'd']) of.want(name, 1);
  t.same(asked, ['a1', 'b1']);
  t.ok(of.answered('b', 1));
  t.same(asked, ['a1', 'b1', 'c1']);
  t.ok(of.answered('a', 7), 'newer ones will do');
  t.notOk(of.answered('a', 8), 'nobody waits for them any more');
  of.forget('c');
  t.notOk(of.answered('c', 1));
  t.same(asked, ['a1', 'b1', 'c1', 'd1']);
  t.end();
});

t.test('a refusal is asked about again in a while, and what a lost stream left open on the next', async (t) => {
  const { clock, asked, of } = requests();
  of.want('a', 2);
  t.notOk(of.answered('a', 0));
  t.same(asked, ['a2']);
  await clock.advance(5_000);
  t.same(asked, ['a2', 'a2']);
  of.hold();
  of.want('b', 1);
  t.same(asked, ['a2', 'a2']);
  of.resend();
  t.same(asked, ['a2', 'a2', 'a2', 'b1']);
  t.notOk(of.answered('a', 1), 'older ones will not do');
  of.forget('a');
  await clock.advance(10_000);
  t.same(asked.length, 4, 'its guest is gone');
});

t.test('a guest gets the secrets that a message names, before it runs, and again when it or its node is new', async (t) => {
  const { controller, host, start } = bench(testDirectory(t), { answer: ({ content }, { KEY }) => `${content} ${KEY}` });
  const node = await start();
  await controller.begin([assigned(S, 3)]);
  await controller.phase(S, 'RUNNING');
  const reply = async (seq: number, version: number, answer: object) => {
    controller.say(deliver(S, seq, `m${seq}`, 0, version));
    const request = await controller.until('a question', () => controller.heard('secretsRequest').find((one) => one.version === version));
    t.same(request, { sessionId: S, generation: 3, version });
    controller.say({ kind: 'secrets', value: { sessionId: S, version, values: {}, withheld: [], ...answer } });
    return controller.until('an answer', () => controller.heard('answer').find(({ messageId }) => messageId === `m${seq}`));
  };
  t.match(await reply(1, 5, { values: { KEY: 'one' } }), { content: 'm1 one' });
  t.match(await reply(2, 6, { values: { KEY: 'two' } }), { content: 'm2 two' });
  await node.close();
  host.end(S);
  const next = await start();
  t.teardown(() => next.close());
  await controller.begin([assigned(S, 3, 'DESIRED_RUNNING', true)]);
  await controller.phase(S, 'RUNNING');
  t.match(await reply(3, 6, { values: { KEY: 'two' } }), { content: 'm3 two' }, 'what it had in memory is gone');
});
