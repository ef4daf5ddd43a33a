import { type FSWatcher, watch } from 'node:fs';
import { createConnection } from 'node:net';
import { basename, dirname } from 'node:path';
import { framedLink } from '../../proto/framed-link.ts';
import { guestFrames, hostFrames } from '../../proto/lean-codec.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Door } from '../door.ts';

/** A longer name is silently cut by the kernel's interface: it could then be another session's. */
const MAX_PATH_BYTES = 107;

/** The way to the node agent through the session's Unix socket. */
export function socketDoor(path: string, clock: Clock): Door {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new Error(`the socket's path is longer than ${MAX_PATH_BYTES} bytes: ${path}`);
  return {
    connect: () =>
      new Promise((resolve, reject) => {
        const socket = createConnection(path);
        socket.once('error', reject);
        socket.once('connect', () => {
          const link = framedLink(socket, { encode: guestFrames, decode: hostFrames, clock });
          socket.off('error', reject);
          resolve(link);
        });
      }),
    opened: (signal) =>
      new Promise((resolve) => {
        let watcher: FSWatcher | undefined;
        const done = () => {
          signal.removeEventListener('abort', done);
          watcher?.close();
          resolve();
        };
        signal.addEventListener('abort', done);
        if (signal.aborted) return done();
        try {
          watcher = watch(dirname(path), (_event, name) => {
            if (name === basename(path)) done();
          });
          watcher.on('error', () => undefined);
        } catch {
          // No such directory yet: the caller's own retries are left.
        }
      }),
  };
}
