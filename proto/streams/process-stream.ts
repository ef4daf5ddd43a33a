/**
 * Processes that the guest keeps. A stream of kind `processes` carries one request in its
 * parameters, and its answer as JSON. One of kind `process` is attached to a process: frames in both
 * directions.
 */
import { jsonIn, type KindFrame, KindFrames } from './kind-frames.ts';
import { StreamError } from './reasons.ts';

export const PROCESSES = 'processes';
export const PROCESS = 'process';

/** Output that the guest keeps of each process. */
export const KEPT_OUTPUT_BYTES = 1024 * 1024;
/** Processes that run at once, and ended ones that are kept. */
export const MAX_PROCESSES = { running: 64, ended: 32 } as const;
/** How long an ended process is kept. */
export const ENDED_KEPT_MS = 10 * 60_000;
/** The command in lists is cut here. */
export const SHOWN_COMMAND_CHARACTERS = 1024;
export const SIGNALS = ['HUP', 'INT', 'QUIT', 'KILL', 'USR1', 'USR2', 'TERM', 'CONT', 'STOP', 'TSTP', 'WINCH'] as const;
export type SignalName = (typeof SIGNALS)[number];

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}
export const MAX_TERMINAL_SIDE = 10_000;

export interface StartProcess {
  /** Program and arguments. Empty: the shell. */
  readonly argv: readonly string[];
  /** Absolute, or below the workspace. Empty: the workspace. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** With a terminal of this size. Null: with pipes. */
  readonly pty: TerminalSize | null;
  /** Whether standard input is open. Always with a terminal. */
  readonly stdin: boolean;
  /** What becomes of the process once nobody is attached to it any more. */
  readonly onDisconnect: 'nothing' | 'kill';
  /** Whether the session counts as in use while it runs. */
  readonly keepAwake: boolean;
  /** Only in a workstation. */
  readonly asRoot: boolean;
  /** Killed with all that it started after running for so long. Time in which the session is paused does not count. */
  readonly timeoutMs?: number;
}

export interface ProcessState {
  /** The process id inside the session. */
  readonly pid: number;
  /** With the pid, identifies the process: pids are used again. */
  readonly startedAtMs: number;
  readonly command: string;
  readonly pty: TerminalSize | null;
  readonly onDisconnect: 'nothing' | 'kill';
  readonly stdinOpen: boolean;
  readonly attached: number;
  /** Output is kept from this offset up to the other. */
  readonly keptFrom: number;
  readonly outputBytes: number;
  readonly end: ProcessEnd | null;
}

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly endedAtMs: number;
  /** Whether its time was over. */
  readonly timedOut?: true;
}

export type ProcessRequest =
  | { readonly op: 'start'; readonly start: StartProcess }
  | { readonly op: 'list' }
  | { readonly op: 'get' | 'closeStdin' | 'remove'; readonly pid: number }
  | { readonly op: 'signal'; readonly pid: number; readonly signal: SignalName }
  | ({ readonly op: 'resize'; readonly pid: number } & TerminalSize);

/** Why a request is refused. */
export const PROCESS_REFUSALS = ['not_found', 'conflict', 'too_many', 'not_started'] as const;
export interface ProcessRefusal {
  readonly refused: (typeof PROCESS_REFUSALS)[number];
  readonly message: string;
}
export type ProcessAnswer = ProcessRefusal | { readonly processes: readonly ProcessState[] };

/** An answer is at most this long: 96 processes with their commands, each character escaped. */
export const MAX_PROCESS_ANSWER_BYTES = 2 * 1024 * 1024;

export interface AttachRequest {
  readonly pid: number;
  /** Starts this process first, and attaches to it from its beginning. `pid` is then 0. */
  readonly start?: StartProcess;
  /** Undefined: whichever process has this pid. */
  readonly startedAtMs: number | undefined;
  /** Of the first byte wanted. Undefined: only what comes from now on. */
  readonly offset: number | undefined;
}

