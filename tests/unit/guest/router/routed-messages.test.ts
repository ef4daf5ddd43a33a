/** Messages for the router in a guest, with a scripted model: kept, interrupted and answered once. */
import t from 'tap';
import { errorEnd } from '../../../../guest/runs/run-end.ts';
import type { RunRequest, Worker, WorkerEnd } from '../../../../guest/runs/worker-host.ts';
import type { Router__Output as Task } from '../../../../proto/generated/raworc/v0/Router.ts';
import { World } from '../world.ts';
import { agent } from './router-world.ts';

const TASK: Task = {
  ...{ api: 'openai', baseUrl: 'http://model', model: 'm', keySecret: '', maxTokens: 0, timeoutS: 60 },
  agents: [agent('once'), agent('again')],
};

/** A guest whose model answers by `decide`, and what it was asked. */
async function begun(decide: (request: RunRequest) => WorkerEnd | Promise<WorkerEnd>) {
  const world = new World(1);
  const asked: string[] = [];
  world.model = (): Worker => {
    const interrupted = Promise.withResolvers<WorkerEnd>();
    return {
      alive: true,
      run: (request) => {
        asked.push(request.message);
        return Promise.race([Promise.resolve(decide(request)), interrupted.promise]);
      },
      kill: () => undefined,
      interrupt: () => interrupted.resolve(errorEnd('interrupted')),
    };
  };
  await world.start();
  await world.clock.advance(50);
  return { world, asked };
}

const byFirstWord = ({ message }: RunRequest): WorkerEnd => {
  const [name = ''] = message.split(' ');
  return name === 'self'
    ? { outcome: 'reply', content: 'by the model', model: 'm' }
    : { outcome: 'handoff', agent: name, content: message };
};
const forever = () => new Promise<WorkerEnd>(() => undefined);
const answersOf = (world: World) =>
  world.posted.map(({ id }) => world.answers.get(id)?.map(({ agent, content, reason, model }) => ({ agent, content, reason, model })));
const post = (world: World, content: string) => world.post('@router', content, TASK);

t.test('a model answers itself or hands over, in order and within the turn', async (t) => {
  const { world, asked } = await begun(byFirstWord);
  for (const content of ['once a', 'self', 'again b', 'nobody c']) post(world, content);
  await world.clock.advance(500);
  t.same(answersOf(world), [
    [{ agent: 'once', content: 're: once a', reason: '', model: '' }],
    [{ agent: '@router', content: 'by the model', reason: '', model: 'm' }],
    [{ agent: 'again', content: 're: again b', reason: '', model: '' }],
    [
      {
        ...{ agent: '@router', reason: 'agent_unknown', model: '' },
        content: '@router cannot hand over to nobody: The session has no agent of that name.',
      },
    ],
  ]);
  t.same(asked, ['once a', 'self', 'again b', 'nobody c']);
  const started = world.heard.flatMap((frame) => (frame.kind === 'runStarted' ? [frame.value.agent] : []));
  t.same(started, ['@router', '@router', '@router', '@router'], 'one run of each message');
});

t.test('a crash during the choice repeats it; one after it keeps the choice and its rule', async (t) => {
  let choice: (request: RunRequest) => WorkerEnd | Promise<WorkerEnd> = forever;
  const { world, asked } = await begun((request) => choice(request));
  post(world, 'again one');
  await world.clock.advance(100);
  t.equal(asked.length, 1);
  world.crash(true);
  choice = byFirstWord;
  world.behaviour = forever;
  await world.start();
  await world.clock.advance(500);
  t.same(asked, ['again one', 'again one'], 'asked again');
  t.same(
    world.ran.map(({ message }) => message),
    ['again one'],
  );
  world.crash(true);
  choice = () => ({ outcome: 'handoff', agent: 'once', content: '' });
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: `re: ${message}` });
  await world.start();
  await world.clock.advance(500);
  t.equal(asked.length, 2, 'not asked again');
  t.match(answersOf(world)[0], [{ agent: 'again', content: 're: again one' }]);
  choice = byFirstWord;
  world.behaviour = forever;
  post(world, 'once two');
  await world.clock.advance(500);
  world.crash(true);
  await world.start();
  await world.clock.advance(500);
  t.match(answersOf(world)[1], [{ agent: 'once', reason: 'agent_died' }], 'never twice');
});

