/** Byte streams over one pipe. */
import { duplexPair } from 'node:stream';
import t from 'tap';
import { Channels, type Opened } from '../../../../proto/streams/channels.ts';
import { systemClock } from '../../../../seams/system.ts';

t.test('a channel that is closed while the pipe is full is closed at the other end, too', async (t) => {
  const [here, there] = duplexPair();
  const ours = new Channels(here, systemClock, {});
  const [large, small] = [ours.start('large one', 4 * 1024 * 1024), ours.start('small', 0)];
  if (large === undefined || small === undefined) throw new Error('not opened');
  for (const size of [64 * 1024, 1]) while (large.send({ kind: 'data', bytes: Buffer.alloc(size) }));
  t.equal(small.send({ kind: 'reset', reason: 'cancelled', message: '' }), false, 'nobody reads the pipe yet');
  small.close();
  const closed = Promise.withResolvers<void>();
  const opened = ({ link, parametersJson }: Opened) => {
    if (parametersJson === 'small') link.onClose(() => closed.resolve());
  };
  const theirs = new Channels(there, systemClock, { opened });
  await closed.promise;
  t.equal(theirs.open, 1);
  t.equal(ours.open, 1);
  ours.close();
  theirs.close();
});
