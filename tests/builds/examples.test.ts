/** Every example as it is, built by a cluster and asked once. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { startCluster } from '../cluster/harness.ts';
import { expect } from '../cluster/rest.ts';
import { docker } from '../host/busybox.ts';
import { modelServer } from '../models/model-server.ts';
import { AGENTS, directoryOf } from '../unit/examples/source.ts';
import { deployAll } from './deploy-all.ts';
import { packageIndex } from './package-index.ts';
import { yamlWheel } from './yaml-wheel.ts';

const KEY = 'a-key-of-the-model';
const INVOICES = 'Invoices, payments, refunds and subscriptions';
/** What is asked of agents that need no more than that, and what they answer. */
const CONVERSATIONS: Readonly<Record<string, readonly [message: string, answer: string | RegExp]>> = {
  'hello-python': ['Ada', /^Hello! You said: Ada\nThat is message 1 of session [\da-f]{8}, and I run in a container of my own\.$/],
  'hello-node': ['Ada', /^Hello from Node\.js! You said: Ada\nThat is message 1 of session [\da-f]{8}, and I run/],
  'python-packages': ['colours: [red, green]\nyes: 1.5', '{\n  "colours": [\n    "red",\n    "green"\n  ],\n  "true": 1.5\n}'],
  'node-packages': ['{"colours": ["red", "green"]}', 'colours:\n  - red\n  - green\n'],
  rust: ['stressed', 'desserts\n'],
  dockerfile: ['{"b": 1, "a": 2}', 'a\nb\n'],
};
/** Asked further below, since more can be seen of their answers. */
const OTHERS = [
  ...['typescript', 'streaming', 'ask-model', 'background', 'team/planner', 'team/researcher', 'team/critic'],
  ...['help-desk/billing', 'help-desk/technical', 'help-desk/sales'],
];

const trace = z.looseObject({ hops: z.array(z.looseObject({ kind: z.string(), from: z.string(), to: z.string(), outcome: z.string() })) });

