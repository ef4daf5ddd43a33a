/** Ten readers at once, apart from the client that is measured. Forked by streams.ts. */
import process from 'node:process';
import { z } from 'zod';
import { runWhenIdle } from '../../tests/idle-process.ts';
import { ofExec, ofStream, type PacedReader } from './paced-reader.ts';

const source = z.union([
  z.object({ stream: z.object({ port: z.number(), path: z.string() }) }),
  z.object({ exec: z.object({ container: z.string() }) }),
]);
export type Source = z.infer<typeof source>;

const order = z.union([source.and(z.object({ pace: z.number(), count: z.number() })), z.object({ close: z.literal(true) })]);

runWhenIdle();
process.on('disconnect', () => process.exit());

let readers: readonly PacedReader[] = [];
process.on('message', (message) => {
  const asked = order.parse(message);
  if ('close' in asked) {
    process.send?.({ bytes: readers.reduce((sum, reader) => sum + reader.close(), 0) });
    readers = [];
    return;
  }
  const { pace, count } = asked;
  const open = () => ('stream' in asked ? ofStream(asked.stream.port, asked.stream.path, pace) : ofExec(asked.exec.container, pace));
  readers = Array.from({ length: count }, open);
  void Promise.all(readers.map((reader) => reader.running)).then(() => process.send?.({ running: count }));
});
