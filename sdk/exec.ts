import type { Environment } from './environment.ts';
import { RaworcError, Unreachable } from './errors.ts';
import type { Wire } from './event-feed.ts';
import type { ExecSessionData } from './generated/types.gen.ts';
import { frames } from './server-sent-events.ts';

export type ExecCommand = NonNullable<ExecSessionData['body']>;

/** A piece of a command's output, or its end, which comes last. */
export type ExecPart =
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'exit';
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly timedOut: boolean;
      readonly durationMs: number;
    };

/**
 * Runs a command in a session and yields its output as it comes. Never repeated: Unreachable says
 * that whether it ended is not known. Leaving the loop early kills the command.
 */
export async function* execParts(
  { transport, tokens, environment }: Wire & { readonly environment: Pick<Environment, 'after'> },
  session: string,
  command: ExecCommand,
  signal?: AbortSignal,
): AsyncGenerator<ExecPart, void> {
  const ending = new AbortController();
  const stop = AbortSignal.any([ending.signal, transport.signal, ...(signal === undefined ? [] : [signal])]);
  const request = {
    method: 'POST' as const,
    path: `/sessions/${encodeURIComponent(session)}/exec?stream=sse`,
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ ...command, encoding: 'base64' }),
    signal: stop,
  };
  const response = await transport.send(request, tokens, async (answer) => answer);
  try {
    for await (const { event, data } of frames(response, environment, stop, () => undefined)) {
      const fields = JSON.parse(data);
      if (event === 'stdout' || event === 'stderr') yield { kind: event, bytes: bytesIn(String(fields.data)) };
      else if (event === 'exit') {
        const { exit_code: exitCode, signal: by, timed_out: timedOut, duration_ms: durationMs } = fields;
        yield { kind: 'exit', exitCode, signal: by, timedOut, durationMs };
        return;
      } else if (event === 'error') throw new RaworcError({ ...fields, status: fields.code === 'UNAVAILABLE' ? 503 : 422 });
    }
    throw new Unreachable('The connection ended before the command');
  } finally {
    ending.abort();
  }
}

const bytesIn = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
