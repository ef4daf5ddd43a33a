import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Scope } from './harness.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const git = (...args: readonly string[]) => run('git', ['-C', PROJECT, ...args]).then(({ stdout }) => stdout.trim());

/** The last commit that spoke the previous protocol version. */
export const commit = readFileSync(join(import.meta.dirname, 'previous-release.txt'), 'utf8').trim();

/** Returns why there is no history here to take the previous release from, or undefined. */
export async function historyMissing(): Promise<string | undefined> {
  try {
    if ((await git('rev-parse', '--is-shallow-repository')) === 'true') return 'this is a shallow clone. Run git fetch --unshallow';
    return undefined;
  } catch {
    return 'this is no git repository, or git is not installed';
  }
}

/** Returns a file of the previous release. */
export const fileOf = (path: string): Promise<string> => git('show', `${commit}:${path}`);

/**
 * Takes the previous release out of the history, with its guest built, and returns its directory,
 * which is below `parent`. It uses this release's packages.
 */
export async function previousRelease(t: Pick<Scope, 'teardown'>, parent = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, 'raworc-previous-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const archive = join(directory, '.tar');
  await git('archive', '--output', archive, commit);
  await run('tar', ['-xf', archive, '-C', directory]);
  await symlink(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
  await run(process.execPath, ['scripts/build-guest.ts'], { cwd: directory });
  return directory;
}
