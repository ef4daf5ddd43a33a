import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Watches changes to packet filters by other programs. `isAlive`: whether it can report them. */
export type WatchRules = (table: string, changed: () => void) => { readonly isAlive: boolean; close(): void };

/**
 * Calls `changed` when the kernel reports a change to an `inet` table. Without the nft program it
 * never does, and callers have to look from time to time.
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
