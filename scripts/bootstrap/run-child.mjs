import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Runs a program in the project's root, passes signals on to it, and resolves to its exit code once
 * it has ended.
 */
export function runChild(program, args, options) {
  const child = spawn(program, args, { cwd: root, ...options });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const passOn = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code, signal) => {
      for (const one of signals) process.off(one, passOn);
      resolve(code ?? 128 + (constants.signals[signal] ?? 1));
    });
  });
}
