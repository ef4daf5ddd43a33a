/**
 * `npm run bench -- NAME` runs bench/NAME.ts as a separate process, after it got what the benchmark
 * needs. Without a name it lists all. With `--json`, its figures replace those in results.json, of
 * which scripts/generate-benchmarks.ts makes docs/benchmarks.md.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { buildGuest } from '../scripts/build-guest.ts';
import { dataDirectory } from '../scripts/places.ts';
import { runProgram, Trouble } from '../scripts/program.ts';
import { prepareMachine } from '../scripts/test/machine.ts';
import { keepOutcome } from './figures/results.ts';

/** These start no container; all others need root, for Docker. */
const withoutDocker: ReadonlySet<string> = new Set(['api', 'link', 'placement', 'pulls']);

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length));

runProgram(async ([name, ...asked]) => {
  if (name === undefined || !names.includes(name)) {
    console.error(`Usage: npm run bench -- ${names.join(' | ')}`);
    return 2;
  }
  const rest = asked.filter((argument) => argument !== '--json');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  if (withoutDocker.has(name)) {
    // Measure the current source, not an older build.
    await buildGuest();
    return kept(name, asked, (env) => run(name, rest, env, stop.signal));
  }
  if (process.getuid?.() !== 0) throw new Trouble(`the benchmark ${name} works with Docker and apt`, 'run it as root');
  const { engine, env } = await prepareMachine(await dataDirectory(), {}, stop.signal);
  try {
    return await kept(name, asked, (more) => run(name, rest, { ...env, ...more }, stop.signal));
  } finally {
    await engine.release();
  }
});

/** Runs a benchmark and, if asked to, keeps its outcome. */
async function kept(
  name: string,
  asked: readonly string[],
  measure: (env: Readonly<Record<string, string>>) => Promise<number>,
): Promise<number> {
  if (!asked.includes('--json')) return measure({});
  const directory = await mkdtemp(join(tmpdir(), 'raworc-bench-'));
  const file = join(directory, 'outcome.json');
  try {
    const code = await measure({ RAWORC_BENCH_OUTCOME: file });
    if (existsSync(file)) keepOutcome(name, file);
    else console.error(`${name} ended early, or only prints its figures`);
    return code;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(name: string, rest: readonly string[], env: Readonly<Record<string, string>>, stop: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return resolve(1);
    const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...rest], {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    stop.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}
