import { spawnSync } from 'node:child_process';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { streamOpened } from '../seams/garbage.ts';

// Halves the start time. The cache is in the user's own directory, because others could plant code
// in the default one below /tmp.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'raworc', 'compiled'));
const { runCli } = await import('./program.ts');
// With V8's own bounds, half of what reading an output or a file takes is full collections.
streamOpened();

const leaving = new AbortController();
let interrupt: (() => boolean) | undefined;
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leaving.abort());
process.on('SIGINT', () => {
  if (interrupt?.() !== true) leaving.abort();
});
// A reader such as `head -1` can close the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  leaving.abort();
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  passOutput: () => void spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'], timeout: 1000 }),
  signal: leaving.signal,
  onInterrupt: (handler) => {
    interrupt = handler;
  },
});
