/**
 * `npm run bench -- NAME` runs bench/NAME.ts as a separate process, after it got what the benchmark
 * needs. Without a name it lists all.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildGuest } from '../scripts/build-guest.ts';
import { dataDirectory } from '../scripts/places.ts';
import { runProgram, Trouble } from '../scripts/program.ts';
import { prepareMachine } from '../scripts/test/machine.ts';

/** These start no container; all others need root, for Docker. */
const withoutDocker: ReadonlySet<string> = new Set(['api', 'link', 'pulls']);

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length));

runProgram(async ([name, ...rest]) => {
  if (name === undefined || !names.includes(name)) {
    console.error(`Usage: npm run bench -- ${names.join(' | ')}`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  if (withoutDocker.has(name)) {
    // Measure the current source, not an older build.
    await buildGuest();
    return run(name, rest, {}, stop.signal);
  }
  if (process.getuid?.() !== 0) throw new Trouble(`the benchmark ${name} works with Docker and apt`, 'run it as root');
  const { engine, env } = await prepareMachine(await dataDirectory(), {}, stop.signal);
  try {
    return await run(name, rest, env, stop.signal);
  } finally {
    await engine.release();
  }
});

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
