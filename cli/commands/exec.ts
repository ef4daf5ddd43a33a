import { once } from 'node:events';
import { constants } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { type ExecPart, type Raworc, RaworcError } from '../../sdk/raworc.ts';
import { type Io, Misuse, painted } from '../io.ts';
import { findSession } from '../reference.ts';
import type { Terminal } from '../terminal.ts';

/** How a command runs, apart from where. */
interface CommandOptions {
  readonly cwd?: string;
  readonly user?: 'user' | 'root';
  /** Passes standard input on, once it has ended. */
  readonly interactive?: boolean;
  readonly env?: readonly string[];
  /** In seconds. */
  readonly timeout?: string;
}

export interface ExecOptions extends CommandOptions {
  readonly wake: boolean;
}

/** Runs a command in a session, and returns its exit code. */
export async function exec(io: Io, raworc: Raworc, ref: string, argv: readonly string[], { wake, ...options }: ExecOptions) {
  const session = await findSession(raworc, ref);
  const command = await commandOf(io, argv, options);
  const parts = raworc.exec(session, { ...command, ...(wake ? {} : { wake: false }) }, { signal: io.signal });
  return printed(io, parts, command.timeout_ms / 1000);
}

export interface RunOptions extends CommandOptions {
  readonly space: string;
  readonly profile?: 'locked' | 'workstation';
  readonly image?: string;
}

/**
 * Runs a command in a session of its own, which is removed afterwards, and returns its exit code.
 * `raworc` must outlive Ctrl-C, to remove the session.
 */
export async function run(io: Io, raworc: Raworc, argv: readonly string[], { space, profile, image, ...options }: RunOptions) {
  const command = await commandOf(io, argv, options);
  const where = { space, ...(profile === undefined ? {} : { profile }), ...(image === undefined ? {} : { image }) };
  return printed(io, raworc.run(command, { ...where, signal: io.signal }), command.timeout_ms / 1000);
}

/** Returns a command as typed, with its standard input. */
async function commandOf(io: Io, argv: readonly string[], options: CommandOptions) {
  const stdin = options.interactive === true ? (await buffer(io.stdin)).toString() : '';
  const timeoutS = Number(options.timeout ?? 3600);
  if (!(timeoutS > 0)) throw new Misuse('--timeout takes a number of seconds');
  return {
    argv: [...argv],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.env === undefined ? {} : { env: variablesIn(options.env) }),
    ...(stdin === '' ? {} : { stdin }),
    timeout_ms: Math.round(timeoutS * 1000),
  };
}

/** Prints the output of a command, and returns its exit code. */
async function printed(io: Io, parts: AsyncIterable<ExecPart>, timeoutS: number): Promise<number> {
  let code: number | undefined;
  for await (const part of parts) {
    if (part.kind !== 'exit') {
      await write(part.kind === 'stdout' ? io.stdout : io.stderr, part.bytes);
      continue;
    }
    if (part.timedOut) io.stderr.line(painted(io, io.stderr, 'dim', `The command was killed after ${timeoutS} s (--timeout)`));
    code = part.exitCode ?? 128 + (constants.signals[part.signal as NodeJS.Signals] ?? 0);
  }
  if (code === undefined) throw new Error('a command ends with its exit or throws');
  return code;
}

/** Returns the exit code of a command that was not started, as shells do: 127 if its program is missing, else 126. */
export function exitCodeOfRefusal(error: unknown): number | undefined {
  const details = error instanceof RaworcError ? error.details : undefined;
  if (typeof details !== 'object' || details === null || !('exit_code' in details)) return undefined;
  return typeof details.exit_code === 'number' ? details.exit_code : undefined;
}

/** Passes bytes on as they are, as ssh does: they are what the person asked for. */
async function write({ stream }: Terminal, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}

function variablesIn(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((one) => {
      const at = one.indexOf('=');
      if (at < 1) throw new Misuse(`--env takes NAME=VALUE, not ${one}`);
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
}
