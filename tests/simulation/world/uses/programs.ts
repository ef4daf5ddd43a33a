import { PassThrough } from 'node:stream';
import { z } from 'zod';
import type { Command, StartCommand } from '../../../../guest/workers/command.ts';
import type { StartKept } from '../../../../guest/workers/terminals/kept-command.ts';
import type { Life } from '../life.ts';
import type { Surroundings } from '../surroundings.ts';
import type { ProgramEnd } from './use-audit.ts';

/** What a pretended program does. Travels as its second argument. */
const Script = z.object({
  /** Of the use that starts it. */
  id: z.string(),
  /** Of its standard output, see {@link numbered}. */
  bytes: z.number(),
  pieces: z.number(),
  durationMs: z.number(),
  exitCode: z.number(),
  /** Ends only after its standard input, which it copies to standard error. */
  echoes: z.boolean(),
  /** Leaves something in the background that keeps its output open. */
  leaves: z.boolean(),
  /** Cannot be started. */
  isMissing: z.boolean(),
});
export type Script = z.output<typeof Script>;

export const argvOf = (script: Script): string[] => ['program', JSON.stringify(script)];

/** The output from one offset to another: each byte encodes its own position. */
export const numbered = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: Math.max(0, to - from) }, (_, at) => 97 + ((from + at) % 23)));

/** As the kernel lists sockets: those that listen on these ports, and a connection from port 1. */
export const socketTable = (ports: readonly number[]): string =>
  [...ports.map((port) => [port, '0A'] as const), [1, '01'] as const]
    .map(([port, state], at) => `   ${at}: 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} `)
    .join('\n');

export interface ProgramsOptions {
  readonly around: Surroundings;
  readonly life: Life;
  readonly clock: { after(delayMs: number, run: () => void): unknown };
  readonly machine: string;
  readonly sessionId: string;
}

/** The programs of one run of a container, without processes of this machine. */
export function pretendedPrograms({ around, life, clock, machine, sessionId }: ProgramsOptions): {
  readonly start: StartCommand;
  readonly startKept: StartKept;
} {
  const { uses } = around.auditors;
  let pids = 10;
  const start: StartCommand = ({ argv }) => {
    const script = Script.parse(JSON.parse(argv[1] ?? ''));
    if (script.isMissing) return { fault: 'There is no such program.', exitCode: 127 };
    pids += 1;
    const run = uses.started(script.id, { life, machine, sessionId });
    around.trace.note(life.name, `program ${script.id} starts`);
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
    const { promise: ended, resolve } = Promise.withResolvers<ProgramEnd & { readonly fault: string }>();
    const end = (how: ProgramEnd) => {
      if (run.end !== undefined) return;
      run.end = how;
      run.endedMs = around.time.now;
      around.trace.note(life.name, `program ${script.id} ends with ${how.signal ?? how.exitCode}`);
      if (!script.leaves || how.signal !== null) for (const stream of [stdout, stderr]) stream.end();
      resolve({ ...how, fault: '' });
    };
    let isRead = !script.echoes;
    let isDone = false;
    const perhapsEnd = () => isRead && isDone && end({ exitCode: script.exitCode, signal: null });
    stdin.on('data', (bytes: Buffer) => script.echoes && run.end === undefined && stderr.write(bytes));
    stdin.once('end', () => {
      isRead = true;
      perhapsEnd();
    });
    const say = (from: number, to: number) => {
      if (run.end !== undefined || stdout.destroyed) return;
      run.bytes = to;
      stdout.write(numbered(from, to));
    };
    const upTo = (piece: number) => Math.floor((script.bytes * piece) / script.pieces);
    for (let piece = 1; piece < script.pieces; piece += 1)
      clock.after((script.durationMs * piece) / script.pieces, () => say(upTo(piece - 1), upTo(piece)));
    clock.after(script.durationMs, () => {
      say(upTo(script.pieces - 1), script.bytes);
      isDone = true;
      perhapsEnd();
    });
    const command: Command = {
      ...{ pid: pids, stdin, stdout, stderr, ended },
      signal: (name) => end({ exitCode: null, signal: name }),
      kill: () => end({ exitCode: null, signal: 'SIGKILL' }),
      leave: () => undefined,
    };
    return command;
  };
  return {
    start,
    async startKept({ argv, cwd, env, asRoot }) {
      const command = start({ argv, cwd, env, asRoot });
      if ('fault' in command) return command;
      return { pid: command.pid ?? 0, argv, command };
    },
  };
}
