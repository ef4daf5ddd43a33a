/** Who answers in a space that has a model, what its guests get of it, and its answers. */
import t, { type Test } from 'tap';
import type { SpaceModel } from '../../../../controller/contract/models/space-model.ts';
import type { AgentId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { chooseAgent } from '../../../../controller/domain/messages/choose-agent.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { recordAnswer } from '../../../../controller/domain/messages/commands/record-answer.ts';
import { refuseInactive } from '../../../../controller/domain/messages/commands/refuse-inactive-agent.ts';
import { ROUTER, routerTask } from '../../../../controller/domain/messages/router.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, SPACE, withAgents } from '../core.ts';

const S = 'session-1' as SessionId;
const MODEL: SpaceModel = { api: 'openai', model: 'm', key_secret: 'MODEL_KEY' };

const set = (core: Core, settings: Record<string, unknown>) => core.applier.submit(changeSpace(SPACE, { settings }, false));

function wanting(core: Core, name: string, more: object) {
  const row = core.store.view.get('agents', `agent-${name}` as AgentId);
  if (row === undefined) throw new Error(`no agent ${name}`);
  return core.applier.apply({
    name: 'test-agent',
    decide: () => ({ mutations: [put('agents', { ...row, ...more })], events: [], result: undefined }),
  });
}

/** A session whose image has these agents, of which some are inactive. */
async function session(t: Test, agents: readonly string[], inactive: readonly string[] = []): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  if (agents.length > 0) await withAgents(core, agents);
  await core.applier.submit(newSession({ id: S }));
  for (const name of inactive) await wanting(core, name, { wanted: 'inactive' });
  return core;
}

const post = async (core: Core, content: string) => {
  const message = newMessage(S, content, { wake: false });
  await core.applier.submit(postMessage(message));
  return message.id;
};

type Case = readonly [inactive: readonly string[], content: string, metadata: object, without: string, withModel: string];

const CASES: readonly (readonly [agents: readonly string[], cases: readonly Case[]])[] = [
  [['a'], [[[], 'hi', {}, 'a', 'a']]],
  [
    ['a', 'b'],
    [
      [[], 'hi', {}, 'agent_ambiguous', ROUTER],
      [[], '@b hi', {}, 'b', 'b'],
      [[], 'hi', { agent: 'a' }, 'a', 'a'],
      [[], 'hi', { agent: 'c' }, 'agent_unknown', 'agent_unknown'],
      [['a'], 'hi', {}, 'b', 'b'],
      [['a'], '@a hi', {}, 'agent_inactive', 'agent_inactive'],
      [['a', 'b'], 'hi', {}, 'agent_inactive', ROUTER],
    ],
  ],
  [
    [],
    [
      [[], 'hi', {}, 'no_agent', ROUTER],
      [[], 'hi', { agent: ROUTER }, 'agent_unknown', 'agent_unknown'],
    ],
  ],
];

for (const [agents, cases] of CASES) {
  t.test(`who answers in a session with ${agents.join(' and ') || 'no agent'}, without a model and with one`, async (t) => {
    const core = await session(t, agents);
    for (const [inactive, content, metadata, ...expected] of cases) {
      for (const name of agents) await wanting(core, name, { wanted: inactive.includes(name) ? 'inactive' : 'active' });
      const chosen = [];
      for (const settings of [{}, { model: MODEL }]) {
        await set(core, settings);
        const choice = chooseAgent(core.store.view, core.session(S), content, { ...metadata });
        chosen.push(choice.ok ? choice.agent : choice.reason);
      }
      t.same(chosen, expected, JSON.stringify([inactive, content, metadata]));
    }
  });
}

t.test('a guest gets the model with its defaults, and of the active agents what describes them', async (t) => {
  const core = await session(t, ['a', 'b', 'c'], ['c']);
  await wanting(core, 'a', { purpose: 'Writes', description: 'x'.repeat(5000) });
  t.equal(routerTask(core.store.view, core.session(S)), undefined);
  await set(core, { model: MODEL });
  t.same(routerTask(core.store.view, core.session(S)), {
    ...{ api: 'openai', base_url: 'https://api.openai.com/v1', model: 'm', key_secret: 'MODEL_KEY', max_tokens: 0, timeout_s: 60 },
    agents: [
      { name: 'a', purpose: 'Writes', description: 'x'.repeat(1024), capabilities: [] },
      { name: 'b', purpose: '', description: '', capabilities: [] },
    ],
  });
  await set(core, { model: { api: 'anthropic', model: 'm', base_url: 'http://10.0.0.5:8080', timeout_s: 5, max_tokens: 9 } });
  t.match(routerTask(core.store.view, core.session(S)), { base_url: 'http://10.0.0.5:8080', key_secret: '', max_tokens: 9, timeout_s: 5 });
});

