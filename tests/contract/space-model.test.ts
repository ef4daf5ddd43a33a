/** The model of a space: which settings are valid, and what happens without one. */
import t from 'tap';
import { space } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

t.test('a model is checked as a whole and shown as it was sent', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const put = (model: unknown) => rest.call('PUT', `/spaces/${name}`, { settings: { model } });
  const least = { api: 'openai', model: 'llama3.1:8b' };
  const whole = { ...least, base_url: 'http://10.0.0.5:11434/v1', key_secret: 'KEY', share_key: false, max_tokens: 100, timeout_s: 300 };
  for (const model of [least, whole, { ...least, api: 'anthropic', base_url: 'https://models.example.com' }])
    t.match(await put(model), { status: 200, body: { settings: { model } } });
  const table: readonly (readonly [change: object, path: string, problem: RegExp])[] = [
    [{ api: 'other' }, 'api', /one of anthropic, openai/],
    [{ api: undefined }, 'api', /one of anthropic, openai/],
    [{ model: undefined }, 'model', /is missing/],
    [{ model: '' }, 'model', /1 to 255/],
    [{ model: 'a b' }, 'model', /without spaces/],
    [{ model: 'x'.repeat(256) }, 'model', /1 to 255/],
    ...[
      'ftp://a',
      'a.example.com',
      'https://',
      'https://user@a',
      'https://u:p@a',
      'https://a/?key=1',
      'https://a/#x',
      'http://a b',
      'file:///etc/passwd',
    ].map((base_url) => [{ base_url }, 'base_url', /http or https URL without credentials/] as const),
    [{ base_url: `https://a/${'x'.repeat(2048)}` }, 'base_url', /at most 2048/],
    [{ key_secret: 'not a name' }, 'key_secret', /name of a secret/],
    [{ key_secret: 'LD_PRELOAD' }, 'key_secret', /name of a secret/],
    [{ share_key: 'yes' }, 'share_key', /boolean/],
    [{ max_tokens: 0 }, 'max_tokens', /at least 1/],
    [{ timeout_s: 0 }, 'timeout_s', /at least 1/],
    [{ timeout_s: 301 }, 'timeout_s', /at most 300/],
    [{ timeout_s: 1.5 }, 'timeout_s', /int/],
  ];
  for (const [change, path, problem] of table) {
    const answer = await put({ ...least, ...change });
    t.match(answer, { status: 422, body: { error: { details: [{ path: `settings.model.${path}`, problem }] } } }, JSON.stringify(change));
  }
  t.match(await put(null), { status: 200, body: { settings: {} } }, 'null removes it');
});

t.test('without agent and model, the answer says what to set up', async (t) => {
  const { rest } = target;
  const name = await space(t, target);
  const { body: session } = await rest.call('POST', '/sessions?wait=30s', { space: name });
  const { id } = session as { id: string };
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  const answer = await rest.call('POST', `/sessions/${id}/messages?wait=30s`, { content: 'hello' });
  t.match(answer, {
    status: 201,
    body: { reply: { metadata: { type: 'error_response', reason: 'no_agent' }, content: /agent deploy.*space model/ } },
  });
});

t.test('a model answers where no agent does, and its answer says which', async (t) => {
  if (!target.hollow) return t.pass('a real session would call the model');
  const { rest } = target;
  const name = await space(t, target);
  await rest.call('PUT', `/spaces/${name}`, { settings: { model: { api: 'openai', model: 'gpt-x' } } });
  const { body: session } = await rest.call('POST', '/sessions?wait=30s', { space: name });
  const { id } = session as { id: string };
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  const answer = await rest.call('POST', `/sessions/${id}/messages?wait=30s`, { content: 'hello' });
  const metadata = { type: 'model_response', model: 'gpt-x', run_id: String, duration_ms: Number, in_reply_to: String };
  t.match(answer, { status: 201, body: { reply: { role: 'agent', created_by: 'raworc', metadata } } });
});
