import { once } from 'node:events';
import type { Client, ServiceError } from '@grpc/grpc-js';
import type { PutSourceResponse__Output as PutSourceResponse } from '../../proto/generated/raworc/node/v0/PutSourceResponse.ts';
import { putSourceMethod } from '../../proto/node-service.ts';
import type { SourceHeader } from './dialer.ts';

const CHUNK_BYTES = 256 * 1024;

/** Sends a source, no faster than the controller takes it. Rejects with the error of `data` or the call. */
export async function putSource(
  client: Client,
  header: SourceHeader,
  data: AsyncIterable<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<PutSourceResponse> {
  signal.throwIfAborted();
  const { path, requestSerialize, responseDeserialize } = putSourceMethod;
  const { promise, resolve, reject } = Promise.withResolvers<PutSourceResponse>();
  const answered = new AbortController();
  const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error: ServiceError | null, response) => {
    if (error !== null) reject(error);
    else if (response !== undefined) resolve(response);
    answered.abort();
  });
  promise.catch(() => undefined);
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel);
  try {
    call.write(header);
    for await (const piece of data ?? []) {
      for (let at = 0; at < piece.byteLength; at += CHUNK_BYTES) {
        // A refusal can come before the end.
        if (answered.signal.aborted) return await promise;
        const more = call.write({ data: Buffer.from(piece.subarray(at, at + CHUNK_BYTES)) });
        if (!more) await once(call, 'drain', { signal: answered.signal }).catch(() => undefined);
      }
    }
    call.end();
    return await promise;
  } finally {
    signal.removeEventListener('abort', cancel);
    if (!answered.signal.aborted) call.cancel();
  }
}
