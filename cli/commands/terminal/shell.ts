import { once } from 'node:events';
import { constants } from 'node:os';
import type { Attachment, Process, Raworc } from '../../../sdk/raworc.ts';
import { type Io, Misuse, painted } from '../../io.ts';
import { findSession } from '../../reference.ts';
import { Own, type Terminal } from '../../terminal.ts';
import { TildeEscape } from './tilde-escape.ts';

export interface ShellOptions {
  readonly cwd?: string;
  readonly user?: 'user' | 'root';
  /** Attaches to this process instead of starting one. */
  readonly attach?: string;
  readonly wake: boolean;
}

/** The terminal does not go to the left at a line feed by itself. */
const LINE = new Own('\r\n');

interface Keyboard {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

/**
 * Opens a terminal in a session, and returns the exit code of its program. The program outlives this
 * process; `~.` at the beginning of a line leaves it.
 */
export async function shell(io: Io, raworc: Raworc, ref: string, argv: readonly string[], options: ShellOptions): Promise<number> {
  const keyboard: Keyboard = io.stdin;
  if (keyboard.isTTY !== true || !io.stdout.isTTY) throw new Misuse('raworc shell needs a terminal. In scripts, use raworc exec');
  const session = await findSession(raworc, ref);
  const process = await begin(raworc, session, argv, options, sizeOf(io.stdout));
  const leaving = new AbortController();
  const attachment = raworc.attach(session, process, { offset: 0, signal: AbortSignal.any([io.signal, leaving.signal]) });
  const tilde = new TildeEscape();
  let isLeft = false;
  const typed = (bytes: Buffer) => {
    const { pass, leaves } = tilde.take(bytes);
    attachment.write(pass);
    if (!leaves) return;
    isLeft = true;
    leaving.abort();
  };
  const resized = () => resize(attachment, io.stdout);
  keyboard.setRawMode?.(true);
  // Without a terminal, a program ends its lines with a line feed only.
  if (process.pty !== null) io.passOutput?.();
  io.stdin.on('data', typed);
  io.stdin.resume();
  io.stdout.stream.on('resize', resized);
  resized();
  try {
    for await (const part of attachment) {
      if (part.kind === 'stdout' || part.kind === 'stderr') await write(io.stdout, part.bytes);
      else if (part.kind === 'exit') return part.exitCode ?? 128 + (constants.signals[part.signal as NodeJS.Signals] ?? 0);
      else if (part.kind === 'lost' || part.kind === 'gap') io.stderr.write(LINE, painted(io, io.stderr, 'dim', note(part)), LINE);
    }
    const back = `Left process ${process.id}, which continues: raworc shell ${ref} --attach ${process.id}`;
    if (isLeft) io.stderr.write(LINE, painted(io, io.stderr, 'dim', back), LINE);
    return 0;
  } finally {
    io.stdin.off('data', typed);
    io.stdin.pause();
    io.stdout.stream.off('resize', resized);
    keyboard.setRawMode?.(false);
    attachment.close();
  }
}

function begin(
  raworc: Raworc,
  session: string,
  argv: readonly string[],
  { cwd, user, attach, wake }: ShellOptions,
  pty: { cols: number; rows: number },
): Promise<Process> {
  if (attach !== undefined && argv.length > 0) throw new Misuse('--attach takes no command');
  if (attach !== undefined) return raworc.processes.get(session, attach);
  return raworc.processes.start(session, {
    pty,
    ...(argv.length === 0 ? {} : { argv: [...argv] }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(wake ? {} : { wake: false }),
  });
}

function sizeOf({ stream }: Terminal): { cols: number; rows: number } {
  const { columns = 80, rows = 24 } = stream as { columns?: number; rows?: number };
  return { cols: Math.max(1, columns), rows: Math.max(1, rows) };
}

function resize(attachment: Attachment, terminal: Terminal): void {
  const { cols, rows } = sizeOf(terminal);
  attachment.resize(cols, rows);
}

const note = (part: { readonly kind: 'lost' } | { readonly kind: 'gap'; readonly from: number; readonly to: number }): string =>
  part.kind === 'lost' ? 'Connecting again. ~. leaves' : `${part.to - part.from} bytes of output are missing`;

/** Passes bytes on as they are, as ssh does: they are what the person asked for. */
async function write({ stream }: Terminal, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}
