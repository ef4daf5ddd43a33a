import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type { PutSourceRequest__Output } from '../../proto/generated/raworc/node/v0/PutSourceRequest.ts';
import type { PutSourceResponse } from '../../proto/generated/raworc/node/v0/PutSourceResponse.ts';
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

export interface PutHeader {
  readonly buildId: string;
  readonly agent: string;
  readonly commit: string;
}

/** Returns what the controller knows of a source now, or why it does not take it. */
export type TakeSource = (header: PutHeader, body: Readable | undefined) => Promise<PutSourceResponse>;

/** Reads a source that a node sends, no faster than it is taken. Rejects when the call ends early. */
export async function receiveSource(
  call: ServerReadableStream<PutSourceRequest__Output, PutSourceResponse>,
  take: TakeSource,
): Promise<PutSourceResponse> {
  const messages = call[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done === true) throw new Error('the call has no header');
  const { buildId, agent, commit, data }: PutSourceRequest__Output = first.value;
  const second = data.byteLength > 0 ? first : await messages.next();
  if (second.done === true) return take({ buildId, agent, commit }, undefined);
  const body = Readable.from(
    (async function* () {
      yield second.value.data;
      for (let next = await messages.next(); next.done !== true; next = await messages.next()) yield next.value.data;
    })(),
    { objectMode: false },
  );
  return take({ buildId, agent, commit }, body).finally(() => body.destroy());
}
