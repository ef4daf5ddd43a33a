import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Peers } from '../../../guest/runs/worker-host.ts';
import { reply, run } from '../guest/stage.ts';
import { AGENTS, directoryOf, manifestOf, ROOT, start } from './source.ts';

const context = (more: object = {}) =>
  JSON.stringify({ ...{ session_id: '7d9f1f6e', created_by: 'ada', history: [], worker_life: 1 }, ...more });

t.test('every example builds from its files, has a README, and is named where people look', async (t) => {
  const pages = ['examples/README.md', 'docs/write-an-agent.md'].map((page) => [page, readFileSync(join(ROOT, page), 'utf8')] as const);
  t.ok(AGENTS.length >= 14, `${AGENTS.length} agents`);
  for (const agent of AGENTS) {
    t.ok(manifestOf(directoryOf(agent)).handler, `${agent} has a handler`);
    const [example = agent] = agent.split('/');
    const readme = readFileSync(join(directoryOf(example), 'README.md'), 'utf8');
    t.match(readme, `raworc agent deploy`, `${example}/README.md says how to deploy it`);
    t.match(readme, `examples/${example}`, `${example}/README.md names its directory`);
    for (const [page, text] of pages) t.ok(text.includes(example), `${page} names ${example}`);
  }
});

t.test('hello: both greet and count', async (t) => {
  for (const example of ['hello-python', 'hello-node']) {
    const { worker } = start(t, directoryOf(example));
    t.match((await run(worker, 'hi', context())).end, { outcome: 'reply', content: /You said: hi\n.* message 1 / });
    t.match((await run(worker, 'ho', context())).end, { outcome: 'reply', content: / message 2 / });
  }
});

/** Stands in for PyYAML, so that the test needs no index: JSON is YAML. */
const YAML = 'import json\nYAMLError = ValueError\nsafe_load = json.loads\n';

t.test('packages: each uses the one that its build installs', async (t) => {
  t.match(readFileSync(join(directoryOf('python-packages'), 'requirements.txt'), 'utf8'), /^PyYAML/);
  const python = start(t, directoryOf('python-packages'), { also: { 'yaml.py': YAML } });
  t.same((await run(python.worker, '{"a": [1]}')).end, reply('{\n  "a": [\n    1\n  ]\n}'));
  t.match((await run(python.worker, '{')).end, { outcome: 'reply', content: /^That is not YAML/ });

  const { dependencies } = JSON.parse(readFileSync(join(directoryOf('node-packages'), 'package.json'), 'utf8'));
  const lock = JSON.parse(readFileSync(join(directoryOf('node-packages'), 'package-lock.json'), 'utf8'));
  t.same(lock.packages[''].dependencies, dependencies, 'the lock file fits');
  const node = start(t, directoryOf('node-packages'), {
    also: {
      'node_modules/js-yaml/package.json': '{"name":"js-yaml","main":"index.js"}',
      'node_modules/js-yaml/index.js': "exports.dump = (value) => Object.entries(value).map((pair) => pair.join(': ') + '\\n').join('');",
    },
  });
  t.same((await run(node.worker, '{"a":1,"b":2}')).end, reply('a: 1\nb: 2\n'));
  t.match((await run(node.worker, '{')).end, { outcome: 'reply', content: /^That is not JSON/ });
});

t.test('typescript: counts the words of the session', async (t) => {
  const { worker } = start(t, directoryOf('typescript'));
  const history = [
    { role: 'user', content: 'To be,' },
    { role: 'agent', content: 'to to to' },
  ];
  t.same((await run(worker, 'or not to be', context({ history }))).end, reply('be 2\nto 2\nnot 1'));
  t.same((await run(worker, '!', context())).end, reply('Say a word.'));
});

t.test('streaming: the pieces come one by one', async (t) => {
  const { worker } = start(t, directoryOf('streaming'));
  const { end, deltas } = await run(worker, '3');
  t.same(end, reply('3… 2… 1… lift-off!'));
  t.same(deltas, ['3… ', '2… ', '1… ', 'lift-off!']);
});

