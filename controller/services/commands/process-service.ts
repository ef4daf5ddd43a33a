import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { START } from '../../../proto/streams/exec-stream.ts';
import {
  type AttachRequest,
  INPUT_FRAMES,
  MAX_PROCESS_ANSWER_BYTES,
  OUTPUT_FRAMES,
  type OutputFrame,
  outputFrame,
  PROCESS,
  PROCESSES,
  type ProcessRefusal,
  type ProcessRequest,
  type ProcessState,
  processAnswer,
  type SignalName,
  type StartProcess,
  type TerminalSize,
} from '../../../proto/streams/process-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { drained } from '../../../seams/drained.ts';
import type { AttachQuery, ProcessObject, StartProcessInput } from '../../contract/processes.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { refusedUser } from '../../domain/sessions/profile-admission.ts';
import type { Caller } from '../access/caller.ts';
import type { Payer } from '../budget/payer.ts';
import { lostUse, type SessionUse, type Use } from '../streams/session-use.ts';

/** Unread bytes of an attachment in all processes on the way. */
const WINDOW_BYTES = 256 * 1024;

export type ProcessService = ReturnType<typeof processService>;

/** Who asks, and until when. */
export interface Asking {
  readonly caller: Caller;
  readonly payer: Payer;
  readonly signal: AbortSignal;
}

/** What a new process is. */
export type NewProcess = StartProcessInput & {
  /** See {@link StartProcess.timeoutMs}. */
  readonly timeoutMs?: number | undefined;
};

/** A stream that is attached to a process. */
export interface Attached {
  readonly process: ProcessState;
  /** Of the first byte that comes. */
  readonly offset: number;
  /** Ends with `exit`. Throws {@link StreamError}. */
  readonly frames: AsyncIterable<OutputFrame>;
  /** Resolves once more can be sent. */
  send(kind: 'stdin' | 'resize' | 'signal' | 'closeStdin', content: Uint8Array): Promise<void>;
  /** Ends the attachment, not the process. */
  end(): void;
  /** Resolves once what was sent has arrived, and the attachment has ended. */
  finish(): Promise<void>;
}

/** Processes in sessions, which the guest keeps. */
export function processService({ view, use }: { readonly view: View; readonly use: SessionUse }) {
  /** Asks the guest, in one stream. `unknown` says what is not known if it does not answer. */
  async function ask(
    { caller, payer, signal }: Asking,
    id: SessionId,
    more: Use,
    request: ProcessRequest | (() => ProcessRequest),
    unknown: string,
  ): Promise<Outcome<readonly ProcessState[]>> {
    const parameters = () => (typeof request === 'function' ? request() : request);
    const stream = () => ({ kind: PROCESSES, parameters: parameters(), window: WINDOW_BYTES, payer, isShort: true });
    const opened = await use.open(caller, id, { ...more, stream }, signal);
    if (!opened.ok) return opened;
    const abort = () => void opened.value.destroy();
    signal.addEventListener('abort', abort);
    try {
      opened.value.end(START);
      const answer = processAnswer(await wholeOf(opened.value));
      return 'refused' in answer ? refusalOf(answer) : accepted(answer.processes);
    } catch (error) {
      if (error instanceof StreamError || signal.aborted)
        return lostUse(error instanceof StreamError ? error.message : 'The session did not answer in time.', unknown);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
      opened.value.destroy();
    }
  }

  async function one(asking: Asking, id: SessionId, more: Use, request: ProcessRequest | (() => ProcessRequest), unknown: string) {
    const found = await ask(asking, id, more, request, unknown);
    if (!found.ok) return found;
    const [first] = found.value;
    return first === undefined ? lostUse('The session gave no answer.', unknown) : accepted(objectOf(first));
  }

  /** Returns what a new process is, and how its start is recorded. */
  function startOf(caller: Caller, id: SessionId, input: NewProcess): Outcome<{ readonly start: StartProcess; readonly use: Use }> {
    const permitted = use.permit(caller, id, 'exec');
    if (!permitted.ok) return permitted;
    if (input.command !== undefined && input.argv !== undefined)
      return refused('UNPROCESSABLE_ENTITY', 'Send `command` or `argv`, not both.');
    const refusedAs = refusedUser(permitted.value, input.user);
    if (refusedAs !== undefined) return refusedAs;
    const argv = input.argv ?? (input.command === undefined ? [] : ['/bin/sh', '-c', input.command]);
    const command = use.shown(argv);
    const data = { process: true, terminal: input.pty !== undefined, ...(command === undefined ? {} : { command }) };
    return accepted({
      use: { verb: 'exec', wake: input.wake, event: { type: 'session.exec', data } },
      start: {
        argv,
        cwd: input.cwd ?? '',
        env: { RAWORC_SPACE: view.get('spaces', permitted.value.spaceId)?.name ?? '', ...input.env },
        pty: input.pty ?? null,
        stdin: input.stdin ?? true,
        onDisconnect: input.on_disconnect ?? 'nothing',
        keepAwake: input.keep_awake ?? false,
        asRoot: input.user === 'root',
        ...(input.timeoutMs === undefined ? {} : { timeoutMs: input.timeoutMs }),
      },
    });
  }

  return {
    permit: (caller: Caller, id: SessionId): Outcome<undefined> => mapped(use.permit(caller, id, 'exec'), () => undefined),

    /** Starts a process. */
    async start(asking: Asking, id: SessionId, input: StartProcessInput): Promise<Outcome<ProcessObject>> {
      const asked = startOf(asking.caller, id, input);
      if (!asked.ok) return asked;
      const { start, use: more } = asked.value;
      return one(asking, id, more, { op: 'start', start }, 'Whether the process was started is not known: list the processes.');
    },

    /** Starts a process in the stream that is attached to it, from its beginning. */
    async run({ caller, payer, signal }: Asking, id: SessionId, input: NewProcess): Promise<Outcome<Attached>> {
      const asked = startOf(caller, id, input);
      if (!asked.ok) return asked;
      const parameters: AttachRequest = { pid: 0, startedAtMs: undefined, offset: 0, start: asked.value.start };
      const stream = () => ({ kind: PROCESS, parameters, window: WINDOW_BYTES, payer });
      return attached(await use.open(caller, id, { ...asked.value.use, stream }, signal), signal);
    },

    /** Lists the processes, running and ended. A session that does not run has none to show. */
    async list(asking: Asking, id: SessionId): Promise<Outcome<ProcessObject[]>> {
      const permitted = use.permit(asking.caller, id, 'exec');
      if (!permitted.ok) return permitted;
      if (permitted.value.desired === 'suspended') return accepted([]);
      return mapped(await ask(asking, id, LOOKS, { op: 'list' }, 'Retry in a moment.'), (all) => all.map(objectOf));
    },

    get: (asking: Asking, id: SessionId, pid: number) => one(asking, id, LOOKS, { op: 'get', pid }, 'Retry in a moment.'),
    signal: (asking: Asking, id: SessionId, pid: number, signal: SignalName) =>
      one(asking, id, CHANGES, { op: 'signal', pid, signal }, 'Whether the signal was sent is not known.'),
    resize: (asking: Asking, id: SessionId, pid: number, size: TerminalSize) =>
      one(asking, id, LOOKS, { op: 'resize', pid, ...size }, 'Retry in a moment.'),
    closeStdin: (asking: Asking, id: SessionId, pid: number) =>
      one(asking, id, CHANGES, { op: 'closeStdin', pid }, 'Whether standard input was closed is not known.'),
    /** Kills the process with all that it started, and forgets it. */
    remove: (asking: Asking, id: SessionId, pid: number) =>
      one(asking, id, CHANGES, { op: 'remove', pid }, 'Whether the process was killed is not known.'),

    /** Attaches to a process. Aborting the signal ends the attachment. */
    async attach({ caller, payer, signal }: Asking, id: SessionId, pid: number, query: AttachQuery): Promise<Outcome<Attached>> {
      const parameters: AttachRequest = { pid, startedAtMs: query.started_at, offset: query.offset };
      const opened = await use.open(
        caller,
        id,
        {
          verb: 'exec',
          wake: query.wake,
          event: { type: 'session.terminal_opened', data: { process_id: pid } },
          stream: () => ({ kind: PROCESS, parameters, window: WINDOW_BYTES, payer }),
          closed: () => ({ type: 'session.terminal_closed', data: { process_id: pid } }),
        },
        signal,
      );
      return attached(opened, signal);
    },
  };
}

