import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PLANTING, plantIn, UNPLANTED } from './environment.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const hunt = fileURLToPath(new URL('./hunt.ts', import.meta.url));
const Hunted = z.object({ seed: z.number(), violation: z.string() }).nullable();
const UNIT_LIMIT_MS = 120_000;

/** Returns the first seed that finds the fault, and its violation; null if none does. */
export async function foundBySeed(name: string, seeds: readonly number[]): Promise<z.output<typeof Hunted>> {
  const { code, output } = await run(name, [hunt, ...seeds.map(String)]);
  const last = output.trim().split('\n').at(-1) ?? '';
  if (code !== 0 || !/^(\{|null$)/.test(last)) throw new Error(`the hunt for ${name} ended with ${code}: ${output.slice(-2_000)}`);
  return Hunted.parse(JSON.parse(last));
}

/** Returns the first test in the file that fails with the fault; null if all pass. */
export async function foundByTest(name: string, file: string): Promise<string | null> {
  const { code, output } = await run(name, [file]);
  return code === 0 ? null : (/not ok \d+ - (.*)/.exec(output)?.[1] ?? null);
}

function run(name: string, words: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...PLANTING, ...words], { cwd: root, env: plantIn(name), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const isUnit = words.length === 1;
    const limit = isUnit ? setTimeout(() => child.kill('SIGKILL'), UNIT_LIMIT_MS) : undefined;
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      if (code === UNPLANTED) reject(new Error(output.trim()));
      else resolve({ code, output });
    });
  });
}
