import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import t from 'tap';
import { type Answer, APIS, fails } from '../../../models/model-server.ts';
import { KEY, route } from './router-world.ts';

const text = (response: ServerResponse, type: string, body: string): void =>
  void response.writeHead(200, { 'content-type': type }).end(body);

/** What the server does, the reason and text of the answer, and how often it is asked. */
const LASTING: readonly (readonly [string, Answer, string, RegExp, number])[] = [
  [
    'refuses the key',
    fails(401, `invalid key ${KEY}`),
    'model_unauthorized',
    /some\/model:8b refused the key \(401\): invalid key …\. Check the secret MODEL_KEY\.$/,
    1,
  ],
  ['forbids', fails(403), 'model_unauthorized', /403/, 1],
  ['lacks the model', fails(404, 'model not found'), 'model_not_found', /model some\/model:8b does not have it.*base_url/, 1],
  ['refuses the request', fails(400, 'tools are not supported'), 'model_failed', /400: tools are not supported\./, 1],
  ['redirects', fails(307, '', { location: 'http://127.0.0.1:1/' }), 'model_failed', /redirects.*final/, 1],
  ['is overloaded', fails(429), 'model_rate_limited', /429/, 4],
  ['fails', fails(500, '<b>oops</b>'), 'model_failed', /500: <b>oops<\/b>/, 4],
  ['is overloaded like Anthropic', fails(529), 'model_failed', /529/, 4],
  ['sends HTML', (response) => text(response, 'text/html', '<html>'), 'model_failed', /no reply.*base_url/, 1],
  ['sends other JSON', (response) => text(response, 'application/json', '{"ok":true}'), 'model_failed', /no reply/, 1],
  ['sends an event that is not JSON', (response) => text(response, 'text/event-stream', 'data: {"a\n\n'), 'model_failed', /not JSON/, 4],
  ['sends an empty stream', (response) => text(response, 'text/event-stream', ''), 'model_failed', /before the reply was complete/, 4],
  ['ends the stream early', { text: ['half'], breaks: true }, 'model_unreachable', /connection.*failed/, 4],
  ['fails in the middle', { text: ['half'], error: 'out of memory' }, 'model_failed', /in the middle of a reply: out of memory/, 4],
  [
    'quotes the key in the middle',
    { text: ['half'], error: `bad key\n${KEY}${'x'.repeat(2000)}` },
    'model_failed',
    /^The model server failed in the middle of a reply: bad key …x{490,492}$/,
    4,
  ],
  [
    'sends an endless line',
    (response) => text(response, 'text/event-stream', `data: ${'x'.repeat(2 ** 21)}`),
    'model_failed',
    /more than 16 MiB/,
    1,
  ],
];

