import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the start. In a folder of one's own: in the usual one, below /tmp, another user could leave code. Where it cannot be written, it is done without.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'raworc', 'compiled'));
const { runCli } = await import('./program.ts');

const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leaving.abort());
// Whoever reads may have seen enough (`raworc session list | head -1`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  leaving.abort();
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: leaving.signal,
});
