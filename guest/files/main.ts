/**
 * The helper that works on a session's files, as the session's user. It serves the byte streams
 * that the guest passes on over descriptor 3, and ends when the guest closes that.
 */
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { ByteStream } from '../../proto/streams/byte-stream.ts';
import { Channels } from '../../proto/streams/channels.ts';
import { bytesOf } from '../../proto/streams/files-paths.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { MAX_CREDIT_BYTES } from '../../proto/streams/stream-state.ts';
import { streamOpened } from '../../seams/garbage.ts';
import { systemClock } from '../../seams/system.ts';
import { Leftovers } from './leftovers.ts';
import { serveFiles } from './serve.ts';

const [, , sessionDirectory = '/session'] = process.argv;
const roots = { workspace: bytesOf(`${sessionDirectory}/workspace`), closed: bytesOf(`${sessionDirectory}/.raworc`) };
// Before anything else, so that files get the modes that they are given.
process.umask(0o022);
// Another user's processes cannot be told from agents by what they leave here.
process.chdir('/');

const breathe = () => new Promise<void>((resolve) => systemClock.soon(resolve));
const digits = (count: number) => randomBytes(count / 2).toString('hex');
const uid = process.geteuid?.() ?? 0;
const deps = {
  roots,
  isRoot: uid === 0,
  leftovers: new Leftovers({ digits, uid, breathe }),
  soon: (run: () => void) => systemClock.soon(run),
  breathe,
};
new Channels(new Socket({ fd: 3, readable: true, writable: true }), systemClock, {
  opened({ link, credit, parametersJson }) {
    const stream = new ByteStream(link, { credit, window: MAX_CREDIT_BYTES, lost: 'failed' });
    // Sent to the other end in the reset. Without a listener it would be thrown.
    stream.on('error', () => undefined);
    stream.once('close', streamOpened());
    serve(stream, parametersJson).catch((error: unknown) =>
      stream.destroy(error instanceof Error ? error : new StreamError('failed', String(error))),
    );
  },
  closed: () => process.exit(0),
});

async function serve(stream: ByteStream, parametersJson: string): Promise<void> {
  await serveFiles(stream, JSON.parse(parametersJson), deps);
}
