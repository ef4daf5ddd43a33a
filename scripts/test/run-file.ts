import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { launch } from '../machine/launch.ts';
import { placeIn, projectRoot } from '../places.ts';
import { judge, type TapResult } from './tap-result.ts';

export interface FileResult extends TapResult {
  readonly file: string;
  readonly tookMs: number;
  /** The last 4 MiB of what the file printed. */
  readonly output: string;
}

export interface RunFileOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal;
  readonly limitMs?: number;
  /** Lowers the priority of the file and of all that it starts. */
  readonly niceness?: number;
}

const keptBytes = 4 * 1024 ** 2;

/**
 * Runs one test file. It is killed with everything it started when its time is up, 5 minutes
 * without `limitMs`.
 */
export async function runFile(file: string, { dataDir, env, stop, limitMs = 300_000, niceness = 0 }: RunFileOptions): Promise<FileResult> {
  const result = await runNode(file, [file], { env, stop, limitMs, niceness });
  writeFileSync(join(placeIn(dataDir, 'logs', 'tests'), `${file.replaceAll('/', '_')}.tap`), result.output);
  return { ...result, ...judge(result.output, { ...result, limitMs }) };
}

const checks: Readonly<Record<string, readonly string[]>> = {
  // By path in their packages, because the client generator installs another compiler with the same
  // program name.
  'types (tsc)': ['node_modules/typescript/bin/tsc', '-p', '.'],
  'lint and format (biome)': ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '--diagnostic-level=error'],
};

export const staticNames: readonly string[] = Object.keys(checks);

/** Checks types and lint, each counted as one test. */
export async function runStatics(add: (result: FileResult) => void, stop?: AbortSignal): Promise<void> {
  for (const [name, args] of Object.entries(checks)) {
    const result = await runNode(name, args, { env: { NO_COLOR: '1' }, stop, limitMs: 600_000, niceness: 0 });
    const failures = result.code === 0 ? [] : [`ended with ${result.code}`];
    add({ ...result, passed: 1 - failures.length, failed: failures.length, skipped: 0, failures });
  }
}

interface NodeOptions {
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly stop: AbortSignal | undefined;
  readonly limitMs: number;
  readonly niceness: number;
}

async function runNode(file: string, args: readonly string[], { env, stop, limitMs, niceness }: NodeOptions) {
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(limitMs);
  let output = '';
  const child = launch(process.execPath, args, {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    onText: (text) => {
      output = (output + text).slice(-keptBytes);
    },
    stop: AbortSignal.any([limit, ...(stop ? [stop] : [])]),
  });
  if (child.pid !== undefined && niceness > 0) setPriority(child.pid, niceness);
  process.once('exit', child.kill);
  const code = await child.ended;
  process.off('exit', child.kill);
  return { file, code, output, timedOut: limit.aborted, tookMs: performance.now() - startedAt };
}
