import t from 'tap';
import type { RunEnd } from '../../../guest/runs/worker-host.ts';
import { guestBeyondBounds } from '../../../proto/frame-bounds.ts';
import type { Answer__Output as Answer } from '../../../proto/generated/raworc/v0/Answer.ts';
import { type Script, World } from './world.ts';

const reply = (content: string): RunEnd => ({ outcome: 'reply', content });

/** A guest whose agents do as their scripts say. */
async function opened(
  seed: number,
  scripts: Record<string, Script>,
  also: { idempotent?: string[]; concurrency?: Record<string, number>; mailboxBytes?: number } = {},
) {
  const world = new World(seed);
  world.mailboxBytes = also.mailboxBytes ?? 64 * 1024;
  const common = { runtime: 'PYTHON', handler: '', timeoutS: 0, memoryBytes: 0 } as const;
  world.agents = Object.keys(scripts).map((name) => ({
    ...{ ...common, name, idempotent: also.idempotent?.includes(name) === true, concurrency: also.concurrency?.[name] ?? 0 },
  }));
  world.scripts = scripts;
  await world.start();
  await world.clock.advance(50);
  return world;
}

async function answerOf(world: World, agent: string, content: string): Promise<Answer> {
  world.post(agent, content);
  await world.clock.advance(200);
  const answer = world.answers.get(world.posted.at(-1)?.id ?? '')?.[0];
  if (!answer) throw new Error('no answer');
  return answer;
}

const hopsOf = ({ hops }: Answer) =>
  hops.map(({ kind, fromAgent, toAgent, content, answer, reason }) => `${kind} ${fromAgent} ${toAgent} ${content}: ${reason || answer}`);
const textOf = (end: RunEnd) => (end.outcome === 'reply' ? end.content : end.reason);

const echo: Script = (message) => reply(`e(${message})`);
const never: Script = () => new Promise(() => undefined);

t.test('an agent asks others, one after another and at once, and the answer has the record', async (t) => {
  const world = await opened(1, {
    planner: async (message, ask) => {
      const first = textOf(await ask('echo', message));
      const both = await Promise.all([ask('echo', 'b'), ask('other', 'c')]);
      return reply([first, ...both.map(textOf)].join(' '));
    },
    echo,
    other: (message) => reply(`o(${message})`),
  });
  const answer = await answerOf(world, 'planner', 'a');
  t.match(answer, { outcome: 'REPLY', content: 'e(a) e(b) o(c)', agent: 'planner', runId: world.ran[0]?.runId });
  t.same(hopsOf(answer), ['ASK planner echo a: e(a)', 'ASK planner echo b: e(b)', 'ASK planner other c: o(c)']);
  t.same(new Set(answer.hops.map(({ runId }) => runId)).size, 3);
  t.ok(answer.hops.every(({ parentId, outcome, truncated }) => parentId === '' && outcome === 'REPLY' && !truncated));
  t.match(JSON.parse(world.contexts[1] ?? ''), { hop: { id: answer.hops[0]?.id, kind: 'ask', from: 'planner' }, session_life: 1 });
  t.same(world.broken, []);
});

t.test('a message is handed over, and the asked agent hands over too: its asker gets the last answer', async (t) => {
  const world = await opened(2, {
    first: (message) => ({ outcome: 'handoff', agent: 'second', content: `${message}!` }),
    second: async (message, ask) => reply(textOf(await ask('passes', message))),
    passes: (message) => ({ outcome: 'handoff', agent: 'echo', content: message }),
    echo,
  });
  const answer = await answerOf(world, 'first', 'a');
  t.match(answer, { outcome: 'REPLY', content: 'e(a!)', agent: 'second', runId: world.ran[1]?.runId });
  t.same(hopsOf(answer), ['HANDOFF first second a!: e(a!)', 'ASK second passes a!: e(a!)', 'HANDOFF passes echo a!: e(a!)']);
  const [one, two] = answer.hops;
  t.same(
    answer.hops.map(({ parentId }) => parentId),
    ['', one?.id, two?.id],
  );
});

