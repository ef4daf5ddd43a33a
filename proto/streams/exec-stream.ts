/**
 * The content of a stream of kind `exec`. To the guest: one byte, at which the command starts, then
 * the bytes of standard input. From the guest: frames of one byte for the kind, the length (32 bits, big-endian), and that many bytes; the last
 * is the end, as JSON.
 */
import { StreamError } from './reasons.ts';

export const EXEC = 'exec';

export interface ExecRequest {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** Absolute, or below the workspace. Empty: the workspace. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether it runs as root, in a workstation. */
  readonly asRoot: boolean;
  /** Then everything that the command started is killed. */
  readonly timeoutMs: number;
  /** Whether standard input follows. Without one, the command reads /dev/null. */
  readonly hasInput: boolean;
}

export interface ExecEnd {
  /** Null: killed by a signal, or never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Why it could not be started; empty if it was. */
  readonly fault: string;
  readonly durationMs: number;
}

export type ExecFrame =
  | {
      readonly kind: 'stdout' | 'stderr';
      readonly bytes: Buffer;
      /** Head and bytes, as they were decoded from. */
      readonly whole?: Buffer;
    }
  | { readonly kind: 'end'; readonly end: ExecEnd };

const KINDS = ['stdout', 'stderr', 'end'] as const;
const HEAD_BYTES = 5;
/** The first byte to the guest. */
export const START = Buffer.of(1);
/** Longest content of a frame. */
export const MAX_EXEC_FRAME_BYTES = 64 * 1024;

export function encodeExec(frame: ExecFrame): Buffer {
  const content = frame.kind === 'end' ? Buffer.from(JSON.stringify(frame.end)) : frame.bytes;
  return Buffer.concat([execHead(frame.kind, content.byteLength), content]);
}

/** Returns what precedes the content of a frame. */
export function execHead(kind: ExecFrame['kind'], length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = KINDS.indexOf(kind);
  head.writeUInt32BE(length, 1);
  return head;
}

/** Decodes frames from bytes as they arrive. Throws a {@link StreamError} for anything else. */
export class ExecDecoder {
  #unread: Buffer[] = [];
  #bytes = 0;

  *decode(bytes: Buffer): Generator<ExecFrame> {
    this.#unread.push(bytes);
    this.#bytes += bytes.byteLength;
    while (this.#bytes >= HEAD_BYTES) {
      const all = this.#unread.length === 1 && this.#unread[0] !== undefined ? this.#unread[0] : Buffer.concat(this.#unread);
      this.#unread = [all];
      const length = all.readUInt32BE(1);
      const kind = KINDS[all[0] ?? KINDS.length];
      if (kind === undefined || length > MAX_EXEC_FRAME_BYTES) throw malformed();
      if (all.byteLength < HEAD_BYTES + length) return;
      const content = all.subarray(HEAD_BYTES, HEAD_BYTES + length);
      const rest = all.subarray(HEAD_BYTES + length);
      this.#unread = rest.byteLength === 0 ? [] : [rest];
      this.#bytes = rest.byteLength;
      yield kind === 'end' ? { kind, end: endIn(content) } : { kind, bytes: content, whole: all.subarray(0, HEAD_BYTES + length) };
    }
  }
}

function endIn(content: Buffer): ExecEnd {
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    throw malformed();
  }
  const { exitCode, signal, timedOut, fault, durationMs }: Readonly<Record<string, unknown>> = { ...(value as object) };
  if (typeof timedOut !== 'boolean' || typeof fault !== 'string' || typeof durationMs !== 'number') throw malformed();
  if ((exitCode !== null && !Number.isInteger(exitCode)) || (signal !== null && typeof signal !== 'string')) throw malformed();
  return {
    exitCode: exitCode as number | null,
    signal: signal === null ? null : signal.slice(0, 32),
    timedOut,
    fault: fault.slice(0, 1000),
    durationMs,
  };
}

const malformed = () => new StreamError('protocol', 'The session sent an invalid frame of a command.');

/** Returns the request in a stream's parameters. Throws {@link StreamError} if it is invalid. */
export function execRequest(parameters: unknown): ExecRequest {
  const { argv, cwd, env, timeoutMs, asRoot = false, hasInput = true }: Readonly<Record<string, unknown>> = { ...(parameters as object) };
  const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');
  const isEnv = (value: unknown): value is Record<string, string> =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, one]) => isText(name) && !name.includes('=') && isText(one));
  const isArgv = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText);
  if (
    !isArgv(argv) ||
    argv[0] === '' ||
    !isText(cwd) ||
    !isEnv(env) ||
    typeof timeoutMs !== 'number' ||
    !(timeoutMs > 0) ||
    typeof asRoot !== 'boolean' ||
    typeof hasInput !== 'boolean'
  )
    throw new StreamError('failed', 'The parameters of the command are invalid.');
  return { argv, cwd, env, timeoutMs, asRoot, hasInput };
}