t.test('ask-model: streams what the model says, with the key and the conversation; says what fails', async (t) => {
  const { url, requests } = await model(t);
  const environment = { MODEL_URL: url, MODEL_KEY: 'key-1' };
  const { worker } = start(t, directoryOf('ask-model'), { environment });
  const history = [
    { role: 'agent', content: 'left out' },
    { role: 'user', content: 'one' },
    { role: 'user', content: 'two' },
    { role: 'agent', content: 'three' },
    { role: 'system', content: 'left out' },
  ];
  const { end, deltas } = await run(worker, 'four', context({ history }));
  t.same(end, reply('Hello, you'));
  t.same(deltas, ['Hello, ', 'you']);
  t.match(requests[0], { key: 'key-1', body: { stream: true, max_tokens: 1024 } });
  t.same(requests[0]?.body.messages, [
    { role: 'user', content: 'one\n\ntwo' },
    { role: 'assistant', content: 'three' },
    { role: 'user', content: 'four' },
  ]);
  t.match((await run(worker, 'fail', context())).end, { outcome: 'error', content: /The model answered 429: slow down/ });
  const keyless = start(t, directoryOf('ask-model'));
  t.match((await run(keyless.worker, 'x', context())).end, { outcome: 'error', content: /no secret MODEL_KEY/ });
});

interface Requested {
  readonly key: unknown;
  readonly body: { readonly messages: readonly { readonly content: string }[] };
}

/** A server that streams two pieces of text, cut where it hurts. */
async function model(t: Test): Promise<{ readonly url: string; readonly requests: readonly Requested[] }> {
  const requests: Requested[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = JSON.parse(Buffer.concat(pieces).toString('utf8'));
    requests.push({ key: request.headers['x-api-key'], body });
    if (body.messages.at(-1).content === 'fail') return void response.writeHead(429).end('slow down');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (data: object) => `event: x\ndata: ${JSON.stringify(data)}\n\n`;
    const text = ['Hello, ', 'you'].map((one) => event({ type: 'content_block_delta', delta: { type: 'text_delta', text: one } })).join('');
    response.write(event({ type: 'message_start' }) + text.slice(0, 40));
    setImmediate(() => response.end(text.slice(40) + event({ type: 'message_stop' })));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

t.test('team: the planner asks both at the same time and gathers; one that fails is said', async (t) => {
  const { worker } = start(t, directoryOf('team/planner'));
  const { worker: researcher } = start(t, directoryOf('team/researcher'));
  const { worker: critic } = start(t, directoryOf('team/critic'));
  let asked = 0;
  const both = Promise.withResolvers<void>();
  const peers: Peers = {
    async ask(agent, content) {
      asked += 1;
      if (asked === 2) both.resolve();
      await both.promise;
      const hop = { id: 'h', kind: 'ask', from: 'planner' };
      const { end } = await run(agent === 'researcher' ? researcher : critic, content, context({ hop }));
      if (end.outcome === 'handoff') throw new Error('nobody hands over');
      return end;
    },
  };
  t.match((await run(worker, 'Tea', context(), { peers })).end, {
    outcome: 'reply',
    content: /^# Tea\n\nFor it:\n- Tea was tried before, and worked\.\n- [^\n]+: planner\.\n\nAgainst it:\n- Tea costs time/,
  });
  const alone: Peers = { ask: async () => ({ outcome: 'error', reason: 'agent_unknown', content: 'nobody' }) };
  t.match((await run(worker, 'Tea', context(), { peers: alone })).end, { content: /researcher has no answer: agent_unknown/ });
});

t.test('help-desk: each says what a model needs to choose it', async (t) => {
  const desk = AGENTS.filter((agent) => agent.startsWith('help-desk/'));
  t.equal(desk.length, 3);
  for (const agent of desk) {
    const { purpose, capabilities } = manifestOf(directoryOf(agent));
    t.ok(purpose !== null && capabilities.length > 0, agent);
    t.match((await run(start(t, directoryOf(agent)).worker, 'hi')).end, { outcome: 'reply', content: /\w/ });
  }
});

t.test('background: the task goes on between messages, and its count outlives the worker', async (t) => {
  const { worker, directory } = start(t, directoryOf('background'), { environment: { BACKGROUND_SECONDS: '0.01' } });
  t.same((await run(worker, 'start', context())).end, reply('Started after 0 beats. Ask me again later.'));
  const state = join(directory, 'session', 'state', 'background.json');
  const beats = () => (existsSync(state) ? Number(JSON.parse(readFileSync(state, 'utf8')).beats) : 0);
  while (beats() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match((await run(worker, 'and?', context())).end, { content: /^\d+ beats so far, in life 1/ });
});

t.test('rust: one program without dependencies, which a session gets as an executable file', async (t) => {
  t.match(manifestOf(directoryOf('rust')), { runtime: 'native', handler: 'reverse' });
});
