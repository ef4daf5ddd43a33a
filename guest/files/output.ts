import { once } from 'node:events';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { encodeHead, type FilesHead } from '../../proto/streams/files-stream.ts';

/** Writes to a stream, and resolves once it takes more, or is closed. */
export async function written(stream: ByteStream, bytes: Buffer | string): Promise<void> {
  if (stream.destroyed || stream.writableEnded || bytes.length === 0 || stream.write(bytes)) return;
  await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => undefined);
}

const begun = new WeakSet<ByteStream>();

/** Whether a stream has its head, so that a fault can no longer be one. */
export const hasBegun = (stream: ByteStream): boolean => begun.has(stream);

/** Begins the answer with its head. */
export function begin(stream: ByteStream, head: FilesHead): Promise<void> {
  begun.add(stream);
  return written(stream, encodeHead(head));
}

/** Answers with a head alone. Whatever the caller still sends is dropped. */
export function answer(stream: ByteStream, head: FilesHead): void {
  stream.resume();
  if (!stream.destroyed && !stream.writableEnded) stream.end(encodeHead(head));
}
