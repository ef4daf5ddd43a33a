import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A TCP relay that passes all bytes on after a delay, in both directions. */
export class Detour {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Number of connections so far. */
  connections = 0;

  private constructor(host: string, port: number, delayMs: number) {
    this.#server = createServer((near) => {
      this.connections += 1;
      const far = connect(port, host);
      near.pipe(later(delayMs)).pipe(far);
      far.pipe(later(delayMs)).pipe(near);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => undefined); // It closes next.
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  /** Listens on all addresses of this machine. */
  static async open(host: string, port: number, delayMs: number): Promise<Detour> {
    const detour = new Detour(host, port, delayMs);
    detour.#server.listen(0);
    await once(detour.#server, 'listening');
    return detour;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay does not listen');
    return address.port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Several chunks are under way at once, so the delay costs no bandwidth. */
function later(delayMs: number): Transform {
  let under = Promise.resolve();
  return new Transform({
    transform(chunk, _encoding, done) {
      const at = new Promise<void>((arrive) => setTimeout(arrive, delayMs));
      under = Promise.all([under, at]).then(() => void this.push(chunk));
      done();
    },
    flush(done) {
      under.then(() => done());
    },
  });
}
