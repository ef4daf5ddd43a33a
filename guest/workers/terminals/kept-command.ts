import { existsSync } from 'node:fs';
import type { StartProcess } from '../../../proto/streams/process-stream.ts';
import { type Command, startCommand } from '../command.ts';
import { type KeptOptions, startTerminal } from './terminal.ts';

export interface KeptCommand {
  readonly pid: number;
  /** With the shell, if the request named no program. */
  readonly argv: readonly string[];
  readonly command: Command;
}

/** `fault` says why it was not started. */
export type StartKept = (request: StartProcess) => Promise<KeptCommand | { readonly fault: string }>;

const SHELLS = ['/bin/bash', '/bin/sh'];
const TERM = 'xterm-256color';

/** Starts a program with pipes, or on a terminal. */
export async function startKept(request: StartProcess, options: KeptOptions): ReturnType<StartKept> {
  const argv = request.argv.length > 0 ? request.argv : [SHELLS.find((shell) => existsSync(shell)) ?? '/bin/sh'];
  const { cwd, pty } = request;
  const env = pty === null ? request.env : { TERM, ...request.env };
  const started = pty === null ? startCommand({ argv, cwd, env }, options) : startTerminal({ argv, cwd, env, size: pty }, options);
  if ('fault' in started) return started;
  if (started.pid !== undefined) return { pid: started.pid, argv, command: started };
  const { fault } = await started.ended;
  started.leave();
  return { fault };
}
