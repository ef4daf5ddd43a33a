import t from 'tap';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import { ConnectError } from '../../../../controller/e2b/connect/codes.ts';
import { decodeOnly, encodeEnd, encodeMessage, MAX_MESSAGE_BYTES, parseJson } from '../../../../controller/e2b/connect/envelope.ts';
import { bytes, flag, integer, message, text, textMap, texts } from '../../../../controller/e2b/connect/fields.ts';
import { messagesIn } from '../../../../controller/e2b/connect/messages.ts';

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof ConnectError ? error.code : String(error);
  }
};

t.test('a message is one frame, and the last frame says how the stream ended', async (t) => {
  const frame = encodeMessage({ a: 'ä' });
  t.same([frame[0], frame.readUInt32BE(1), decodeOnly(frame)], [0, 10, { a: 'ä' }]);
  const end = encodeEnd({ error: { code: 'not_found', message: 'gone' } });
  t.same([end[0], JSON.parse(end.subarray(5).toString())], [2, { error: { code: 'not_found', message: 'gone' } }]);
  t.equal(encodeEnd({}).subarray(5).toString(), '{}');
});

t.test('anything else than one message is invalid', async (t) => {
  const frame = encodeMessage({ a: 1 });
  for (const wrong of [
    Buffer.alloc(0),
    frame.subarray(0, -1),
    Buffer.concat([frame, frame]),
    Buffer.concat([Buffer.of(1), frame.subarray(1)]),
    encodeMessage([1]),
    encodeMessage('x'),
    Buffer.from([0, 0, 0, 0, 1, 0xff]),
  ])
    t.equal(
      codeOf(() => decodeOnly(wrong)),
      'invalid_argument',
      wrong.toString('hex'),
    );
  t.same(parseJson(Buffer.alloc(0)), {});
});

/** What a stream in these chunks has, or the code of its error; and the most bytes that were held at once. */
async function streamed(
  chunks: readonly Buffer[],
  most = Number.POSITIVE_INFINITY,
): Promise<{ seen: unknown[]; peak: number; open: number }> {
  let [total, peak, open] = [0, 0, 0];
  const hold = () => {
    let own = 0;
    open += 1;
    return {
      grow(count: number) {
        if (total + count > most) return refused('RATE_LIMITED', 'too much');
        own += count;
        total += count;
        peak = Math.max(peak, total);
        return accepted(undefined);
      },
      release() {
        total -= own;
        open -= 1;
      },
    };
  };
  const seen: unknown[] = [];
  const source = async function* () {
    yield* chunks;
  };
  try {
    for await (const one of messagesIn(source(), hold, () => new ConnectError('resource_exhausted', ''))) seen.push(one);
  } catch (error) {
    seen.push(error instanceof ConnectError ? error.code : error);
  }
  return { seen, peak, open };
}

t.test('the messages of a stream are read however they are cut, one at a time in memory', async (t) => {
  const all = [{ a: 1 }, {}, { b: 'x'.repeat(50) }];
  const bytes = Buffer.concat(all.map(encodeMessage));
  for (const size of [1, 3, 5, 7, 64, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
    const { seen, peak, open } = await streamed(chunks);
    t.same(seen, all, `in chunks of ${size}`);
    t.ok(peak <= encodeMessage(all[2]).length + size, `${peak} bytes at once`);
    t.equal(open, 0, 'nothing stays held');
  }
  t.same((await streamed([])).seen, []);
});

t.test('a stream that is cut, compressed, too long or beyond a budget ends with its reason', async (t) => {
  const frame = encodeMessage({ a: 1 });
  t.same((await streamed([frame, frame.subarray(0, -1)])).seen, [{ a: 1 }, 'invalid_argument']);
  t.same((await streamed([frame, Buffer.from([1, 0, 0, 0, 2, 123, 125])])).seen, [{ a: 1 }, 'invalid_argument']);
  const long = Buffer.alloc(5);
  long.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
  t.same((await streamed([long])).seen, ['resource_exhausted'], 'before its content comes');
  t.match(await streamed([frame, frame], 10), { seen: ['resource_exhausted'], open: 0 });
});

t.test('fields are read by both names, and absent ones are zero', async (t) => {
  const sent = message({ watcher_id: 'w', includeEntry: true, pid: '12', args: ['a'], envs: { A: 'b' }, stdin: 'aGk=', cwd: null });
  t.equal(text(sent, 'watcherId'), 'w');
  t.equal(flag(sent, 'includeEntry'), true);
  t.equal(integer(sent, 'pid'), 12);
  t.same([texts(sent, 'args'), texts(sent, 'none')], [['a'], []]);
  t.same([textMap(sent, 'envs'), textMap(sent, 'none')], [{ A: 'b' }, {}]);
  t.equal(String(bytes(sent, 'stdin')), 'hi');
  t.same([text(sent, 'cwd'), integer(sent, 'none'), flag(sent, 'none'), bytes(sent, 'none')], ['', 0, undefined, undefined]);
  for (const act of [
    () => text(message({ a: 1 }), 'a'),
    () => text(message({ a: 'x\0' }), 'a'),
    () => texts(message({ a: [1] }), 'a'),
    () => textMap(message({ a: { b: 1 } }), 'a'),
    () => integer(message({ a: -1 }), 'a'),
    () => integer(message({ a: 1.5 }), 'a'),
    () => flag(message({ a: 'true' }), 'a'),
    () => bytes(message({ a: 1 }), 'a'),
  ])
    t.equal(codeOf(act), 'invalid_argument');
});
