import t from 'tap';
import { ConnectError } from '../../../../controller/e2b/connect/codes.ts';
import { decodeOnly, encodeEnd, encodeMessage, parseJson } from '../../../../controller/e2b/connect/envelope.ts';
import { bytes, flag, integer, message, text, textMap, texts } from '../../../../controller/e2b/connect/fields.ts';

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
