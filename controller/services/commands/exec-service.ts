import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { EXEC, ExecDecoder, type ExecEnd, type ExecFrame, START } from '../../../proto/streams/exec-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { DEFAULT_EXEC, type ExecCommand, type ExecObject } from '../../contract/exec.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { refusedUser } from '../../domain/sessions/profile-admission.ts';
import type { Caller } from '../access/caller.ts';
import type { Budgets } from '../budget/budgets.ts';
import type { Payer } from '../budget/payer.ts';
import type { SessionUse } from '../streams/session-use.ts';
import { lostUse } from '../streams/session-use.ts';
import { KeptOutput } from './kept-output.ts';

/** Unread output in all processes on the way, of a command whose output is read when it has ended. */
const WINDOW_BYTES = 1024 * 1024;
/** The same of output that is read as it comes: with more, each process is woken less often for the same bytes. */
const STREAM_WINDOW_BYTES = 2 * 1024 * 1024;

export type Exec = ReturnType<typeof execService>;

export interface ExecDeps {
  readonly view: View;
  readonly use: SessionUse;
  readonly budgets: Pick<Budgets, 'open'>;
}

/** A command that was started. */
export interface Running {
  /** Yields the output as it comes, and the end last. Throws {@link StreamError}. */
  readonly frames: AsyncIterable<ExecFrame>;
  /** Kills the command. */
  end(): void;
}

/** Runs commands in sessions. */
export function execService({ view, use, budgets }: ExecDeps) {
  async function begin(
    caller: Caller,
    id: SessionId,
    input: ExecCommand,
    { payer, isShort }: { readonly payer: Payer; readonly isShort: boolean },
    signal: AbortSignal,
  ): Promise<Outcome<Running>> {
    const permitted = use.permit(caller, id, 'exec');
    if (!permitted.ok) return permitted;
    const argv = argvOf(input);
    if (argv === undefined) return refused('UNPROCESSABLE_ENTITY', 'Send either `command` or `argv`.');
    const refusedAs = refusedUser(permitted.value, input.user);
    if (refusedAs !== undefined) return refusedAs;
    const command = use.shown(argv);
    const opened = await use.open(
      caller,
      id,
      {
        verb: 'exec',
        wake: input.wake,
        event: { type: 'session.exec', data: command === undefined ? {} : { command } },
        stream: (up) => ({
          kind: EXEC,
          parameters: {
            argv,
            cwd: input.cwd ?? '',
            env: { RAWORC_SPACE: view.get('spaces', up.spaceId)?.name ?? '', ...input.env },
            asRoot: input.user === 'root',
            timeoutMs: input.timeout_ms ?? DEFAULT_EXEC.timeoutMs,
            hasInput: (input.stdin ?? '') !== '',
          },
          window: isShort ? WINDOW_BYTES : STREAM_WINDOW_BYTES,
          payer,
          isShort,
        }),
      },
      signal,
    );
    if (!opened.ok) return opened;
    const stream = opened.value;
    stream.write(START);
    stream.end(input.stdin ?? '');
    return accepted({ frames: framesOf(stream), end: () => void stream.destroy() });
  }

  return {
    /** Starts a command whose output is read as it comes. */
    start: (caller: Caller, id: SessionId, input: ExecCommand, payer: Payer, signal: AbortSignal): Promise<Outcome<Running>> =>
      begin(caller, id, input, { payer, isShort: false }, signal),
    /** Refuses a caller who cannot run commands in the session. */
    permit(caller: Caller, id: SessionId): Outcome<undefined> {
      const row = use.permit(caller, id, 'exec');
      return row.ok ? accepted(undefined) : row;
    },
    /** Runs a command to its end. Kills it when the signal aborts. */
    async run(caller: Caller, id: SessionId, input: ExecCommand, payer: Payer, signal: AbortSignal): Promise<Outcome<ExecObject>> {
      // Its output is kept or dropped at once, so nothing waits behind it for a reader.
      const started = await begin(caller, id, input, { payer, isShort: true }, signal);
      if (!started.ok) return started;
      const { frames, end } = started.value;
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
      const most = input.max_output_bytes ?? DEFAULT_EXEC.outputBytes;
      const held = budgets.open('answer_bytes', payer);
      const output = { stdout: new KeptOutput(most, held), stderr: new KeptOutput(most, held) };
      try {
        for await (const frame of frames) {
          if (frame.kind === 'end') return resultOf(frame.end, output, input.encoding ?? 'utf8');
          output[frame.kind].add(frame.bytes);
        }
        return lost('The session stopped answering.');
      } catch (error) {
        if (error instanceof StreamError) return lost(error.message);
        // Ended from here: at the end of the wait, or of the caller's rights.
        if (signal.aborted) return lost('The command did not end in time.');
        throw error;
      } finally {
        signal.removeEventListener('abort', end);
        held.release();
        end();
      }
    },
  };
}

const lost = (why: string) => lostUse(why, 'Whether the command ended is not known.');

/** Returns the refusal of a command that could not be started. */
export const notStarted = ({ fault, exitCode }: Pick<ExecEnd, 'fault' | 'exitCode'>) =>
  refused('UNPROCESSABLE_ENTITY', `The command was not started. ${fault}`, exitCode === null ? undefined : { exit_code: exitCode });

function resultOf(
  end: ExecEnd,
  { stdout, stderr }: Readonly<Record<'stdout' | 'stderr', KeptOutput>>,
  encoding: 'utf8' | 'base64',
): Outcome<ExecObject> {
  if (end.fault !== '') return notStarted(end);
  return accepted({
    exit_code: end.exitCode,
    signal: end.signal,
    timed_out: end.timedOut,
    stdout: stdout.text(encoding),
    stderr: stderr.text(encoding),
    truncated: stdout.isTruncated || stderr.isTruncated,
    duration_ms: Math.round(end.durationMs),
  });
}

function argvOf({ command, argv }: ExecCommand): readonly string[] | undefined {
  if ((command === undefined) === (argv === undefined)) return undefined;
  return argv ?? ['/bin/sh', '-c', command ?? ''];
}

async function* framesOf(stream: ByteStream): AsyncGenerator<ExecFrame> {
  const decoder = new ExecDecoder();
  // Both callers destroy the stream when they are done. If the iterator did, it would destroy it
  // with an error, and making its stack trace takes longer than reading the frame.
  for await (const bytes of stream.iterator({ destroyOnReturn: false })) yield* decoder.decode(bytes as Buffer);
}
