import type { Readable } from 'node:stream';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { type ExecEnd, encodeExec, execRequest, MAX_EXEC_FRAME_BYTES } from '../../proto/streams/exec-stream.ts';
import type { Clock } from '../../seams/clock.ts';
import { drained } from '../../seams/drained.ts';
import type { Command, StartCommand } from '../workers/command.ts';
import type { StreamHandler } from './stream-kinds.ts';
import { isStarted } from './stream-turns.ts';

/**
 * How long after its end a command's output is awaited without any coming: what it left in the
 * background can keep the pipes open.
 */
const QUIET_MS = 100;

/**
 * Runs a command whose input and output are the stream. If the reader goes before its end, the
 * command and all that it started are killed; at its end, what it left in the background continues.
 */
export const execStream =
  (start: StartCommand, clock: Clock): StreamHandler =>
  async (stream, parameters) => {
    const request = execRequest(parameters);
    if (!(await isStarted(stream))) return void stream.destroy();
    const began = clock.monotonic();
    const say = (end: Omit<ExecEnd, 'durationMs'>) => {
      const durationMs = Math.round(clock.monotonic() - began);
      stream.end(encodeExec({ kind: 'end', end: { ...end, durationMs } }));
    };
    const command = start(request);
    if ('fault' in command) {
      stream.resume();
      return say({ ...command, signal: null, timedOut: false });
    }
    const gone = () => command.kill();
    stream.once('close', gone);
    let timedOut = false;
    const timer = clock.after(request.timeoutMs, () => {
      timedOut = true;
      command.kill();
    });
    if (request.hasInput) feed(stream, command);
    else stream.resume();
    const [end] = await Promise.all([command.ended, output(stream, command, clock)]);
    timer.cancel();
    stream.off('close', gone);
    command.leave();
    // It can have ended by itself just before the kill.
    say({ ...end, timedOut: timedOut && end.exitCode === null });
  };

/** Passes the stream's bytes to standard input, which the command can close early. */
function feed(stream: ByteStream, { stdin }: Command): void {
  stdin.on('error', () => stream.resume());
  stdin.once('close', () => stream.resume());
  stream.pipe(stdin);
}

async function output(stream: ByteStream, { stdout, stderr, ended }: Command, clock: Clock): Promise<void> {
  let heardAtMs = clock.monotonic();
  let isWriting = 0;
  const pass = async (kind: 'stdout' | 'stderr', from: Readable) => {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.byteLength && !stream.destroyed; at += MAX_EXEC_FRAME_BYTES) {
          heardAtMs = clock.monotonic();
          // What is read in one turn leaves as one frame, which costs every process on the way as
          // much as a small one.
          stream.cork();
          clock.soon(() => stream.uncork());
          if (stream.write(encodeExec({ kind, bytes: chunk.subarray(at, at + MAX_EXEC_FRAME_BYTES) }))) continue;
          isWriting += 1;
          await drained(stream);
          isWriting -= 1;
        }
      }
    } catch {
      // Destroyed below.
    }
  };
  let isOver = false;
  const passed = Promise.all([pass('stdout', stdout), pass('stderr', stderr)]).then(() => {
    isOver = true;
  });
  await Promise.race([passed, ended]);
  heardAtMs = clock.monotonic();
  while (!isOver && !stream.destroyed && (isWriting > 0 || clock.monotonic() - heardAtMs < QUIET_MS))
    await Promise.race([passed, new Promise((resolve) => clock.after(QUIET_MS / 4, () => resolve(undefined)))]);
  stdout.destroy();
  stderr.destroy();
  await ended;
}
