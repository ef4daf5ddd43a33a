import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that Linux takes for outgoing connections, of which one could be there when a process restarts. */
const LOWEST = 10_000;
const BEYOND = 32_768;

/**
 * Returns distinct free TCP ports. A test chooses them once, so that restarted processes keep
 * theirs.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, BEYOND);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EADDRINUSE') resolve(false);
      else reject(new Error(`cannot try port ${port}: ${code}`));
    });
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
