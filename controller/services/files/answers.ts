import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { malformed } from '../../../proto/streams/files-paths.ts';
import { type FileFaultCode, type FilesHead, headIn, MAX_LINE_BYTES } from '../../../proto/streams/files-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

export type GoodHead = Extract<FilesHead, { ok: true }>;

const CODES: Readonly<Record<FileFaultCode, RefusalCode>> = {
  not_found: 'NOT_FOUND',
  conflict: 'CONFLICT',
  denied: 'CONFLICT',
  too_large: 'PAYLOAD_TOO_LARGE',
  no_space: 'INSUFFICIENT_STORAGE',
  invalid: 'BAD_REQUEST',
  changed: 'PRECONDITION_FAILED',
  range: 'RANGE_NOT_SATISFIABLE',
  busy: 'UNAVAILABLE',
};

/** Resolves with the head of an answer. What follows it stays in the stream. */
export async function headOf(stream: ByteStream): Promise<Outcome<GoodHead>> {
  let head: FilesHead;
  try {
    head = await read(stream);
  } catch (error) {
    stream.destroy();
    if (error instanceof StreamError) return refused('UNAVAILABLE', `${error.message} Whether files were changed is not known.`);
    throw error;
  }
  if (head.ok) return accepted(head);
  stream.destroy();
  const { code, message, size } = head;
  const retry = code === 'busy' ? { retry_after_s: 5 } : {};
  return refused(CODES[code], message, { reason: code, ...(size === undefined ? {} : { size }), ...retry });
}

function read(stream: ByteStream): Promise<FilesHead> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const settle = (outcome: FilesHead | Error) => {
      stream.off('readable', look).off('end', over).off('error', settle).off('close', over);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const over = () => settle(stream.errored instanceof Error ? stream.errored : malformed());
    const look = () => {
      for (let bytes = stream.read() as Buffer | null; bytes !== null; bytes = stream.read() as Buffer | null) {
        held = held.byteLength === 0 ? bytes : Buffer.concat([held, bytes]);
        try {
          const found = headIn(held);
          if (found === undefined) continue;
          settle(found.head);
          if (held.byteLength > found.length) stream.unshift(held.subarray(found.length));
          return;
        } catch (error) {
          return settle(error instanceof Error ? error : malformed());
        }
      }
    };
    stream.on('readable', look).once('end', over).once('error', settle).once('close', over);
    if (stream.destroyed) over();
  });
}

/** Yields what `decode` makes of each line. Throws a {@link StreamError} for what is none. */
export async function* linesOf<Line>(stream: ByteStream, decode: (text: string) => Line): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of stream) {
    let at = 0;
    const all = rest.byteLength === 0 ? (bytes as Buffer) : Buffer.concat([rest, bytes as Buffer]);
    for (let end = all.indexOf(10, at); end !== -1; end = all.indexOf(10, at)) {
      yield decode(all.subarray(at, end).toString());
      at = end + 1;
    }
    rest = all.subarray(at);
    if (rest.byteLength > MAX_LINE_BYTES) throw malformed();
  }
  if (rest.byteLength > 0) throw malformed();
}

/** Yields exactly the bytes that a head announced. Throws if fewer came. */
export async function* contentOf(stream: ByteStream, length: number | null): AsyncGenerator<Buffer> {
  let left = length ?? Number.POSITIVE_INFINITY;
  if (left > 0) {
    for await (const bytes of stream) {
      const piece = (bytes as Buffer).byteLength > left ? (bytes as Buffer).subarray(0, left) : (bytes as Buffer);
      left -= piece.byteLength;
      if (piece.byteLength > 0) yield piece;
      if (left === 0) return;
    }
  } else stream.destroy();
  if (length !== null && left > 0) throw new StreamError('failed', 'The file became shorter while it was read. Read it again.');
}
