import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { type Dialled, decodeDialled } from '../../../proto/streams/port-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

/** Resolves with the stream once it is a connection to the program, or with why there is none. */
export async function dialled(stream: ByteStream, port: number): Promise<Outcome<ByteStream>> {
  // The user of the stream handles its failure. Before and after that use, nothing else does.
  stream.on('error', () => undefined);
  try {
    const how = decodeDialled(await firstByte(stream));
    if (how === 'connected') return accepted(stream);
    stream.destroy();
    return notDialled(how, port);
  } catch (error) {
    stream.destroy();
    if (error instanceof StreamError) return notOpened(error.message);
    throw error;
  }
}

const REASONS: Readonly<Record<Exclude<Dialled, 'connected'>, (port: number) => string>> = {
  refused: (port) => `Nothing in the session listens on port ${port} of its loopback. Start the program, then retry.`,
  timeout: (port) => `The program on port ${port} of the session accepts no connections.`,
  failed: (port) => `Port ${port} of the session cannot be connected to.`,
};

const notDialled = (how: Exclude<Dialled, 'connected'>, port: number): Outcome<never> =>
  refused('UNAVAILABLE', REASONS[how](port), { reason: `port_${how}`, port });
const notOpened = (why: string): Outcome<never> => refused('UNAVAILABLE', `${why} Retry in a moment.`);

function firstByte(stream: ByteStream): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const done = () => {
      stream.off('readable', look);
      stream.off('end', over);
      stream.off('close', over);
      stream.off('error', failed);
    };
    const look = () => {
      const byte: Buffer | null = stream.read(1);
      if (byte === null) return;
      done();
      resolve(byte[0]);
    };
    const over = () => {
      done();
      reject(new StreamError('guest_lost'));
    };
    const failed = (error: Error) => {
      done();
      reject(error);
    };
    stream.on('readable', look);
    stream.once('end', over);
    stream.once('close', over);
    stream.once('error', failed);
  });
}
