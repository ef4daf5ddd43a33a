/**
 * Talks to a model, with the session's history. The key is a secret of the space, which is in the environment of its
 * agents and nowhere else. Set MODEL_URL as a secret too, to use another server that speaks the same API.
 */
const { MODEL_KEY, MODEL = 'claude-sonnet-4-5', MODEL_URL = 'https://api.anthropic.com' } = process.env;

export async function* processMessage(message, { history }) {
  if (!MODEL_KEY) throw new Error('The space has no secret MODEL_KEY. Set one: raworc secret set MODEL_KEY');
  const response = await fetch(`${MODEL_URL}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': MODEL_KEY, 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ model: MODEL, max_tokens: 1024, stream: true, messages: conversation(history, message) }),
  });
  if (!response.ok) throw new Error(`The model answered ${response.status}: ${await response.text()}`);
  for await (const { type, delta } of eventsIn(response.body)) {
    if (type === 'content_block_delta' && delta.type === 'text_delta') yield delta.text;
  }
}

/** The API wants turns that alternate, and begin with the user's. */
function conversation(history, message) {
  const turns = [];
  for (const { role, content } of [...history, { role: 'user', content: message }]) {
    if (role === 'system') continue;
    const as = role === 'agent' ? 'assistant' : 'user';
    const last = turns.at(-1);
    if (last?.role === as) last.content += `\n\n${content}`;
    else if (last !== undefined || as === 'user') turns.push({ role: as, content });
  }
  return turns;
}

/** The server-sent events of a response. */
async function* eventsIn(body) {
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6));
  }
}
