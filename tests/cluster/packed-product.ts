/** The package as an operator gets it: packed, and installed into an empty prefix without a compiler. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

export const PROJECT = resolve(import.meta.dirname, '../..');
export const PROGRAMS = ['raworc', 'raworc-controller', 'raworc-node-agent'];
export const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')));

export const run = promisify(execFile);

function find(program: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  const found = path.find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${program} is not in PATH`);
  return found;
}

/** Makes a PATH of this Node.js, npm and a shell, so without a compiler. */
export function bareTools(tools: string, node: string = process.execPath, npm: string = realpathSync(find('npm'))): string {
  mkdirSync(tools, { recursive: true });
  symlinkSync(node, join(tools, 'node'));
  writeFileSync(join(tools, 'npm'), `#!/bin/sh\nexec node '${npm}' "$@"\n`, { mode: 0o755 });
  for (const name of ['sh', 'env', 'tar']) symlinkSync(find(name), join(tools, name));
  return tools;
}

/** Returns the file that `npm pack` writes into a directory. */
export async function pack(directory: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', directory], { cwd: PROJECT, env: process.env });
  return join(directory, `raworc-${version}.tgz`);
}

/** Installs the tarball as `npm i -g` does. Returns the folder of its programs and its own. */
export async function installInto(prefix: string, tarball: string, tools: string) {
  const env = { PATH: tools, HOME: process.env.HOME };
  // A download that stalls is tried again within this test's time: npm alone waits for five minutes.
  const flags = ['--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', '--fetch-timeout=20000', '--fetch-retries=5'];
  await run(join(tools, 'npm'), ['i', '-g', ...flags, tarball], { cwd: tools, env });
  return { bin: (program: string) => join(prefix, 'bin', program), root: join(prefix, 'lib', 'node_modules', 'raworc') };
}
