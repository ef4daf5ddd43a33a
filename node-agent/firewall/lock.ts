import { createServer, type Server } from 'node:net';
import { type Clock, pause } from '../../seams/clock.ts';

const LOOK_AGAIN_MS = 20;
/** Whoever holds it longer than this is no node agent of ours, or hangs. */
const WAIT_MS = 10_000;

/**
 * Runs `work` while no other node agent of this machine runs its own. The lock is an abstract socket: it belongs to the network
 * namespace, as packet filters do, and goes with its process. One that does not come free in ten seconds is gone without: rules that
 * are there twice are better than none.
 */
export async function alone<T>(name: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const untilMs = clock.monotonic() + WAIT_MS;
  let lock: Server | undefined;
  while (lock === undefined && clock.monotonic() < untilMs) {
    lock = await listen(`\0${name}`);
    if (lock === undefined) await pause(clock, LOOK_AGAIN_MS);
  }
  try {
    return await work();
  } finally {
    lock?.close();
  }
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(path, () => resolve(server));
  });
}
