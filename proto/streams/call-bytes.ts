import { Duplex } from 'node:stream';
import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { RegistryBytes, RegistryBytes__Output } from '../generated/raworc/node/v0/RegistryBytes.ts';

/** Larger writes are split, to stay far below the largest message. */
const MAX_PIECE_BYTES = 256 * 1024;

type ClientCall = ClientDuplexStream<RegistryBytes, RegistryBytes__Output>;
type ServerCall = ServerDuplexStream<RegistryBytes__Output, RegistryBytes>;

/** Returns the dialling end of a call as a stream of bytes. Destroying it cancels the call. */
export const clientBytes = (call: ClientCall): Duplex => bytesOf(call, () => call.cancel());

/** Returns the answering end of a call as a stream of bytes. Destroying it ends the call. */
export function serverBytes(call: ServerCall): Duplex {
  return bytesOf(call, (error) => {
    if (error === null) call.end();
    else if (!call.cancelled) call.emit('error', { code: status.ABORTED, details: error.message });
  });
}

/**
 * Both directions are flow-controlled: a write completes when HTTP/2 has released its bytes, and
 * nothing is read that the reader has no room for.
 */
function bytesOf(call: ClientCall | ServerCall, end: (error: Error | null) => void): Duplex {
  const stream = new Duplex({
    read: () => void call.resume(),
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.byteLength; at += MAX_PIECE_BYTES) {
        const isLast = at + MAX_PIECE_BYTES >= chunk.byteLength;
        call.write({ data: chunk.subarray(at, at + MAX_PIECE_BYTES) }, isLast ? () => done() : undefined);
      }
      if (chunk.byteLength === 0) done();
    },
    final(done) {
      call.end();
      done();
    },
    destroy(error, done) {
      end(error);
      done(error);
    },
  });
  call.on('data', ({ data }: RegistryBytes__Output) => {
    if (!stream.push(data)) call.pause();
  });
  call.on('end', () => stream.push(null));
  // Keep the listener after the end: a cancelled call emits one more error.
  call.on('error', (error: Error) => stream.destroy(error));
  call.on('cancelled', () => stream.destroy(new Error('the connection was lost')));
  // The caller handles errors. Without a listener, Node.js would throw them.
  stream.on('error', () => undefined);
  return stream;
}
