import { once } from 'node:events';
import { constants } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { type Raworc, RaworcError } from '../../sdk/raworc.ts';
import { type Io, Misuse, painted } from '../io.ts';
import { findSession } from '../reference.ts';
import type { Terminal } from '../terminal.ts';

export interface ExecOptions {
  readonly cwd?: string;
  readonly user?: 'user' | 'root';
  /** Passes standard input on, once it has ended. */
  readonly interactive?: boolean;
  readonly env?: readonly string[];
  /** In seconds. */
  readonly timeout?: string;
  readonly wake: boolean;
}

/** Runs a command in a session, and returns its exit code. */
export async function exec(io: Io, raworc: Raworc, ref: string, argv: readonly string[], options: ExecOptions): Promise<number> {
  const session = await findSession(raworc, ref);
  const stdin = options.interactive === true ? (await buffer(io.stdin)).toString() : '';
  const timeoutS = Number(options.timeout ?? 3600);
  if (!(timeoutS > 0)) throw new Misuse('--timeout takes a number of seconds');
  const command = {
    argv: [...argv],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.env === undefined ? {} : { env: variablesIn(options.env) }),
    ...(stdin === '' ? {} : { stdin }),
    ...(options.wake ? {} : { wake: false }),
    timeout_ms: Math.round(timeoutS * 1000),
  };
  for await (const part of raworc.exec(session, command, { signal: io.signal })) {
    if (part.kind !== 'exit') {
      await write(part.kind === 'stdout' ? io.stdout : io.stderr, part.bytes);
      continue;
    }
    if (part.timedOut) io.stderr.line(painted(io, io.stderr, 'dim', `The command was killed after ${timeoutS} s (--timeout)`));
    return part.exitCode ?? 128 + (constants.signals[part.signal as NodeJS.Signals] ?? 0);
  }
  throw new Error('a command ends with its exit or throws');
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
