import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { guestFrames, hostFrames } from '../../proto/codec.ts';
import { framedLink } from '../../proto/framed-link.ts';
import { MAX_STREAM_FRAME_BYTES, OPEN_TAG, STREAM_FLUSH_MS, type StreamLink, streamFrames } from '../../proto/streams/stream-frame.ts';

import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { MAX_STREAMS } from '../streams/tunnels.ts';
import { whenTagged } from './first-frame.ts';
import type { GuestLink, GuestListener } from './listener.ts';

/** The kernel silently cuts a longer name, and two sessions could then share a socket. */
const PATH_BYTES = 107;
const NAME = 'guest.sock';
/** Bytes written to one guest and not read yet. The relay keeps the rest, within a common bound. */
const GUEST_QUEUE_BYTES = 1024 * 1024;
/**
 * Most connections of a guest: its control connection, older ones that are ending, and byte
 * streams.
 */
const CONNECTIONS_AT_ONCE = 8 + MAX_STREAMS.ofSession;

export interface SocketOptions {
  /**
   * A directory on the host that only this node agent uses. Must be short, see {@link PATH_BYTES}.
   */
  readonly runDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * One listening Unix socket per session, `{runDirectory}/{session id without dashes}/guest.sock`.
 * The directory belongs to root (0700) and is mounted as a whole, so that the container sees the
 * new socket after a restart of the node agent.
 */
export class Sockets implements GuestListener {
  readonly #options: SocketOptions;
  readonly #open = new Map<string, Promise<Server>>();
  readonly #listening = new Set<string>();
  #guest: (sessionId: string, link: GuestLink) => void = (_, link) => link.close();
  #stream: (sessionId: string, link: StreamLink) => void = (_, link) => link.close();

  /** Throws if the run directory is too long for a socket's name. */
  constructor(options: SocketOptions) {
    this.#options = options;
    const longest = join(options.runDirectory, '0'.repeat(32), NAME);
    if (Buffer.byteLength(longest) > PATH_BYTES)
      throw new Error(`the run directory ${options.runDirectory} is too long: sockets in it would have more than ${PATH_BYTES} bytes`);
  }

  onStream(listener: (sessionId: string, link: StreamLink) => void): void {
    this.#stream = listener;
  }

  onGuest(listener: (sessionId: string, link: GuestLink) => void): void {
    this.#guest = listener;
  }

  isOpen(sessionId: string): boolean {
    return this.#listening.has(sessionId);
  }

  async open(sessionId: string): Promise<string> {
    let opening = this.#open.get(sessionId);
    if (opening === undefined) {
      opening = this.#listen(sessionId);
      this.#open.set(sessionId, opening);
      opening.catch(() => this.#open.delete(sessionId));
    }
    await opening;
    return this.#directory(sessionId);
  }

  async close(sessionId: string): Promise<void> {
    await this.#stop(sessionId);
    await rm(this.#directory(sessionId), { recursive: true, force: true });
  }

  async left(): Promise<readonly string[]> {
    const names = await readdir(this.#options.runDirectory).catch(() => []);
    return names.filter((name) => /^[0-9a-f]{32}$/.test(name)).map(dashed);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((sessionId) => this.#stop(sessionId)));
  }

  async #listen(sessionId: string): Promise<Server> {
    const directory = this.#directory(sessionId);
    const path = join(directory, NAME);
    await mkdir(this.#options.runDirectory, { recursive: true, mode: 0o700 });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    // A killed node agent left it. Nobody else listens in this node's directory.
    await rm(path, { force: true });
    const { clock } = this.#options;
    const server = createServer((socket) => {
      whenTagged(socket, clock, (tag) => {
        if (tag === OPEN_TAG) {
          const bounds = { maxFrameBytes: MAX_STREAM_FRAME_BYTES, flushMs: STREAM_FLUSH_MS };
          this.#stream(sessionId, framedLink(socket, { encode: streamFrames, decode: streamFrames, clock, ...bounds }));
        } else
          this.#guest(sessionId, framedLink(socket, { encode: hostFrames, decode: guestFrames, clock, queueBytes: GUEST_QUEUE_BYTES }));
      });
    });
    server.maxConnections = CONNECTIONS_AT_ONCE;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    server.on('error', (error) => this.#options.log.warn('socket.fault', { session: sessionId, error: error.message }));
    await chmod(path, 0o600);
    this.#listening.add(sessionId);
    return server;
  }

  async #stop(sessionId: string): Promise<void> {
    const opening = this.#open.get(sessionId);
    this.#open.delete(sessionId);
    this.#listening.delete(sessionId);
    const server = await opening?.catch(() => undefined);
    server?.close();
  }

  #directory(sessionId: string): string {
    return join(this.#options.runDirectory, sessionId.replaceAll('-', ''));
  }
}

function dashed(name: string): string {
  return [name.slice(0, 8), name.slice(8, 12), name.slice(12, 16), name.slice(16, 20), name.slice(20)].join('-');
}
