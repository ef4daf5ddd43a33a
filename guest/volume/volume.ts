import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import type { User } from '../workers/user.ts';
import { DISK_FULL_EXIT, isDiskFull } from './disk-full.ts';

/** Owned by the agents; all else in the volume is the guest's. */
const OF_AGENTS = ['workspace', 'state', 'cache'];
const CLOSED = 0o755;
const OPEN = 0o1777;
/** Of each of theirs. */
const NEEDED = 0o701;

export interface VolumeOptions {
  /** /session */
  readonly directory: string;
  readonly agentsDirectory: string;
  readonly user: User | undefined;
}

/**
 * Makes what a session's volume holds, where it is missing. To be called before any agent is started.
 *
 *     workspace/ state/ cache/   the agents' own
 *     logs/                      what agents printed; they may read it
 *     agents                     a link into the image, so that a volume never carries stale code
 *     .raworc/                   the mailbox, for the guest alone
 *
 * The guest may not give files away (it has no CHOWN): it opens the directory to all for a moment, lets a child with the
 * agents' uid make theirs, and closes it again. Returns the mailbox's directory.
 */
export function prepareVolume({ directory, agentsDirectory, user }: VolumeOptions): string {
  try {
    makeMissing(directory, user);
  } finally {
    // Also when it was left open by a start that was cut off.
    if (user && (lstatSync(directory).mode & 0o7777) !== CLOSED) chmodSync(directory, CLOSED);
  }
  mkdirSync(`${directory}/logs`, { recursive: true, mode: 0o755 });
  mkdirSync(`${directory}/.raworc`, { recursive: true, mode: 0o700 });
  if (!lstatSync(`${directory}/agents`, { throwIfNoEntry: false })) symlinkSync(agentsDirectory, `${directory}/agents`);
  return `${directory}/.raworc`;
}

/** One of the agents' own directories is not as it has to be for them to start, and cannot be mended. The message names it. */
export class DirectoryFault extends Error {}

/**
 * Mends what an agent may have done to the agents' own directories: one that is missing, or has something else in its place, is made anew,
 * and one that is closed to its owner is opened. No link is followed. It costs three looks when nothing is wrong.
 */
export function mendDirectories({ directory, user }: Pick<VolumeOptions, 'directory' | 'user'>): void {
  const closed: string[] = [];
  let isMissing = false;
  for (const path of ofAgents(directory)) {
    const found = attempt(path, 'read', () => lstatSync(path, { throwIfNoEntry: false }));
    if (found?.isDirectory() !== true) {
      isMissing = true;
      if (found !== undefined) attempt(path, 'removed', () => unlinkSync(path));
    } else if ((found.mode & NEEDED) !== NEEDED) closed.push(path);
  }
  if (isMissing) attempt(ofAgents(directory).join(', '), 'made', () => makeMissing(directory, user));
  for (const path of closed) attempt(path, 'opened', () => open(path, user));
}

const ofAgents = (directory: string) => OF_AGENTS.map((name) => `${directory}/${name}`);

function attempt<Result>(path: string, what: string, act: () => Result): Result {
  try {
    return act();
  } catch (fault) {
    const why = isDiskFull(fault) ? "the session's disk is full" : fault instanceof Error ? fault.message : String(fault);
    throw new DirectoryFault(`The agent's process cannot be started: ${path} cannot be ${what}: ${why}.`, { cause: fault });
  }
}

/** While it is open others may make files in it, but remove and rename only their own. */
function makeMissing(directory: string, user: User | undefined): void {
  const missing = ofAgents(directory).filter((path) => lstatSync(path, { throwIfNoEntry: false }) === undefined);
  if (missing.length === 0) return;
  if (!user) {
    for (const path of missing) mkdirSync(path, { recursive: true });
    return;
  }
  try {
    chmodSync(directory, OPEN);
    asUser(user, ['/bin/mkdir', '-p', ...missing], 'mkdirSync(path, { recursive: true })', missing);
  } finally {
    chmodSync(directory, CLOSED);
  }
}

/** The guest, which is not its owner, has to be able to enter it. */
function open(path: string, user: User | undefined): void {
  const mode = (lstatSync(path).mode & 0o777) | NEEDED;
  if (!user) chmodSync(path, mode);
  else asUser(user, ['/bin/chmod', mode.toString(8), path], `chmodSync(path, ${mode})`, [path]);
}

function asUser(user: User, [command = '', ...args]: readonly string[], made: string, paths: readonly string[]): void {
  const options = { ...user, cwd: '/', env: {}, stdio: 'ignore', timeout: 10_000 } as const;
  try {
    execFileSync(command, args, options);
  } catch {
    // An image need not have one; Node.js is always here.
    const each = `for (const path of process.argv.slice(1)) require("node:fs").${made}`;
    const program = `try { ${each} } catch ({ code }) { process.exit(code === "ENOSPC" || code === "EDQUOT" ? ${DISK_FULL_EXIT} : 1) }`;
    execFileSync(process.execPath, ['-e', program, ...paths], options);
  }
}
