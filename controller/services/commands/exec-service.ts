import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { EXEC, ExecDecoder, type ExecEnd, type ExecFrame, START } from '../../../proto/streams/exec-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { Clock } from '../../../seams/clock.ts';
import { DEFAULT_EXEC, type ExecCommand, type ExecObject } from '../../contract/exec.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { beginExec, touchSession } from '../../domain/sessions/commands/begin-exec.ts';
import { isSettled } from '../../domain/sessions/life-cycle.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { refreshed, sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Budgets } from '../budget/budgets.ts';
import type { Payer } from '../budget/payer.ts';
import type { Applier } from '../engine/applier.ts';
import type { Waiters } from '../engine/waiters.ts';
import type { ByteStreams } from '../streams/byte-streams.ts';
import { KeptOutput } from './kept-output.ts';

/** How long a session can take to be running. */
export const UP_WITHIN_MS = 120_000;
/** The command in events and logs is cut here. */
const SHOWN_CHARACTERS = 1024;
/** A command keeps its session from idling: recorded this often if the session has idle timeouts. */
const TOUCH_MS = 15_000;
/** Unread output in all processes on the way. */
const WINDOW_BYTES = 1024 * 1024;

export type Exec = ReturnType<typeof execService>;

export interface ExecDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly waiters: Waiters;
  readonly streams: Pick<ByteStreams, 'start'>;
  readonly clock: Clock;
  readonly budgets: Pick<Budgets, 'open'>;
  /** Whether events show the commands. */
  readonly showsCommands?: boolean | undefined;
}

/** A command that was started. */
export interface Running {
  /** Yields the output as it comes, and the end last. Throws {@link StreamError}. */
  readonly frames: AsyncIterable<ExecFrame>;
  /** Kills the command. */
  end(): void;
}

/** Runs commands in sessions. */
export function execService({ applier, view, waiters, streams, clock, budgets, showsCommands = true }: ExecDeps) {
  /** Resolves once the session runs; with undefined if the signal aborts first. */
  async function untilUp(id: SessionId, signal: AbortSignal): Promise<Outcome<SessionRow> | undefined> {
    const look = (): Outcome<SessionRow> | undefined => {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return NO_SESSION;
      if (row.desired === 'failed') return refused('CONFLICT', `The session failed: ${row.reason ?? 'no reason recorded'}`);
      if (row.desired !== 'running') return refused('CONFLICT', 'The session was paused or suspended before the command began.');
      return isSettled(row) ? accepted(row) : undefined;
    };
    return waiters.until(id, look, signal);
  }

  async function inTime<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const late = new AbortController();
    const timer = clock.after(UP_WITHIN_MS, () => late.abort());
    return work(AbortSignal.any([signal, late.signal])).finally(() => timer.cancel());
  }

  function running(row: SessionRow, stream: ByteStream): Running {
    const hasTimeouts = Object.keys(row.timeouts).some((name) => name.startsWith('idle'));
    const touch = () => void applier.apply(touchSession(row.id)).catch(() => undefined);
    let timer = hasTimeouts ? clock.after(TOUCH_MS, again) : undefined;
    function again() {
      touch();
      timer = clock.after(TOUCH_MS, again);
    }
    stream.once('close', () => {
      timer?.cancel();
      if (hasTimeouts) touch();
    });
    return { frames: framesOf(stream), end: () => void stream.destroy() };
  }

  async function start(caller: Caller, id: SessionId, input: ExecCommand, payer: Payer, signal: AbortSignal): Promise<Outcome<Running>> {
    const row = sessionFor(view, caller, id, 'exec');
    if (!row.ok) return row;
    const argv = argvOf(input);
    if (argv === undefined) return refused('UNPROCESSABLE_ENTITY', 'Send either `command` or `argv`.');
    const shown = showsCommands ? shownOf(argv) : undefined;
    const begin = () => applier.submit(beginExec({ sessionId: id, wake: input.wake ?? true, user: caller.user, shown }), caller);
    const open = (up: SessionRow) => {
      const parameters = {
        argv,
        cwd: input.cwd ?? '',
        env: { RAWORC_SPACE: view.get('spaces', up.spaceId)?.name ?? '', ...input.env },
        timeoutMs: input.timeout_ms ?? DEFAULT_EXEC.timeoutMs,
      };
      return streams.start(up, { kind: EXEC, parameters, window: WINDOW_BYTES, payer }, signal);
    };
    // Recorded while the guest connects. Nothing starts before that.
    if (isUp(row.value)) return begun(await Promise.all([begin(), open(row.value)]), row.value, input);
    const recorded = await begin();
    if (!recorded.ok) return recorded;
    const up = await inTime((patience) => untilUp(id, patience), signal);
    if (up === undefined) return refused('UNAVAILABLE', 'The session is not running yet. Retry in a moment.', { retry_after_s: 5 });
    if (!up.ok) return up;
    const now = refreshed(caller);
    const still = now.ok ? sessionFor(view, now.value, id, 'exec') : now;
    return still.ok ? begun([recorded, await open(up.value)], up.value, input) : still;
  }

  function begun(
    [recorded, opened]: readonly [Outcome<SessionRow>, Outcome<ByteStream>],
    row: SessionRow,
    input: ExecCommand,
  ): Outcome<Running> {
    if (!recorded.ok && opened.ok) opened.value.destroy();
    if (!recorded.ok) return recorded;
    if (!opened.ok) return opened;
    opened.value.write(START);
    opened.value.end(input.stdin ?? '');
    return accepted(running(row, opened.value));
  }

  return {
    start,
    /** Refuses a caller who cannot run commands in the session. */
    permit(caller: Caller, id: SessionId): Outcome<undefined> {
      const row = sessionFor(view, caller, id, 'exec');
      return row.ok ? accepted(undefined) : row;
    },
    /** Runs a command to its end. Kills it when the signal aborts. */
    async run(caller: Caller, id: SessionId, input: ExecCommand, payer: Payer, signal: AbortSignal): Promise<Outcome<ExecObject>> {
      const started = await start(caller, id, input, payer, signal);
      if (!started.ok) return started;
      const { frames, end } = started.value;
      signal.addEventListener('abort', end);
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
        throw error;
      } finally {
        signal.removeEventListener('abort', end);
        held.release();
        end();
      }
    },
  };
}

const isUp = (row: SessionRow): boolean => row.desired === 'running' && isSettled(row);
const lost = (why: string) => refused('UNAVAILABLE', `${why} Whether the command ended is not known.`);

/** Returns the refusal of a command that could not be started. */
export const notStarted = ({ fault }: Pick<ExecEnd, 'fault'>) => refused('UNPROCESSABLE_ENTITY', `The command was not started. ${fault}`);

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

function shownOf(argv: readonly string[]): string {
  const line = argv[0] === '/bin/sh' && argv[1] === '-c' ? (argv[2] ?? '') : argv.join(' ');
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS).toWellFormed()}…` : line;
}

async function* framesOf(stream: ByteStream): AsyncGenerator<ExecFrame> {
  const decoder = new ExecDecoder();
  for await (const bytes of stream) yield* decoder.decode(bytes as Buffer);
}