for (const api of APIS) {
  for (const [what, answer, reason, content, times] of LASTING) {
    t.test(`${api}: the server ${what}`, async (t) => {
      const { end, asked } = await route(t, { api, answer: () => answer });
      t.match(end, { outcome: 'error', reason, content });
      t.notMatch(JSON.stringify(end), KEY, 'nobody reads the key');
      t.notMatch(JSON.stringify(end), '127.0.0.1', 'nor the address, which is a setting of the space');
      t.equal(asked.length, times);
    });
  }

  t.test(`${api}: a failure that passes is not seen, and pieces of a broken reply stay the only ones`, async (t) => {
    const passing: readonly Answer[] = [fails(503), fails(429, 'slow down', { 'retry-after': '3' }), { text: ['half of '], breaks: true }];
    const { end, asked, deltas, waits } = await route(t, { api, answer: (_, count) => passing[count - 1] ?? { text: ['all'] } });
    t.match(end, { outcome: 'reply', content: 'all' });
    t.equal(asked.length, 4);
    t.same(deltas, ['all'], 'what was held of a broken reply never goes out');
    const half = 'h'.repeat(300);
    const broken = await route(t, { api, answer: (_, count) => (count === 1 ? { text: [half], error: 'it ended' } : { text: ['all'] }) });
    t.same([broken.deltas, broken.end], [[half], { outcome: 'reply', content: 'all', model: 'some/model:8b' }], 'nothing fits to it');
    t.equal(waits[1], 3000, 'as long as the server asked for');
    t.ok((waits[0] ?? 0) <= 500 && (waits[2] ?? 0) > 3000, 'otherwise longer each time');
  });

  t.test(`${api}: a wait beyond the time limit is not begun`, async (t) => {
    const { end, asked } = await route(t, { api, answer: () => fails(429, 'quota used up', { 'retry-after': '3600' }) });
    t.match(end, { reason: 'model_rate_limited', content: /quota used up.*3600 s, which the time limit does not allow/ });
    t.equal(asked.length, 1);
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    t.match((await route(t, { api, answer: () => fails(429, '', { 'retry-after': date }) })).end, { content: /36\d\d s|3[56]\d\d s/ });
  });

  t.test(`${api}: silence, a trickle and an endless stream end with the time limit`, async (t) => {
    const silent: Answer = () => undefined;
    const trickling: Answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write(': ping\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    };
    for (const answer of [silent, trickling]) {
      const { end, asked } = await route(t, { api, task: { timeoutS: 1 }, answer: () => answer });
      t.match(end, { outcome: 'error', reason: 'model_timeout', content: /within 1 s.*timeout_s/ });
      t.equal(asked.length, 1);
    }
  });

  t.test(`${api}: a reply is complete although the server keeps the stream open`, async (t) => {
    const { end } = await route(t, { api, answer: () => ({ text: ['done'], stays: true }) });
    t.match(end, { outcome: 'reply', content: 'done' });
  });

  t.test(`${api}: an interruption ends the call and a wait before a retry`, async (t) => {
    const whenAsked = async (server: { asked: readonly unknown[] }, act: () => void) => {
      while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
      act();
    };
    const silent: Answer = () => undefined;
    const { end } = await route(t, {
      api,
      answer: () => silent,
      meanwhile: (router, server) => void whenAsked(server, () => router.interrupt()),
    });
    t.match(end, { outcome: 'error', reason: 'interrupted' });
  });
}

t.test('a server that is not there, not known, or not trusted', async (t) => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const address = closed.address();
  const port = typeof address === 'object' ? address?.port : 0;
  await new Promise((resolve) => closed.close(resolve));
  const at = (baseUrl: string) => route(t, { api: 'openai', answer: () => ({}), task: { baseUrl } });
  const refused = await at(`http://127.0.0.1:${port}`);
  t.match(refused.end, { reason: 'model_unreachable', content: /ECONNREFUSED/ });
  t.equal(refused.waits.length, 3, 'tried again');
  const unknown = await at('http://nothing.invalid');
  t.match(unknown.end, { reason: 'model_unreachable', content: /ENOTFOUND|EAI_AGAIN/ });
  t.notMatch(JSON.stringify([refused.end, unknown.end]), KEY);
});

t.test('without the secret that the settings name, the server is not asked', async (t) => {
  const { end, asked } = await route(t, { api: 'openai', answer: () => ({ text: ['hi'] }), secrets: { OTHER: 'x' } });
  t.match(end, { reason: 'model_unauthorized', content: /no secret MODEL_KEY.*raworc secret set --space SPACE MODEL_KEY/ });
  t.equal(asked.length, 0);
});

t.test('a key with a line break at its end works, and one that no header can hold is not quoted', async (t) => {
  const piped = await route(t, { api: 'openai', answer: () => ({ text: ['hi'] }), secrets: { MODEL_KEY: `${KEY}\n` } });
  t.match(piped, { end: { outcome: 'reply' }, asked: [{ key: KEY }] });
  for (const value of [`${KEY}\n${KEY}`, `${KEY}ü`, ' ', '']) {
    const { end, asked } = await route(t, { api: 'anthropic', answer: () => ({}), secrets: { MODEL_KEY: value } });
    t.match(end, { reason: 'model_unauthorized', content: /secret MODEL_KEY.*empty or has characters/ });
    t.notMatch(JSON.stringify(end), KEY);
    t.equal(asked.length, 0);
  }
});

t.test('an API that a later version knows', async (t) => {
  const { end } = await route(t, { api: 'openai', answer: () => ({}), task: { api: 'other' } });
  t.match(end, { reason: 'model_failed', content: /does not know the API "other"/ });
});
