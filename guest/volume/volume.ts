import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import type { User } from '../workers/user.ts';
import { DISK_FULL_EXIT, isDiskFull } from './disk-full.ts';

/** Owned by the agents; everything else in the volume is the guest's. */
const OF_AGENTS = ['workspace', 'state', 'cache'];
const CLOSED = 0o755;
const OPEN = 0o1777;
/** The mode bits that each of the agents' directories needs. */
const NEEDED = 0o701;

export interface VolumeOptions {
  /** /session */
  readonly directory: string;
  readonly agentsDirectory: string;
  readonly user: User | undefined;
}

/**
 * Creates missing directories of a session's volume. Called before any agent is started.
 *
 *     workspace/ state/ cache/   the agents' own
 *     logs/                      output of agents, which they can read
 *     agents                     a link into the image, so that a volume never carries stale code
 *     .raworc/                   the mailbox, only for the guest
 *
 * The guest cannot give files away (it has no CHOWN): it opens the directory to all for a moment,
 * lets a child with the agents' uid create theirs, and closes it again. Returns the mailbox's
 * directory.
 */
export function prepareVolume({ directory, agentsDirectory, user }: VolumeOptions): string {
  try {
    makeMissing(directory, user);
  } finally {
    // An interrupted start can have left it open.
    if (user && (lstatSync(directory).mode & 0o7777) !== CLOSED) chmodSync(directory, CLOSED);
  }
  mkdirSync(`${directory}/logs`, { recursive: true, mode: 0o755 });
  mkdirSync(`${directory}/.raworc`, { recursive: true, mode: 0o700 });
  if (!lstatSync(`${directory}/agents`, { throwIfNoEntry: false })) symlinkSync(agentsDirectory, `${directory}/agents`);
  return `${directory}/.raworc`;
}

/**
 * A directory that agents need to start is damaged and cannot be repaired. The message names it.
 */
export class DirectoryFault extends Error {}

/**
 * Repairs the agents' directories: recreates a missing or replaced one, and opens one that is
 * closed to its owner. Follows no links. Costs three lstat calls if nothing is wrong.
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
  if (isMissing) attempt(ofAgents(directory).join(', '), 'created', () => makeMissing(directory, user));
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

/**
 * While the directory is open, others can create files in it, but only remove and rename their own.
 */
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

/** Makes a directory accessible to its owner, and to the guest, which is not its owner. */
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
    // The image can lack the program; Node.js is always available.
    const each = `for (const path of process.argv.slice(1)) require("node:fs").${made}`;
    const program = `try { ${each} } catch ({ code }) { process.exit(code === "ENOSPC" || code === "EDQUOT" ? ${DISK_FULL_EXIT} : 1) }`;
    execFileSync(process.execPath, ['-e', program, ...paths], options);
  }
}
