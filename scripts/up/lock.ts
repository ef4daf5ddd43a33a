import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { Trouble } from '../program.ts';

/**
 * Keeps two runs from working in one data directory, and returns how to release it. The lock is a
 * socket that has a name but no file, so the kernel releases it when its process ends.
 */
export function lockDirectory(dataDir: string): Promise<() => void> {
  const name = `\0raworc-${createHash('sha256').update(dataDir).digest('hex').slice(0, 32)}`;
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on('error', () => {
      const remedy = 'use that one, stop it with Ctrl-C, or set RAWORC_DATA_DIR to another directory (and other ports)';
      reject(new Trouble(`Raworc already runs in ${dataDir}`, remedy));
    });
    server.listen(name, () => resolve(() => server.close()));
    server.unref();
  });
}
