import { execFile } from 'node:child_process';

const CALL_LIMIT_MS = 20_000;

/** Runs a program to its end and returns its output. Rejects with its error output. */
export type RunProgram = (program: string, args: readonly string[], input?: string) => Promise<string>;

export const runProgram: RunProgram = (program, args, input = '') =>
  new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: CALL_LIMIT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} failed: ${stderr.trim() || error.message}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });

/** Whether the work succeeded. */
export const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );
