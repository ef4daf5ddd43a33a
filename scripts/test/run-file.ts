import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { killGroup } from '../machine/run.ts';
import { placeIn, projectRoot } from '../places.ts';
import { judge, type TapResult } from './tap-result.ts';

export const fileLimitMs = 300_000;
/** In the long form of the size tests. */
export const longFileLimitMs = 1_800_000;
const keptBytes = 4 * 1024 ** 2;

export interface FileResult extends TapResult {
  readonly file: string;
  readonly tookMs: number;
  /** What the file printed, the last 4 MiB. */
  readonly output: string;
}

export interface RunFileOptions {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal;
  /** Without it, 5 minutes. */
  readonly limitMs?: number;
}

/** Runs one test file in a process group of its own, which ends whole with it, or when its time is up. */
export function runFile(file: string, options: RunFileOptions): Promise<FileResult> {
  const startedAt = performance.now();
  const limitMs = options.limitMs ?? fileLimitMs;
  const child = spawn(process.execPath, [join(projectRoot, file)], {
    cwd: projectRoot,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  let output = '';
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-keptBytes);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    killGroup(child, 'SIGKILL');
  }, limitMs);
  const stop = () => killGroup(child, 'SIGKILL');
  options.stop?.addEventListener('abort', stop);
  process.once('exit', stop);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // Not 'close': a child that outlives the test would hold the pipe open.
    child.on('exit', (code) => {
      clearTimeout(limit);
      stop();
      process.off('exit', stop);
      options.stop?.removeEventListener('abort', stop);
      setImmediate(() => {
        const result = judge(output, { code, timedOut, limitMs });
        const logFile = join(placeIn(options.dataDir, 'logs', 'tests'), `${file.replaceAll('/', '_')}.tap`);
        writeFileSync(logFile, output);
        resolve({ file, tookMs: performance.now() - startedAt, output, ...result });
      });
    });
  });
}
