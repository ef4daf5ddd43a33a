import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import t from 'tap';
import { gatherFor } from '../../../../controller/services/files/gather-pieces.ts';
import { systemClock } from '../../../../seams/system.ts';

/** A stream that keeps what it is given at once. */
function kept() {
  const writes: string[] = [];
  const stream = new Writable({
    highWaterMark: 1024,
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk.toString());
      done();
    },
    writev: (chunks, done) => {
      writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)).toString());
      done();
    },
  });
  return { stream, writes };
}

function copied(body: Readable, stream: Writable): Promise<void> {
  body.on('data', gatherFor(stream, systemClock));
  body.pipe(stream);
  return finished(stream);
}

t.test('the pieces of one turn are written together, and its end does not wait', async (t) => {
  const { stream, writes } = kept();
  const body = new PassThrough();
  const over = copied(body, stream);
  for (const piece of ['a', 'b', 'c']) body.write(piece);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  t.same(writes, ['abc']);
  for (const piece of ['d', 'e']) body.write(piece);
  body.end('f');
  await over;
  t.same(writes, ['abc', 'def']);
});

t.test('a body that is larger than what the stream keeps arrives whole, and a destroyed stream takes no more', async (t) => {
  const { stream, writes } = kept();
  const pieces = Array.from({ length: 100 }, (_, n) => String(n % 10).repeat(100));
  await copied(
    Readable.from(
      pieces.map((piece) => Buffer.from(piece)),
      { objectMode: false },
    ),
    stream,
  );
  t.equal(writes.join(''), pieces.join(''));
  const cut = kept();
  const body = new PassThrough();
  const over = copied(body, cut.stream);
  const passed = once(body, 'data');
  body.write('a');
  await passed;
  cut.stream.destroy();
  await over.catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(cut.writes, []);
});
