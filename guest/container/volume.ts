import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { DISK_FULL_EXIT } from './disk-full.ts';
import type { User } from './program.ts';

/** Owned by the agents; all else in the volume is the guest's. */
const OF_AGENTS = ['workspace', 'state', 'cache'];
const CLOSED = 0o755;

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
  const missing = OF_AGENTS.map((name) => `${directory}/${name}`).filter((path) => !existsSync(path));
  if (!user) for (const path of missing) mkdirSync(path, { recursive: true });
  else {
    try {
      if (missing.length > 0) {
        chmodSync(directory, 0o777);
        makeAs(user, missing);
      }
    } finally {
      // Also when it was left open by a start that was cut off.
      if ((lstatSync(directory).mode & 0o777) !== CLOSED) chmodSync(directory, CLOSED);
    }
  }
  mkdirSync(`${directory}/logs`, { recursive: true, mode: 0o755 });
  mkdirSync(`${directory}/.raworc`, { recursive: true, mode: 0o700 });
  if (!lstatSync(`${directory}/agents`, { throwIfNoEntry: false })) symlinkSync(agentsDirectory, `${directory}/agents`);
  return `${directory}/.raworc`;
}

function makeAs(user: User, paths: readonly string[]): void {
  const options = { ...user, cwd: '/', env: {}, stdio: 'ignore', timeout: 10_000 } as const;
  try {
    execFileSync('/bin/mkdir', ['-p', ...paths], options);
  } catch {
    // An image need not have one; Node.js is always here.
    const made = 'for (const path of process.argv.slice(1)) require("node:fs").mkdirSync(path, { recursive: true })';
    const program = `try { ${made} } catch ({ code }) { process.exit(code === "ENOSPC" || code === "EDQUOT" ? ${DISK_FULL_EXIT} : 1) }`;
    execFileSync(process.execPath, ['-e', program, ...paths], options);
  }
}
