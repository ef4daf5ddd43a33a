import type { Environment } from './environment.ts';
import { RaworcError, Unreachable } from './errors.ts';
import type { Wire } from './event-feed.ts';
import { type ExecPiece, FRAMES_TYPE, piecesOf } from './exec-frames.ts';
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
    headers: { 'content-type': 'application/json', accept: `${FRAMES_TYPE}, text/event-stream;q=0.5` },
    body: JSON.stringify({ ...command, encoding: 'base64' }),
    signal: stop,
  };
  const response = await transport.send(request, tokens, async (answer) => answer);
  try {
    // A server of an older release answers with events.
    const isFramed = response.headers.get('content-type')?.startsWith(FRAMES_TYPE) === true;
    const pieces = isFramed ? piecesOf(response, environment, stop) : eventsOf(response, environment, stop);
    for await (const piece of pieces) {
      if ('bytes' in piece) {
        yield piece;
        continue;
      }
      const fields = JSON.parse(piece.json);
      if (piece.kind === 'error') throw new RaworcError({ ...fields, status: fields.code === 'UNAVAILABLE' ? 503 : 422 });
      const { exit_code: exitCode, signal: by, timed_out: timedOut, duration_ms: durationMs } = fields;
      yield { kind: 'exit', exitCode, signal: by, timedOut, durationMs };
      return;
    }
    throw new Unreachable('The connection ended before the command');
  } finally {
    ending.abort();
  }
}

async function* eventsOf(response: Response, environment: Pick<Environment, 'after'>, stop: AbortSignal): AsyncGenerator<ExecPiece, void> {
  for await (const { event, data } of frames(response, environment, stop, () => undefined)) {
    if (event === 'stdout' || event === 'stderr') yield { kind: event, bytes: bytesIn(String(JSON.parse(data).data)) };
    else if (event === 'exit' || event === 'error') yield { kind: event, json: data };
  }
}

const bytesIn = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
