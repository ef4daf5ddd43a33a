import t from 'tap';
import { promptOf } from '../../../../guest/router/prompt.ts';
import { APIS } from '../../../models/model-server.ts';
import { agent, KEY, route } from './router-world.ts';

for (const api of APIS) {
  for (const whole of [false, true]) {
    t.test(`${api}: a model chooses an agent or answers itself, ${whole ? 'at once' : 'as a stream'}`, async (t) => {
      const chosen = await route(t, { api, message: 'write a sort', answer: () => ({ agent: 'coder', whole }) });
      t.same(chosen.end, { outcome: 'handoff', agent: 'coder', content: 'write a sort' });
      t.same(chosen.deltas, []);
      const [asked] = chosen.asked;
      t.match(asked, { key: KEY, model: 'some/model:8b', agents: ['writer', 'coder'], turns: [{ role: 'user', content: 'write a sort' }] });
      t.match(asked?.system, /"name":"coder","purpose":"Writes programs","capabilities":\["python"\]/);
      const answered = await route(t, { api, answer: () => ({ text: ['Hel', 'lo ü😀'], whole }) });
      t.same(answered.end, { outcome: 'reply', content: 'Hello ü😀', model: 'some/model:8b' });
      t.same(answered.deltas.join(''), 'Hello ü😀');
    });
  }

  t.test(`${api}: without agents the model gets no tool, and without a secret no key`, async (t) => {
    const { end, asked } = await route(t, { api, answer: () => ({ text: ['hi'] }), task: { agents: [], keySecret: '' }, secrets: {} });
    t.match(end, { outcome: 'reply', content: 'hi' });
    const pieces = await route(t, { api, answer: () => ({ text: ['a', 'b'] }), task: { agents: [] } });
    t.same(pieces.deltas, ['a', 'b'], 'as they come');
    t.same(asked[0]?.key, undefined);
    t.notOk(Object.hasOwn(asked[0]?.body ?? {}, 'tools'));
  });

  t.test(`${api}: text before a choice is not the answer`, async (t) => {
    const { end, deltas } = await route(t, { api, answer: () => ({ text: ['I pass this on.'], agent: 'writer' }) });
    t.match(end, { outcome: 'handoff', agent: 'writer' });
    t.same(deltas, []);
    const long = await route(t, { api, answer: () => ({ text: ['x'.repeat(150), 'y'.repeat(150), 'z'] }) });
    t.same(long.deltas, ['x'.repeat(150) + 'y'.repeat(150), 'z'], 'held while it can be a remark');
  });

  t.test(`${api}: an agent that does not exist is asked about once more`, async (t) => {
    const corrected = await route(t, { api, answer: (_, count) => ({ agent: count === 1 ? 'painter' : 'writer' }) });
    t.match(corrected.end, { outcome: 'handoff', agent: 'writer' });
    t.match(corrected.asked[1]?.turns.at(-1), { role: 'user', content: /no agent "painter".*writer, coder/ });
    const wrong = [
      { agent: 'painter' },
      { call: { name: 'hand_over', input: '{"agent": 7}' } },
      { call: { name: 'hand_over', input: '{}' } },
      { call: { name: 'coder', input: '{"agent":"coder"}' } },
    ];
    for (const said of wrong) {
      const { end, asked } = await route(t, { api, answer: () => said });
      t.match(end, { outcome: 'error', reason: 'model_failed', content: /twice.*@name/ }, JSON.stringify(said));
      t.equal(asked.length, 2);
    }
  });

  t.test(`${api}: what a model declines, leaves empty or cannot finish`, async (t) => {
    const refused = await route(t, { api, answer: () => ({ end: 'refused' }) });
    t.match(refused.end, { outcome: 'error', reason: 'model_refused', content: /some\/model:8b declined/ });
    const empty = await route(t, { api, answer: () => ({ text: ['  '] }) });
    t.match(empty.end, { outcome: 'error', reason: 'model_failed', content: /empty answer/ });
    const nothing = await route(t, { api, answer: () => ({ end: 'cut' }) });
    t.match(nothing.end, { outcome: 'error', reason: 'model_failed', content: /max_tokens/ });
    const cut = await route(t, { api, answer: () => ({ text: ['once upon'], end: 'cut' }) });
    t.match(cut.end, { outcome: 'reply', content: /^once upon\n\n\[The answer ends here/ });
    const large = await route(t, { api, answer: () => ({ text: Array.from({ length: 17 }, () => 'x'.repeat(64 * 1024)) }) });
    t.match(large.end, { outcome: 'error', reason: 'reply_too_large' });
  });
}

t.test('openai: a refusal is its text, and calls with one index but several ids are several', async (t) => {
  const refused = await route(t, { api: 'openai', answer: () => ({ refusal: 'I cannot help with that.' }) });
  t.match(refused.end, { outcome: 'error', reason: 'model_refused', content: 'I cannot help with that.' });
  const call = (id: string, agent: string) => ({ index: 0, id, function: { name: 'hand_over', arguments: JSON.stringify({ agent }) } });
  const { end } = await route(t, {
    api: 'openai',
    answer: () => (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const delta = { tool_calls: [call('a', 'coder'), call('b', 'writer')] };
      response.end(`data: ${JSON.stringify({ choices: [{ delta, finish_reason: 'tool_calls' }] })}\n\n`);
    },
  });
  t.match(end, { outcome: 'handoff', agent: 'coder' });
});

t.test('the limit of tokens is sent as each API names it', async (t) => {
  const limits = async (api: 'anthropic' | 'openai', maxTokens: number) => {
    const { asked } = await route(t, { api, task: { maxTokens }, answer: () => ({ text: ['hi'] }) });
    return asked[0]?.body.max_tokens;
  };
  t.same(
    [await limits('anthropic', 0), await limits('anthropic', 7), await limits('openai', 0), await limits('openai', 7)],
    [4096, 7, undefined, 7],
  );
});

t.test('a prompt alternates between user and assistant, begins with a user, and has no empty turn', (t) => {
  const history = [
    { role: 'agent', content: 'an answer to something forgotten' },
    { role: 'user', content: 'first' },
    { role: 'system', content: 'the container restarted' },
    { role: 'agent', content: '' },
    { role: 'user', content: 'again' },
  ];
  const { turns } = promptOf({ agents: [agent('a')] }, 'x'.repeat(70_000), JSON.stringify({ history }));
  t.same(turns.slice(0, 2), [
    { role: 'user', content: 'first\n\n[Note] the container restarted' },
    { role: 'assistant', content: '(empty message)' },
  ]);
  t.equal(turns.length, 3);
  t.match(turns[2], { role: 'user', content: /^again\n\nx{65536}\n\[4464 more characters are left out\]$/ });
  t.same(promptOf({ agents: [] }, 'hi', 'not JSON').turns, [{ role: 'user', content: 'hi' }]);
  t.end();
});
