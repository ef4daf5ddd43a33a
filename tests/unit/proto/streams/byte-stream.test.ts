/** One end of a byte stream. */
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { ByteStream } from '../../../../proto/streams/byte-stream.ts';
import { type StreamFrame, type StreamLink, streamFrames } from '../../../../proto/streams/stream-frame.ts';

/** An end whose frames come from the test, as they are decoded from a connection. */
function hearing(window: number) {
  let message: (frame: StreamFrame) => void = () => undefined;
  const ignored = () => undefined;
  const link: StreamLink = {
    send: () => true,
    onMessage(listener) {
      message = listener;
    },
    ...{ onDrain: ignored, onClose: ignored, pause: ignored, resume: ignored, close: ignored },
  };
  const stream = new ByteStream(link, { window, granted: window, lost: 'node_lost' });
  return { stream, hear: (frame: StreamFrame) => message(streamFrames.decode(Buffer.from(streamFrames.encode(frame)))) };
}

t.test('what comes byte by byte and is not read is kept in few pieces', async (t) => {
  const FRAMES = 200_000;
  const { stream, hear } = hearing(FRAMES);
  for (let at = 0; at < FRAMES; at += 1) hear({ kind: 'data', bytes: Buffer.of(at % 251) });
  t.equal(stream.unreadBytes, FRAMES);
  hear({ kind: 'end' });
  let pieces = 0;
  stream.on('data', () => {
    pieces += 1;
  });
  const whole = await buffer(stream);
  t.same(whole, Buffer.from(Array.from({ length: FRAMES }, (_, at) => at % 251)));
  t.ok(pieces < 200, `${pieces} pieces`);
});
