import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * Returns a stream over the socket that delivers a bounded number of bytes. Calls `exceeded` once
 * at the first byte too many and reads nothing more. TLS and HTTP/2 directly on a socket would take
 * megabytes from a peer in one turn of the event loop.
 */
export function strangerSocket(socket: Socket, most: number, exceeded: () => void): Duplex {
  let bytes = 0;
  const bounded = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk, (error) => done(error));
    },
    final(done) {
      socket.end(() => done());
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  bounded.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > most) {
      socket.pause();
      exceeded();
    } else if (!bounded.push(chunk)) socket.pause();
  });
  socket.once('end', () => bounded.push(null));
  socket.once('close', () => bounded.destroy());
  return bounded;
}
