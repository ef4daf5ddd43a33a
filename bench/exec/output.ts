/** Times a long output of a command in a session, read by the SDK in programs of their own, beside `docker exec`. */
import { fork, spawn } from 'node:child_process';
import { z } from 'zod';
import { childMessage } from '../../tests/child-message.ts';
import { timed } from '../figures/figures.ts';

export const MEGABYTES = 200;
const ARGV = ['head', '-c', String(MEGABYTES * 1_000_000), '/dev/zero'];

export interface OutputOf {
  readonly url: string;
  readonly token: string;
  readonly session: string;
  readonly container: string;
}

/** In milliseconds. */
export interface OutputTimes {
  /** With the settings of the CLI for garbage. */
  readonly bounded: number[];
  /** With those of Node.js. */
  readonly plain: number[];
  readonly docker: number[];
}

export async function outputs({ container, ...of }: OutputOf, turns: number, signal: AbortSignal): Promise<OutputTimes> {
  const times: OutputTimes = { bounded: [], plain: [], docker: [] };
  const readers = (['bounded', 'plain'] as const).map((how) => ({
    how,
    child: fork(new URL('./reader.ts', import.meta.url), [how], { execArgv: [] }),
  }));
  try {
    for (let turn = -1; turn < turns; turn += 1) {
      signal.throwIfAborted();
      for (const { how, child } of readers) {
        const took = await timed(async () => {
          child.send({ ...of, argv: ARGV });
          complete(z.object({ bytes: z.number() }).parse(await childMessage(child, 'bytes')).bytes);
        });
        // The first turn warms up.
        if (turn >= 0) times[how].push(took);
      }
      const took = await timed(async () => {
        const child = spawn('docker', ['exec', container, ...ARGV], { stdio: ['ignore', 'pipe', 'inherit'] });
        let bytes = 0;
        for await (const piece of child.stdout) bytes += (piece as Buffer).byteLength;
        complete(bytes);
      });
      if (turn >= 0) times.docker.push(took);
    }
  } finally {
    for (const { child } of readers) child.kill();
  }
  return times;
}

function complete(bytes: number): void {
  if (bytes !== MEGABYTES * 1_000_000) throw new Error(`${bytes} bytes of output`);
}