/** Resolves once the guest has said to which process a stream is attached. Aborting the signal ends it. */
async function attached(opened: Outcome<ByteStream>, signal: AbortSignal): Promise<Outcome<Attached>> {
  if (!opened.ok) return opened;
  const stream = opened.value;
  const end = () => void stream.destroy();
  signal.addEventListener('abort', end);
  stream.once('close', () => signal.removeEventListener('abort', end));
  stream.write(START);
  const frames = framesOf(stream);
  try {
    const first = await frames.next();
    if (first.done !== true && first.value.kind === 'attached') {
      const { process, offset } = first.value;
      const finish = async () => {
        await send(stream, 'detach', new Uint8Array());
        for await (const _frame of frames);
      };
      return accepted({
        ...{ process, offset, frames, end, send: (kind, content) => send(stream, kind, content) },
        finish: () => finish().catch(end),
      });
    }
    end();
    if (first.done !== true && first.value.kind === 'refused') return refusalOf(first.value.refusal);
    return refused('UNAVAILABLE', 'The session did not answer. Retry in a moment.');
  } catch (error) {
    end();
    if (error instanceof StreamError) return refused('UNAVAILABLE', error.message, { reason: error.reason });
    if (signal.aborted) return refused('UNAVAILABLE', 'The client disconnected.');
    throw error;
  }
}

const LOOKS: Use = { verb: 'exec', wake: false };
const CHANGES: Use = { verb: 'exec', audited: true };

const CODES = { not_found: 'NOT_FOUND', conflict: 'CONFLICT', too_many: 'RATE_LIMITED', not_started: 'UNPROCESSABLE_ENTITY' } as const;

const refusalOf = ({ refused: why, message }: ProcessRefusal): Outcome<never> =>
  refused(CODES[why], why === 'not_started' ? `The process was not started. ${message}` : message);

async function* framesOf(stream: ByteStream): AsyncGenerator<OutputFrame, void> {
  for await (const frame of OUTPUT_FRAMES.decode(stream)) yield outputFrame(frame);
}

async function wholeOf(stream: ByteStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const bytes of stream as AsyncIterable<Buffer>) {
    length += bytes.byteLength;
    if (length > MAX_PROCESS_ANSWER_BYTES) throw new StreamError('protocol', 'The answer of the session is too long.');
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

async function send(stream: ByteStream, kind: Parameters<Attached['send']>[0] | 'detach', content: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(INPUT_FRAMES.encode(kind, content))) return;
  await drained(stream);
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

export function objectOf(state: ProcessState): ProcessObject {
  const { pid, startedAtMs, command, pty, onDisconnect, stdinOpen, attached, keptFrom, outputBytes, end } = state;
  return {
    ...{ id: pid, command, pty, on_disconnect: onDisconnect, stdin_open: stdinOpen, attached },
    ...{ output_from: keptFrom, output_bytes: outputBytes, running: end === null },
    exit_code: end?.exitCode ?? null,
    signal: end?.signal ?? null,
    started_at: timeOf(startedAtMs),
    started_at_ms: startedAtMs,
    ended_at: end === null ? null : timeOf(end.endedAtMs),
  };
}
