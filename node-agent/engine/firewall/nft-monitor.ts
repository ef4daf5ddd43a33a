import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Follows changes of packet filters by others. `isAlive`: whether it would tell of one. */
export type WatchRules = (table: string, changed: () => void) => { readonly isAlive: boolean; close(): void };

/**
 * Calls `changed` for whatever happens to a table of the family `inet`, as the kernel tells it. Where there is no such program it never does: whoever
 * needs to know looks for themselves from time to time.
 */
export const watchNft =
  (program = 'nft', ...args: readonly string[]): WatchRules =>
  (table, changed) => {
    const child = spawn(program, [...args, 'monitor'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    });
    child.on('error', () => undefined);
    child.unref();
    let isAlive = child.pid !== undefined;
    child.on('exit', () => {
      isAlive = false;
    });
    const word = new RegExp(`\\binet ${table}\\b`);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (word.test(line)) changed();
    });
    return {
      get isAlive() {
        return isAlive;
      },
      close: () => void child.kill('SIGKILL'),
    };
  };