t.setTimeout(1_200_000);
t.test('the examples', async (t) => {
  t.same([...Object.keys(CONVERSATIONS), ...OTHERS].sort(), [...new Set(AGENTS)].sort(), 'each is asked');
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, SESSION_NETWORK, new AbortController().signal);
  const address = await docker('network', 'inspect', SESSION_NETWORK.name, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  const index = await packageIndex({ pyyaml: await yamlWheel() });
  t.teardown(() => index.close());
  const model = await modelServer(
    ({ agents, system, turns }) =>
      agents.includes('billing') && system.includes(INVOICES)
        ? { agent: 'billing' }
        : { text: ['You said: ', turns.at(-1)?.content ?? ''] },
    { host: address },
  );
  t.teardown(() => model.close());
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? '';
  const cluster = await startCluster(t, {
    nodes: [
      {
        name: 'node-1',
        memoryBytes: 2 * 2 ** 30,
        env: {
          ...(existsSync(certificates) ? { RAWORC_BUILD_CA_FILE: certificates } : {}),
          ...{ RAWORC_BUILD_DOCKERFILES: 'true', RAWORC_BUILD_PYPI_URL: `http://${address}:${index.port}/simple` },
          RAWORC_ALLOW_EGRESS: [index.port, model.port].map((port) => `${address}:${port}`).join(),
        },
      },
    ],
  });
  const { rest } = cluster;
  const secret = async (space: string, key_name: string, value: string) =>
    expect(await rest.call('POST', `/spaces/${space}/secrets`, { key_name, value }), 201, `make the secret ${key_name}`);
  const isOfDesk = (agent: string) => agent.startsWith('help-desk/');
  const deployed = async (space: string, agents: readonly string[]) => {
    const build = await deployAll(rest, Object.fromEntries(agents.map((agent) => [basename(agent), directoryOf(agent)])), space);
    t.match(build, { status: 'completed', error: null }, space);
    return (await rest.createSession({ space })).id;
  };
  await secret('default', 'MODEL_KEY', KEY);
  await secret('default', 'MODEL_URL', model.origin);
  await secret('default', 'BACKGROUND_SECONDS', '0.2');
  const session = await deployed(
    'default',
    AGENTS.filter((agent) => !isOfDesk(agent)),
  );
  const ask = async (agent: string, message: string) => (await rest.say(session, message, { agent })).reply.content;

  for (const [agent, [message, answer]] of Object.entries(CONVERSATIONS))
    await t.test(agent, async (t) => {
      const reply = await ask(basename(agent), message);
      if (typeof answer === 'string') t.equal(reply, answer);
      else t.match(reply, answer);
    });

  await t.test('typescript: counts the words of the whole session', async (t) => {
    const { id } = await rest.createSession();
    const said = async (message: string) => (await rest.say(id, message, { agent: 'typescript' })).reply.content;
    t.equal(await said('To be,'), 'be 1\nto 1');
    t.equal(await said('or not to be'), 'be 2\nto 2\nnot 1');
    await rest.removeSession(id);
  });

  await t.test('streaming: the pieces come one by one', async (t) => {
    const news = await rest.watch(`/sessions/${session}/events`);
    const { id, reply } = await rest.say(session, '3', { agent: 'streaming' });
    t.equal(reply.content, '3… 2… 1… lift-off!');
    const pieces = news.events.flatMap(({ type, data }) => (type === 'delta' && data.message_id === id ? [data.text] : []));
    news.close();
    t.same(pieces, ['3… ', '2… ', '1… ', 'lift-off!']);
  });

  await t.test('ask-model: the model gets the key of the secret and the conversation, and what it says is the answer', async (t) => {
    t.equal(await ask('ask-model', 'Why is the sky blue?'), 'You said: Why is the sky blue?');
    t.match(model.asked, [{ api: 'anthropic', key: KEY }]);
    const turns = model.asked[0]?.turns.map(({ content }) => content) ?? [];
    t.match(turns[0], /^Ada/, 'with what was said before');
    t.equal(turns.at(-1), 'Why is the sky blue?');
  });

  await t.test('team: the planner asks both and gathers', async (t) => {
    const { id, reply } = await rest.say(session, 'A four-day week', { agent: 'planner' });
    t.equal(
      reply.content,
      '# A four-day week\n\nFor it:\n- A four-day week was tried before, and worked.\n- Somebody asked for it: planner.\n\nAgainst it:\n- A four-day week costs time.\n- Nobody tested it.',
    );
    const { hops } = trace.parse(expect(await rest.call('GET', `/sessions/${session}/trace/${id}`), 200, 'get the trace'));
    t.same(hops.map(({ kind, from, to, outcome }) => `${kind} ${from} ${to} ${outcome}`).sort(), [
      'ask planner critic reply',
      'ask planner researcher reply',
    ]);
  });

  await t.test('background: it works between messages', async (t) => {
    const logs = await rest.watch('/spaces/default/logs?follow=true&agent=background');
    t.equal(await ask('background', 'start'), 'Started after 0 beats. Ask me again later.');
    await logs.until('the second beat', ({ data }) => data.line === 'beat 2');
    logs.close();
    const [, beats] = /^(\d+) beats so far, in life 1 of this worker\.$/.exec(await ask('background', 'and?')) ?? [];
    t.ok(Number(beats) >= 2, `${beats} beats`);
  });

  await t.test('help-desk: the model of the space chooses', async (t) => {
    expect(await rest.call('POST', '/spaces', { name: 'desk' }), 201, 'make the space');
    await secret('desk', 'MODEL_KEY', KEY);
    const settings = { model: { api: 'anthropic', model: 'm', base_url: model.base('anthropic'), key_secret: 'MODEL_KEY' } };
    expect(await rest.call('PUT', '/spaces/desk', { settings }), 200, 'set the model');
    const desk = await deployed('desk', AGENTS.filter(isOfDesk));
    const asked = model.asked.length;
    const { reply } = await rest.say(desk, 'I was charged twice');
    t.match(reply, { content: 'Send me the number of the invoice, and I look it up.', metadata: { agent: 'billing' } });
    const [question, ...others] = model.asked.slice(asked);
    t.match(question, { key: KEY, turns: [{ content: 'I was charged twice' }] });
    t.same([...(question?.agents ?? [])].sort(), ['billing', 'sales', 'technical']);
    t.same(others, []);
    const say = async (agent: string) => (await rest.say(desk, 'Hello', { agent })).reply.content;
    t.equal(await say('technical'), 'What does the error message say?');
    t.equal(await say('sales'), 'How many people are you?');
    await rest.removeSession(desk);
  });
  await rest.removeSession(session);
});