t.test('descriptions of many agents stay within their bound; each is known by name', async (t) => {
  const names = Array.from({ length: 60 }, (_, index) => `agent${index}`);
  const core = await session(t, names);
  for (const name of names) await wanting(core, name, { purpose: 'p'.repeat(4096), description: 'd'.repeat(4096) });
  await set(core, { model: MODEL });
  const agents = routerTask(core.store.view, core.session(S))?.agents ?? [];
  t.same(
    agents.map(({ name }) => name),
    names,
  );
  t.ok(JSON.stringify(agents).length < 56 * 1024);
  t.same([agents[0]?.purpose.length, agents.at(-1)?.purpose.length], [1024, 0]);
});

t.test('what a model answers has its type and name, and a failure of the router its reason', async (t) => {
  const core = await session(t, ['a', 'b']);
  await set(core, { model: MODEL });
  const given = async (more: object) => {
    const messageId = await post(core, 'hi');
    const about = { from: NODE, generation: 1, sessionId: S, messageId, runId: 'r', agent: ROUTER, reason: '', durationMs: 3 };
    await core.applier.apply(recordAnswer({ ...about, outcome: 'reply', content: 'hello', ...more }));
    const { createdBy, content, metadata } = core.store.view.answerTo(messageId) ?? {};
    return { createdBy, content, metadata: { ...metadata, in_reply_to: undefined } };
  };
  const about = { run_id: 'r', duration_ms: 3, in_reply_to: undefined };
  t.same(await given({ model: 'm' }), {
    createdBy: 'raworc',
    content: 'hello',
    metadata: { type: 'model_response', model: 'm', ...about },
  });
  t.same(await given({ outcome: 'error', reason: 'model_timeout' }), {
    ...{ createdBy: 'raworc', content: 'hello' },
    metadata: { type: 'error_response', reason: 'model_timeout', ...about },
  });
  t.same(await given({ agent: 'a' }), { createdBy: 'a', content: 'hello', metadata: { type: 'agent_response', agent: 'a', ...about } });
});

t.test('a message that waits when the space loses its model is refused, or goes to the only agent', async (t) => {
  const core = await session(t, ['a', 'b']);
  await set(core, { model: MODEL });
  const [first, second] = [await post(core, 'one'), await post(core, 'two')];
  const agentOf = (id: typeof first) => core.store.view.get('queue', id)?.agent;
  t.same([agentOf(first), agentOf(second)], [ROUTER, ROUTER]);
  t.equal(await core.applier.apply(refuseInactive(first)), false, 'it has one');
  t.equal(agentOf(first), ROUTER);
  await set(core, {});
  t.equal(await core.applier.apply(refuseInactive(first)), true);
  t.match(core.store.view.answerTo(first)?.metadata, { reason: 'agent_ambiguous' });
  await wanting(core, 'b', { wanted: 'inactive' });
  t.equal(await core.applier.apply(refuseInactive(second)), false);
  t.equal(agentOf(second), 'a');
});

t.test('guests get secrets again when another becomes the key of the model', async (t) => {
  const core = await session(t, []);
  const version = () => core.store.view.get('spaces', SPACE)?.secretsVersion;
  const steps: readonly (readonly [object, number])[] = [
    [{ model: MODEL }, 1],
    [{ model: { ...MODEL, model: 'other' } }, 1],
    [{ model: { ...MODEL, key_secret: 'OTHER' } }, 2],
    [{ model: { ...MODEL, share_key: true } }, 3],
    [{ model: { api: 'openai', model: 'm' } }, 3],
    [{ model: MODEL }, 4],
    [{}, 5],
  ];
  for (const [settings, expected] of steps) {
    await set(core, { ...settings });
    t.equal(version(), expected, JSON.stringify(settings));
  }
  await core.applier.submit(changeSpace(SPACE, { description: 'text' }, false));
  t.equal(version(), 5);
});