t.test('cancel, drain and stop reach a choice and the agent that it chose', async (t) => {
  let choice: (request: RunRequest) => WorkerEnd | Promise<WorkerEnd> = forever;
  const { world } = await begun((request) => choice(request));
  post(world, 'once');
  await world.clock.advance(100);
  world.cancel(0);
  await world.clock.advance(100);
  t.match(answersOf(world)[0], [{ agent: '@router', reason: 'cancelled' }]);
  post(world, 'once');
  await world.clock.advance(100);
  world.drainWithin(0);
  await world.clock.advance(100);
  t.match(answersOf(world)[1], [{ agent: '@router', reason: 'interrupted' }]);
  world.drainWithin(undefined);
  choice = byFirstWord;
  world.behaviour = forever;
  post(world, 'once three');
  await world.clock.advance(100);
  world.stopAgent('once', true);
  await world.clock.advance(100);
  t.match(answersOf(world)[2], [{ agent: 'once', reason: 'agent_stopped' }]);
  world.behaviour = ({ message }) => ({ outcome: 'reply', content: `re: ${message}` });
  post(world, 'once four');
  await world.clock.advance(100);
  t.match(answersOf(world)[3], [{ agent: 'once', content: 're: once four' }], 'a later message is not affected');
});

t.test('no agent begins what was cancelled or settled while the model chose, however long the grace', async (t) => {
  const choices: ((end: WorkerEnd) => void)[] = [];
  const { world } = await begun(() => new Promise((resolve) => choices.push(resolve)));
  post(world, 'once one');
  await world.clock.advance(100);
  world.cancel(0, 60_000);
  await world.clock.advance(100);
  t.match(answersOf(world)[0], [{ agent: '@router', reason: 'cancelled' }]);
  post(world, 'once two');
  await world.clock.advance(100);
  world.settleUpTo(world.posted.at(-1)?.seq ?? 0);
  await world.clock.advance(100);
  choices.at(-1)?.({ outcome: 'handoff', agent: 'once', content: 'once two' });
  await world.clock.advance(500);
  t.same(world.ran, []);
  t.equal(choices.length, 2);
});

t.test('what describes the agents takes no room beside an answer, nor beside the refusal of a full disk', async (t) => {
  const world = new World(7);
  world.model = () => {
    throw new Error('nothing of this runs');
  };
  world.mailboxBytes = 128 * 1024;
  await world.start();
  await world.clock.advance(50);
  world.disk.capacityBytes = 256 * 1024;
  world.settleAnswers = false;
  const large = { ...TASK, agents: [agent('large', 'x'.repeat(48 * 1024))] };
  for (let count = 0; count < 6; count += 1) world.post('@router', 'y'.repeat(100_000), large);
  await world.clock.advance(500);
  t.same(new Set(answersOf(world).map((answers) => answers?.[0]?.reason)), new Set(['disk_full']));
  t.same(world.faults, [], 'each is refused, and the process goes on');
});

t.test('the key reaches the model and no agent', async (t) => {
  const { world } = await begun(byFirstWord);
  world.secrets = { version: 2, values: { MODEL_KEY: 'key', OTHER: 'other' }, withheld: ['MODEL_KEY'] };
  const seen: unknown[] = [];
  const model = world.model;
  world.model = (task, secrets) => {
    seen.push(secrets);
    return model(task, secrets);
  };
  post(world, 'once with secrets');
  await world.clock.advance(500);
  t.same(seen, [{ MODEL_KEY: 'key', OTHER: 'other' }]);
  t.same(
    world.ran.map(({ environment }) => environment),
    [{ OTHER: 'other' }],
  );
});
