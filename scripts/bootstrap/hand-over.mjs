import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Runs `program` on the project's Node.js with our terminal, passes signals on, and answers its exit code.
 * The IPC channel carries nothing: the program sees by its end that we were killed, and cleans up.
 */
export function handOver(node, program, rest) {
  const child = spawn(node, [join(root, program), ...rest], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      // So that what is told at the end counts from the very start.
      RAWORC_STARTED_AT_MS: String(Math.round(performance.timeOrigin)),
      PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
      // What was compiled once is not compiled at each start: a third of the controller's start.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'raworc'),
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 1)));
  });
}