/** From the guest. `attached` or `refused` is the first, `exit` the last. */
export const OUTPUT_FRAMES = new KindFrames(['attached', 'refused', 'stdout', 'stderr', 'gap', 'exit']);
/** To the guest. */
export const INPUT_FRAMES = new KindFrames(['stdin', 'resize', 'signal', 'closeStdin', 'detach']);

export type OutputFrame =
  | { readonly kind: 'attached'; readonly process: ProcessState; readonly offset: number }
  | { readonly kind: 'refused'; readonly refusal: ProcessRefusal }
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Buffer }
  /** The output from here to there is no longer kept. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  | { readonly kind: 'exit'; readonly end: ProcessEnd };

export function outputFrame({ kind, content }: KindFrame<OutputFrame['kind']>): OutputFrame {
  switch (kind) {
    case 'stdout':
    case 'stderr':
      return { kind, bytes: content };
    case 'attached': {
      const { process, offset } = jsonIn(content);
      return { kind, process: processState(process), offset: numberIn(offset) };
    }
    case 'refused':
      return { kind, refusal: refusalIn(jsonIn(content)) };
    case 'gap': {
      const { from, to } = jsonIn(content);
      return { kind, from: numberIn(from), to: numberIn(to) };
    }
    case 'exit':
      return { kind, end: endIn(jsonIn(content)) };
    default:
      return kind satisfies never;
  }
}

/** Returns the answer to a request. Throws a {@link StreamError} for anything else. */
export function processAnswer(text: Buffer): ProcessAnswer {
  const value = jsonIn(text);
  if (value.refused !== undefined) return refusalIn(value);
  if (!Array.isArray(value.processes) || value.processes.length > MAX_PROCESSES.running + MAX_PROCESSES.ended) throw malformed();
  return { processes: value.processes.map(processState) };
}

const malformed = () => new StreamError('protocol', 'The session sent an invalid answer about its processes.');

function refusalIn({ refused, message }: Readonly<Record<string, unknown>>): ProcessRefusal {
  const known = PROCESS_REFUSALS.find((one) => one === refused);
  if (known === undefined || typeof message !== 'string') throw malformed();
  return { refused: known, message: message.slice(0, 1000) };
}

function numberIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed();
  return value;
}

function endIn(value: unknown): ProcessEnd {
  const { exitCode, signal, endedAtMs, timedOut } = objectIn(value);
  if (signal !== null && typeof signal !== 'string') throw malformed();
  return {
    exitCode: exitCode === null ? null : numberIn(exitCode),
    signal: signal === null ? null : signal.slice(0, 32),
    endedAtMs: timeIn(endedAtMs),
    ...(timedOut === true ? { timedOut } : {}),
  };
}

/** A time that can be shown. */
function timeIn(value: unknown): number {
  const ms = numberIn(value);
  if (ms > 8.64e15) throw malformed();
  return ms;
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw malformed();
  return { ...value };
}

function processState(value: unknown): ProcessState {
  const { pid, startedAtMs, command, pty, onDisconnect, stdinOpen, attached, keptFrom, outputBytes, end } = objectIn(value);
  if (typeof command !== 'string' || typeof stdinOpen !== 'boolean') throw malformed();
  if (onDisconnect !== 'nothing' && onDisconnect !== 'kill') throw malformed();
  return {
    ...{ pid: numberIn(pid), startedAtMs: timeIn(startedAtMs), command: command.slice(0, SHOWN_COMMAND_CHARACTERS + 1) },
    ...{ onDisconnect, stdinOpen, attached: numberIn(attached), keptFrom: numberIn(keptFrom), outputBytes: numberIn(outputBytes) },
    pty: pty === null ? null : sizeIn(pty),
    end: end === null ? null : endIn(end),
  };
}

/** Returns a size of a terminal. Throws a {@link StreamError} if it is none. */
export function sizeIn(value: unknown): TerminalSize {
  const { cols, rows } = objectIn(value);
  const isSide = (side: unknown): side is number => Number.isInteger(side) && Number(side) >= 1 && Number(side) <= MAX_TERMINAL_SIDE;
  if (!isSide(cols) || !isSide(rows)) throw new StreamError('failed', 'The size of the terminal is invalid.');
  return { cols, rows };
}