t.test('who cannot be asked, or handed to, is refused with a reason', async (t) => {
  const reasons: string[] = [];
  const world = await opened(3, {
    a: async (message, ask) => {
      for (const agent of ['a', 'gone', 'rests', 'no name\n', 'b'])
        reasons.push(`${agent}: ${textOf(await ask(agent, agent === 'b' ? 'c' : message))}`);
      reasons.push(textOf(await ask('b', 'x'.repeat(1024 * 1024 + 1))));
      return reply('done');
    },
    b: async (_, ask) => reply(textOf(await ask('a', 'again'))),
    rests: echo,
    away: () => ({ outcome: 'handoff', agent: 'gone', content: 'x' }),
    self: (message) => ({ outcome: 'handoff', agent: 'self', content: message }),
    ping: (message) => ({ outcome: 'handoff', agent: 'pong', content: message }),
    pong: (message) => ({ outcome: 'handoff', agent: 'ping', content: message }),
  });
  world.active = ['a', 'b', 'away', 'self', 'ping', 'pong'];
  const answer = await answerOf(world, 'a', 'm');
  t.same(reasons, ['a: cycle', 'gone: agent_unknown', 'rests: agent_stopped', 'no name\n: agent_unknown', 'b: cycle', 'content_too_large']);
  t.equal(answer.hops.length, 7);
  t.same(
    answer.hops.map(({ toAgent }) => toAgent),
    ['a', 'gone', 'rests', 'no_name_', 'b', 'a', 'b'],
  );
  t.equal(guestBeyondBounds({ kind: 'answer', value: answer }), undefined, 'whatever agents name');
  t.match(await answerOf(world, 'away', 'm'), {
    outcome: 'ERROR',
    reason: 'agent_unknown',
    agent: 'away',
    content: /away cannot hand over to gone/,
  });
  t.match(await answerOf(world, 'self', 'm'), { outcome: 'ERROR', reason: 'cycle', agent: 'self' });
  const pinged = await answerOf(world, 'ping', 'm');
  t.match(pinged, { outcome: 'ERROR', reason: 'cycle' });
  t.equal(pinged.hops.length, 3, 'there, back, and no further');
  t.same(world.broken, []);
});

t.test('the number of hops of a message is bounded, and so are the texts that their record keeps', async (t) => {
  let refused = '';
  const world = await opened(4, {
    asks: async (_, ask) => {
      for (let hop = 0; hop < 120; hop += 1) {
        const answer = textOf(await ask('echo', 'ü'.repeat(10_000)));
        if (answer.length < 1000) refused = answer;
      }
      return reply('done');
    },
    echo,
  });
  world.mailboxBytes = 2 * 1024 * 1024;
  world.post('asks', 'x');
  await world.clock.advance(5000);
  const answer = world.answers.get(world.posted[0]?.id ?? '')?.[0];
  t.equal(refused, 'too_many_hops');
  t.equal(answer?.hops.length, 100);
  const bytes = answer?.hops.reduce((sum, hop) => sum + Buffer.byteLength(hop.content) + Buffer.byteLength(hop.answer), 0) ?? 0;
  t.ok(bytes > 200_000 && bytes <= 256 * 1024, `${bytes} bytes`);
  t.match(answer?.hops.at(-1), { truncated: true, content: '', answer: '' });
});

t.test('on a full disk, the reply comes without the texts of its hops', async (t) => {
  const whole = 'x'.repeat(30_000);
  const asks: Script = async (_, ask) => {
    const answer = textOf(await ask('echo', whole));
    // The host can have what is stored only.
    world.cutLink();
    return reply(answer);
  };
  const world = await opened(15, { asks, echo }, { mailboxBytes: 140 * 1024 });
  world.disk.capacityBytes = 0;
  world.post('asks', 'y'.repeat(5000));
  await world.clock.advance(500);
  const answer = world.answers.get(world.posted[0]?.id ?? '')?.at(-1);
  t.match(answer, { outcome: 'REPLY', reason: '' });
  t.match(answer?.hops, [{ toAgent: 'echo', outcome: 'REPLY', content: '', truncated: true }]);
  t.same(world.broken, []);
});

t.test('branches of a fan-out that wait for one another do not wait for ever', async (t) => {
  const world = await opened(5, {
    a: async (_, ask) => reply((await Promise.all([ask('b', 'c'), ask('c', 'b')])).map(textOf).join(' ')),
    b: async (message, ask) => reply(`b(${textOf(await ask(message, 'x'))})`),
    c: async (message, ask) => (message === 'x' ? reply('c(x)') : reply(`c(${textOf(await ask(message, 'x'))})`)),
  });
  const answer = await answerOf(world, 'a', 'm');
  t.match(answer.content, /deadlock/);
  t.equal(answer.outcome, 'REPLY');
});

