/**
 * Versions of Raworc side by side on a host. ROOT/versions/NAME has the links `node`, `node-agent`
 * and `controller`, to a Node.js and the programs of that version. ROOT/DAEMON is a link to the
 * version that the daemon's unit starts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { sync } from '../../seams/sync.ts';

export const ROOT = '/usr/local/lib/raworc';

export type Daemon = 'node-agent' | 'controller';

const DRAFT = '.new-';
const PROGRAMS: readonly Daemon[] = ['node-agent', 'controller'];
const INSTALL_MS = 600_000;
const TRIAL_MS = 60_000;

/** The command with which a unit starts the daemon in the version that is in place. */
export const startOf = (daemon: Daemon, root = ROOT) => ({ node: join(root, daemon, 'node'), program: join(root, daemon, daemon) });

const versionsIn = (root: string) => join(root, 'versions');

/** Returns the name of the daemon's version; undefined before `install`. */
export async function versionOf(daemon: Daemon, root = ROOT): Promise<string | undefined> {
  return readlink(join(root, daemon)).then(basename, () => undefined);
}

/** Puts a version in place for the daemon's next start: at any moment it has the old one or this. */
export async function pointTo(daemon: Daemon, version: string, root = ROOT): Promise<void> {
  if (!existsSync(join(versionsIn(root), version, daemon))) throw new Error(`the version ${version} is missing in ${versionsIn(root)}`);
  const draft = join(root, `${DRAFT}${daemon}`);
  await rm(draft, { force: true });
  await symlink(join('versions', version), draft);
  await rename(draft, join(root, daemon));
  await sync(root);
}

/**
 * Puts the files that run now in place, wherever they are, and returns the name of their version.
 * `program` is the daemon's main file.
 */
export async function adopt(daemon: Daemon, node: string, program: string, root = ROOT): Promise<string> {
  const version = await versionAt(join(dirname(program), '..'));
  let name = await adopted(daemon, node, program, root);
  if (name === undefined) {
    const draft = await emptyDraft(root);
    await symlink(node, join(draft, 'node'));
    for (const one of PROGRAMS) await symlink(join(dirname(program), '..', one, `main${extname(program)}`), join(draft, one));
    name = await finish(draft, version, root);
  }
  await pointTo(daemon, name, root);
  return name;
}

/** Returns the version that already is these files. */
async function adopted(daemon: Daemon, node: string, program: string, root: string): Promise<string | undefined> {
  for (const name of await readdir(versionsIn(root)).catch(() => [])) {
    const target = (link: string) => readlink(join(versionsIn(root), name, link)).catch(() => undefined);
    if ((await target('node')) === node && (await target(daemon)) === program) return name;
  }
  return undefined;
}

async function versionAt(directory: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/**
 * Installs a package beside the versions that are there, and returns the name of its version. `spec`
 * is anything that npm installs: a tarball or a name with a version. Throws if it does not start here.
 */
export async function stage(spec: string, root = ROOT, npm = 'npm'): Promise<string> {
  const draft = await emptyDraft(root);
  try {
    const run = promisify(execFile);
    await run(npm, ['install', '--global', '--prefix', draft, '--no-audit', '--no-fund', '--ignore-scripts', spec], {
      timeout: INSTALL_MS,
    });
    const packages = join(draft, 'lib', 'node_modules');
    const own = join(packages, 'raworc');
    const binary = join(`node-linux-${process.arch}`, 'bin', 'node');
    const node = [join(own, 'node_modules', binary), join(packages, binary)].find((file) => existsSync(file));
    if (node === undefined) throw new Error(`${spec} has no Node.js for ${process.arch}`);
    await symlink(relative(draft, node), join(draft, 'node'));
    for (const daemon of PROGRAMS) {
      const program = join(own, 'dist', daemon, 'main.js');
      if (!existsSync(program)) throw new Error(`${spec} is not a package of Raworc: it has no ${daemon}`);
      await symlink(relative(draft, program), join(draft, daemon));
    }
    await run(join(draft, 'node'), [join(own, 'node-agent', 'raworc-node-agent.mjs'), '--version'], { timeout: TRIAL_MS });
    return await finish(draft, await versionAt(own), root);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Removes versions that no daemon uses, apart from those in `keep`. */
export async function prune(keep: readonly string[], root = ROOT): Promise<void> {
  const used = await Promise.all(PROGRAMS.map((daemon) => versionOf(daemon, root)));
  for (const name of await readdir(versionsIn(root)).catch(() => []))
    if (!used.includes(name) && !keep.includes(name) && !isInProgress(name))
      await rm(join(versionsIn(root), name), { recursive: true, force: true });
}

/** Whether another process writes this draft. */
const isInProgress = (name: string) => name.startsWith(DRAFT) && existsSync(`/proc/${name.slice(DRAFT.length)}`);

async function emptyDraft(root: string): Promise<string> {
  const draft = join(versionsIn(root), `${DRAFT}${process.pid}`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true, mode: 0o755 });
  return draft;
}

/** Gives a complete draft its name: the version, or the version and a number if that is taken. */
async function finish(draft: string, version: string, root: string): Promise<string> {
  const folder = versionsIn(root);
  let name = version;
  for (let number = 2; existsSync(join(folder, name)); number += 1) name = `${version}-${number}`;
  // The files of a package are many: the file system is synced as a whole.
  await promisify(execFile)('sync', ['--file-system', dirname(draft)], { timeout: INSTALL_MS });
  await rename(draft, join(folder, name));
  await sync(folder);
  return name;
}
