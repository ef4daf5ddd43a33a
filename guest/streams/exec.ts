import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { type ExecEnd, encodeExec, execRequest } from '../../proto/streams/exec-stream.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Command, StartCommand } from '../workers/command.ts';
import { OutputFrames } from './output-frames.ts';
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
  const sent = new OutputFrames(stream, [stdout, stderr], clock);
  let isOver = false;
  const passed = Promise.all([sent.pass('stdout', stdout), sent.pass('stderr', stderr)]).then(() => {
    isOver = true;
  });
  await Promise.race([passed, ended]);
  const endedAtMs = clock.monotonic();
  const quietMs = () => clock.monotonic() - Math.max(endedAtMs, sent.heardAtMs);
  while (!isOver && !stream.destroyed && (sent.isHeld || quietMs() < QUIET_MS))
    await Promise.race([passed, new Promise((resolve) => clock.after(QUIET_MS / 4, () => resolve(undefined)))]);
  stdout.destroy();
  stderr.destroy();
  sent.flush();
  await ended;
}
