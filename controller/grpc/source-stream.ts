import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { SourceChunk } from '../../proto/generated/raworc/node/v0/SourceChunk.ts';

const CHUNK_BYTES = 256 * 1024;

/**
 * Sends all of `source` and ends the call, reading no faster than the peer. Closes `source` on
 * every path: the loop does it on exit, and a disconnecting peer while the loop waits. Rejects when
 * `source` fails.
 */
export async function sendSource(call: ServerWritableStream<unknown, SourceChunk>, source: Readable): Promise<void> {
  const gone = new AbortController();
  call.once('cancelled', () => {
    gone.abort();
    source.destroy();
  });
  try {
    for await (const piece of source) {
      const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
      for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
        const more = call.write({ data: bytes.subarray(at, at + CHUNK_BYTES) });
        if (!more && !call.destroyed) await once(call, 'drain', { signal: gone.signal });
      }
    }
    call.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
