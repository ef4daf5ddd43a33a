import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KeptLines } from '../../../guest/logs/kept-lines.ts';
import { logStream } from '../../../guest/streams/logs.ts';
import { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { LogDecoder, type Logged, type LogRequest } from '../../../proto/streams/log-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { StreamFrame } from '../../../proto/streams/stream-frame.ts';
import { systemClock } from '../../../seams/system.ts';
import { linkPair } from '../../hollow/link-pair.ts';

const REQUEST: LogRequest = {
  ...{ agents: ['a'], stream: 'all', limit: 1000, sinceMs: 0, untilMs: Number.POSITIVE_INFINITY, run: undefined, follow: true },
};
const line = (text: string, atMs = 1) => ({ agent: 'a', runId: 'r', stream: 'STDOUT' as const, line: text, atMs });

function store(t: Test): KeptLines {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-log-stream-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return new KeptLines(directory, 's', systemClock);
}

/** The reader's end of a stream of logs. */
function reader(lines: KeptLines, request: Partial<LogRequest> = {}, window = 1024 * 1024): ByteStream {
  const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
  const guest = new ByteStream(far, { credit: window, lost: 'node_lost' });
  guest.on('error', () => undefined);
  Promise.resolve(logStream(lines)(guest, { ...REQUEST, ...request })).catch((error: Error) => guest.destroy(error));
  return new ByteStream(near, { window, granted: window, lost: 'guest_lost' });
}

/** Reads until one is the last. */
async function until(stream: ByteStream, last: (line: Logged) => boolean): Promise<Logged[]> {
  const decoder = new LogDecoder();
  const heard: Logged[] = [];
  for (;;) {
    const bytes: Buffer | null = stream.read();
    if (bytes !== null) heard.push(...decoder.decode(bytes));
    if (heard.some(last)) return heard;
    if (bytes === null) await new Promise((resolve) => stream.once('readable', resolve));
  }
}

const texts = (lines: readonly Logged[]) => lines.map((one) => (one === 'live' ? one : one.line));

t.test('a follower gets each line once, and loses none between stored and new ones', async (t) => {
  const lines = store(t);
  let number = 0;
  const print = (count: number) => {
    for (let at = 0; at < count; at += 1) lines.keep(line(`${number++} ${'x'.repeat(500)}`));
  };
  for (let round = 0; round < 8; round += 1) {
    // Some of it before, some while the files are read, and so much that one becomes the older one.
    print(600);
    const stream = reader(lines, { limit: 100 });
    for (let turn = 0; turn < 20; turn += 1) {
      print(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    print(1);
    const last = `${number - 1} `;
    const heard = texts(await until(stream, (one) => one !== 'live' && one.line.startsWith(last))).filter((text) => text !== 'live');
    const numbers = heard.map((text) => Number(text.split(' ')[0]));
    t.same(
      numbers,
      Array.from({ length: numbers.length }, (_, at) => (numbers[0] ?? 0) + at),
      `${numbers.length} lines without a gap`,
    );
    stream.destroy();
  }
});

t.test('a read ends after the requested number of newest lines', async (t) => {
  const lines = store(t);
  for (const [at, text] of ['one', 'two', 'three'].entries()) lines.keep(line(text, at + 1));
  lines.keep({ ...line('wrong', 4), stream: 'STDERR' });
  const read = async (request: Partial<LogRequest>) => {
    const stream = reader(lines, { follow: false, ...request });
    stream.end();
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    return texts(new LogDecoder().decode(Buffer.concat(pieces)));
  };
  t.same(await read({}), ['one', 'two', 'three', 'wrong']);
  t.same(await read({ limit: 2 }), ['three', 'wrong']);
  t.same(await read({ stream: 'stdout', limit: 2 }), ['two', 'three']);
  t.same(await read({ sinceMs: 3 }), ['three', 'wrong']);
  t.same(await read({ limit: 0 }), []);
});

t.test('the lines of several agents come by time, those of one run alone, and up to a time', async (t) => {
  const lines = store(t);
  for (const [at, agent] of ['a', 'b', 'a', 'c', 'b'].entries())
    lines.keep({ ...line(`${agent}${at}`, at + 1), agent, runId: `of ${agent}` });
  const read = async (request: Partial<LogRequest>) => {
    const stream = reader(lines, { follow: false, ...request });
    stream.end();
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    return new LogDecoder().decode(Buffer.concat(pieces));
  };
  t.match(await read({ agents: ['a', 'b'] }), [
    { agent: 'a', line: 'a0' },
    { agent: 'b', line: 'b1' },
    { agent: 'a', line: 'a2' },
    { agent: 'b', line: 'b4' },
  ]);
  t.same(texts(await read({ agents: ['a', 'b'], limit: 2 })), ['a2', 'b4']);
  t.same(texts(await read({ agents: ['a', 'b', 'c'], run: 'of c' })), ['c3']);
  t.same(texts(await read({ agents: ['a', 'b', 'c'], sinceMs: 2, untilMs: 4 })), ['b1', 'a2', 'c3']);

  const stream = reader(lines, { agents: ['a', 'c'] });
  await until(stream, (one) => one === 'live');
  lines.keep({ ...line('not asked for'), agent: 'b' });
  lines.keep({ ...line('new'), agent: 'c' });
  t.match(await until(stream, (one) => one !== 'live'), [{ agent: 'c', line: 'new' }]);
  stream.destroy();
});

t.test('a follower that was away learns how many lines it missed beyond its limit', async (t) => {
  const lines = store(t);
  for (let at = 1; at <= 50; at += 1) lines.keep(line(`${at}`, at));
  const stream = reader(lines, { sinceMs: 11, limit: 10 });
  const heard = await until(stream, (one) => one === 'live');
  t.match(heard[0], { line: '41', dropped: 30 });
  t.match(heard[1], { line: '42', dropped: 0 });
  stream.destroy();
  const first = await until(reader(lines, { limit: 10 }), (one) => one === 'live');
  t.match(first[0], { line: '41', dropped: 0 }, 'who comes for the first time missed nothing');
});

t.test('a slow follower loses lines beyond a bound, and learns how many', async (t) => {
  const lines = store(t);
  const stream = reader(lines, {}, 64 * 1024);
  t.same(texts(await until(stream, (one) => one === 'live')), ['live']);
  for (let at = 0; at < 3000; at += 1) {
    lines.keep(line(`${at} ${'x'.repeat(1000)}`));
    if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  let number = 3000;
  const later = setInterval(() => lines.keep(line(`${number++} later`)), 1);
  const isLater = (one: Logged) => one !== 'live' && one.line.endsWith('later');
  const heard = await until(stream, isLater);
  clearInterval(later);
  const at = heard.findIndex(isLater);
  const first = heard[at];
  const printed = at;
  const dropped = heard.slice(0, at + 1).reduce((sum, one) => sum + (one === 'live' ? 0 : one.dropped), 0);
  t.ok(printed < 800, `${printed} came`);
  t.equal(printed + dropped, Number(texts(first === undefined ? [] : [first])[0]?.split(' ')[0]), 'all before it are accounted for');
  stream.destroy();
});

t.test('an invalid request for logs fails the stream', async (t) => {
  for (const agent of ['', '../../etc', 'a/b', 'a\n']) {
    const stream = reader(store(t), { agents: [agent] });
    const [error] = await new Promise<unknown[]>((resolve) => stream.once('error', (fault) => resolve([fault])));
    t.ok(error instanceof StreamError && error.reason === 'failed', JSON.stringify(agent));
  }
});
