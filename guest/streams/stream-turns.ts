import type { ByteStream } from '../../proto/streams/byte-stream.ts';

/** Resolves at the first byte; to false if the stream ends without one. */
export function isStarted(stream: ByteStream): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (answer: boolean) => {
      stream.off('readable', look);
      stream.off('end', over);
      stream.off('close', over);
      resolve(answer);
    };
    const look = () => {
      if (stream.read(1) !== null) done(true);
    };
    const over = () => done(false);
    stream.on('readable', look);
    stream.once('end', over);
    stream.once('close', over);
  });
}
