import { execFile } from 'node:child_process';

const MAY_TAKE_MS = 60_000;
const REASON_CHARACTERS = 300;

/** Runs a program of the host (mount, mkfs, du). The program's environment has only a PATH. */
export type Command = (program: string, args: readonly string[], options?: CommandOptions) => Promise<string>;

export interface CommandOptions {
  readonly mayTakeMs?: number;
  /** Runs the program as this user, without capabilities. */
  readonly uid?: number;
  readonly directory?: string;
  /** An exit status that is not a failure. */
  readonly mayExitWith?: number;
}

/** Resolves to the program's output. Rejects with the last line of its error output. */
export const runCommand: Command = (program, args, { mayTakeMs = MAY_TAKE_MS, uid, directory = '/', mayExitWith } = {}) =>
  new Promise((resolve, reject) => {
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    const user = uid === undefined ? {} : { uid, gid: uid };
    execFile(program, [...args], { env, cwd: directory, timeout: mayTakeMs, killSignal: 'SIGKILL', ...user }, (error, stdout, stderr) => {
      if (error === null || (mayExitWith !== undefined && error.code === mayExitWith)) return resolve(stdout);
      const last = stderr.trim().split('\n').at(-1)?.slice(0, REASON_CHARACTERS);
      const how = error.killed === true ? `it did not finish within ${mayTakeMs / 1000} s` : error.message.split('\n')[0];
      reject(new Error(`${program}: ${last === undefined || last === '' ? how : last}`, { cause: error }));
    });
  });
