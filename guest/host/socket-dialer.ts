import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { framedLink } from '../../proto/framed-link.ts';
import { guestFrames, hostFrames } from '../../proto/lean-codec.ts';
import { MAX_STREAM_FRAME_BYTES, STREAM_FLUSH_MS, streamFrames } from '../../proto/streams/stream-frame.ts';
import type { Clock } from '../../seams/clock.ts';
import type { HostDialer } from './dialer.ts';

/** The kernel silently cuts off a longer name, which could then be another session's. */
const MAX_PATH_BYTES = 107;

/**
 * How often to look for the socket of an absent node agent. inotify would not do: all guests are
 * the host's root user, which has 128 instances in total.
 */
const LOOK_MS = 200;

/** Connects to the node agent through the session's Unix socket. */
export function socketDialer(path: string, clock: Clock): HostDialer {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new Error(`the socket's path is longer than ${MAX_PATH_BYTES} bytes: ${path}`);
  const dial = <T>(linkOf: (socket: Socket) => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        const link = linkOf(socket);
        socket.off('error', reject);
        resolve(link);
      });
    });
  return {
    connect: () => dial((socket) => framedLink(socket, { encode: guestFrames, decode: hostFrames, clock })),
    stream: () =>
      dial((socket) =>
        framedLink(socket, {
          encode: streamFrames,
          decode: streamFrames,
          clock,
          maxFrameBytes: MAX_STREAM_FRAME_BYTES,
          flushMs: STREAM_FLUSH_MS,
        }),
      ),
    opened: (signal) =>
      new Promise((resolve) => {
        const look = (now: Stats, before: Stats) => {
          if (now.ino !== 0 && (now.ino !== before.ino || now.ctimeMs !== before.ctimeMs)) done();
        };
        const done = () => {
          signal.removeEventListener('abort', done);
          unwatchFile(path, look);
          resolve();
        };
        signal.addEventListener('abort', done);
        if (signal.aborted) return done();
        watchFile(path, { interval: LOOK_MS }, look);
      }),
  };
}
