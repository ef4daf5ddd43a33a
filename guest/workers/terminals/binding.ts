import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The native part of node-pty. */
export interface TerminalBinding {
  /**
   * Starts a program on a new terminal, as the leader of a session of its own. Sets no supplementary
   * groups: the program has those of this process. Throws if the kernel refuses a terminal or a
   * process; a program that cannot be executed prints why and ends with 1.
   */
  fork(
    file: string,
    args: readonly string[],
    environment: readonly string[],
    directory: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    helper: string,
    ended: (exitCode: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number; readonly pty: string };
  resize(fd: number, cols: number, rows: number): void;
}

const FILE = 'pty.node';

/** Loads the binding beside the guest, or, from source, out of the packages. Undefined without it. */
export function terminalBinding(directory: string): TerminalBinding | undefined {
  const require = createRequire(import.meta.url);
  const beside = join(directory, FILE);
  try {
    return require(existsSync(beside) ? beside : `@lydell/node-pty-linux-${process.arch}/${FILE}`);
  } catch {
    return undefined;
  }
}