t.test('an asker that ends does not leave its asks running, and the next message gets the worker', async (t) => {
  const world = await opened(6, {
    a: (message, ask) => {
      if (message === 'hasty') void ask('never', 'x');
      return reply('done');
    },
    never,
  });
  const answer = await answerOf(world, 'a', 'hasty');
  t.match(answer, { content: 'done', hops: [{ toAgent: 'never', outcome: 'ERROR', reason: 'asker_ended' }] });
  t.equal(world.running, 0);
  t.match(await answerOf(world, 'a', 'x'), { content: 'done', hops: [] });
});

t.test('an ask that its asker drops is interrupted, and the asker goes on', async (t) => {
  const dropping = new AbortController();
  const world = await opened(14, {
    a: async (message, ask) => reply(textOf(await ask('never', message, dropping.signal))),
    never,
  });
  world.post('a', 'x');
  await world.clock.advance(100);
  dropping.abort();
  await world.clock.advance(100);
  t.match(world.answers.get(world.posted[0]?.id ?? '')?.[0], { content: 'asker_ended', hops: [{ reason: 'asker_ended' }] });
  t.equal(world.running, 0);
});

t.test('cancel, stop, drain and the time limit reach what is below', async (t) => {
  const deep = {
    a: async (_: string, ask: Parameters<Script>[1]) => reply(textOf(await ask('b', 'x'))),
    b: async (_: string, ask: Parameters<Script>[1]) => reply(textOf(await ask('c', 'x'))),
    c: never,
  };
  const begun = async (seed: number) => {
    const world = await opened(seed, { ...deep, other: echo });
    world.post('a', 'm');
    await world.clock.advance(100);
    t.equal(world.running, 3);
    return world;
  };
  const first = (world: World) => world.answers.get('m1')?.[0] ?? world.answers.get('m2')?.[0];
  const reasons = (world: World) => first(world)?.hops.map(({ reason }) => reason);

  const cancelled = await begun(7);
  cancelled.cancel(0, 1000);
  await cancelled.clock.advance(900);
  t.equal(cancelled.running, 3);
  await cancelled.clock.advance(200);
  t.match(first(cancelled), { reason: 'cancelled' });
  t.same([reasons(cancelled), cancelled.running], [['cancelled', 'cancelled'], 0]);

  const drained = await begun(8);
  drained.drainWithin(0);
  await drained.clock.advance(100);
  t.match(first(drained), { reason: 'interrupted' });
  t.same([reasons(drained), drained.running], [['interrupted', 'interrupted'], 0]);
  t.ok(drained.heard.some(({ kind }) => kind === 'drained'));

  const stopped = await begun(9);
  stopped.stopAgent('b', true);
  await stopped.clock.advance(100);
  t.match(first(stopped), { outcome: 'REPLY', content: 'agent_stopped' }, 'the asker goes on');
  t.same([reasons(stopped), stopped.running], [['agent_stopped', 'asker_ended'], 0]);

  const slow = await begun(10);
  await slow.clock.advance(301_000);
  t.match(first(slow), { reason: 'agent_timeout' });
  t.same([reasons(slow), slow.running], [['asker_ended', 'asker_ended'], 0]);
});

t.test('in the grace of a cancelled message nothing more begins for it, and what its run asks for is recorded as refused', async (t) => {
  let goOn = Promise.withResolvers<void>();
  const world = await opened(13, {
    asks: async (message, ask) => {
      await goOn.promise;
      return reply(textOf(await ask('echo', message)));
    },
    hands: async (message) => {
      await goOn.promise;
      return { outcome: 'handoff', agent: 'echo', content: message };
    },
    echo,
  });
  for (const [at, agent] of ['asks', 'hands'].entries()) {
    goOn = Promise.withResolvers();
    world.post(agent, 'x');
    await world.clock.advance(50);
    world.cancel(at, 10_000);
    await world.clock.advance(50);
    goOn.resolve();
    await world.clock.advance(50);
  }
  t.same(
    world.posted.map(({ id }) => world.answers.get(id)?.map((answer) => [answer.reason || answer.content, ...hopsOf(answer)])),
    [[['cancelled', 'ASK asks echo x: cancelled']], [['cancelled', 'HANDOFF hands echo x: cancelled']]],
  );
  t.equal(world.ran.length, 2);
});

t.test('a hop waits for its agent, ahead of the messages that wait for it', async (t) => {
  const order: string[] = [];
  const note =
    (name: string): Script =>
    (message) => {
      order.push(`${name} ${message}`);
      return reply(message);
    };
  const world = await opened(
    11,
    { a: async (message, ask) => reply(textOf(await ask('b', `for ${message}`))), b: note('b') },
    { concurrency: { a: 3 } },
  );
  for (const [agent, content] of [
    ['a', '1'],
    ['a', '2'],
    ['b', 'own'],
    ['a', '3'],
  ] as const)
    world.post(agent, content);
  await world.clock.advance(500);
  t.same(order, ['b for 1', 'b for 2', 'b own', 'b for 3']);
  t.equal(world.outstanding().length, 0);
});

t.test('after a crash, the record of hops survives; a message runs again only if all its runs can', async (t) => {
  for (const [idempotent, power] of [
    [[], true],
    [['a'], false],
    [['a', 'b', 'c'], true],
  ] as const) {
    const world = await opened(
      12,
      {
        a: async (_, ask) => {
          const first = textOf(await ask('b', 'quick'));
          await ask('a', 'never');
          return reply(`${first} ${textOf(await ask('c', 'slow'))}`);
        },
        b: echo,
        c: () => (world.life === 1 ? new Promise(() => undefined) : reply('now')),
      },
      { idempotent: [...idempotent] },
    );
    world.post('a', 'm');
    await world.clock.advance(100);
    t.same(
      world.ran.map(({ message }) => message),
      ['m', 'quick', 'slow'],
    );
    world.crash(power);
    await world.start();
    await world.clock.advance(2000);
    const answer = world.answers.get(world.posted[0]?.id ?? '')?.[0];
    if (idempotent.length === 3) {
      t.match(answer, { outcome: 'REPLY', content: 'e(quick) now' });
      t.same(
        answer && hopsOf(answer),
        ['ASK a b quick: e(quick)', 'ASK a a never: cycle', 'ASK a c slow: now'],
        'of the run that answered',
      );
    } else {
      t.match(answer, { outcome: 'ERROR', reason: 'agent_died' });
      t.same(answer && hopsOf(answer), ['ASK a b quick: e(quick)', 'ASK a a never: cycle', 'ASK a c slow: interrupted']);
      t.equal(world.ran.length, 3, 'nothing runs again');
    }
    t.same(world.broken, []);
  }
});

t.test('whatever an agent sees is recorded, with power cut at any time and through compactions', async (t) => {
  for (let seed = 100; seed < 130; seed += 1) {
    let dies = false;
    const cutPower = () => {
      dies = false;
      world.crash(world.fraction() < 0.7);
    };
    const world = await opened(seed, {
      a: async (message, ask) => reply(`${textOf(await ask('b', message))} ${textOf(await ask('b', 'x'.repeat(300)))}`),
      b: (message, ask) => {
        // At once, when nothing can have been written since it got the hop.
        if (dies && world.fraction() < 0.5) cutPower();
        return echo(message, ask);
      },
    });
    world.mailboxBytes = 4096;
    for (let message = 0; message < 40; message += 1) {
      dies = message % 10 === 5;
      const { life } = world;
      world.post('a', String(message));
      await world.clock.advance(Math.floor(world.fraction() * 40));
      if (dies) cutPower();
      if (life === world.life) continue;
      await world.start();
      await world.clock.advance(500);
    }
    await world.clock.advance(5000);
    t.same(world.outstanding(), [], `seed ${seed}`);
    for (const { id, content } of world.posted) {
      const given = world.answers.get(id) ?? [];
      for (const answer of given) {
        if (answer.outcome === 'REPLY') t.match(answer, { content: new RegExp(`^e\\(${content}\\) `), hops: { length: 2 } });
        else t.ok(answer.reason === 'agent_died' && answer.hops.length <= 2);
      }
    }
    const hops = world.ran.filter(({ hop }) => hop !== undefined);
    t.equal(new Set(hops.map(({ hop }) => hop)).size, hops.length, 'no hop runs twice');
    let of = '';
    for (const { message, hop } of world.ran) {
      if (hop === undefined) of = message;
      const id = world.posted.find(({ content }) => content === of)?.id ?? '';
      const recorded = (world.answers.get(id) ?? []).some((answer) => answer.hops.some((one) => one.id === hop));
      if (hop !== undefined && !recorded) t.fail(`seed ${seed}: an agent saw a hop of ${of} that no record has`);
    }
    t.same(world.broken, []);
  }
});
