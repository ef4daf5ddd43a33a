import type { Environment } from './environment.ts';
import { Unreachable } from './errors.ts';
import { nextPiece } from './server-sent-events.ts';

export const FRAMES_TYPE = 'application/vnd.raworc.frames';
const KINDS = ['stdout', 'stderr', 'exit', 'error', 'ping'] as const;
const HEAD_BYTES = 5;
/** Of a frame's content. */
const MAX_CONTENT_BYTES = 1024 * 1024;

export type ExecPiece =
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'exit' | 'error'; readonly json: string };

/**
 * Yields the output in a response of frames, as it arrives: a piece can be a part of a frame. Throws
 * Unreachable if the response breaks off or falls silent.
 */
export async function* piecesOf(
  response: Response,
  { after }: Pick<Environment, 'after'>,
  signal: AbortSignal,
): AsyncGenerator<ExecPiece, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let unread: Uint8Array<ArrayBuffer> = new Uint8Array();
  let output: { readonly kind: 'stdout' | 'stderr'; left: number } | undefined;
  try {
    for (;;) {
      const { done, value } = await nextPiece(reader, after, signal);
      if (done) return;
      unread = joined(unread, value);
      while (unread.byteLength > 0) {
        if (output !== undefined) {
          const bytes = unread.subarray(0, output.left);
          unread = unread.subarray(bytes.byteLength);
          output.left -= bytes.byteLength;
          const { kind } = output;
          if (output.left === 0) output = undefined;
          yield { kind, bytes };
          continue;
        }
        if (unread.byteLength < HEAD_BYTES) break;
        const length = new DataView(unread.buffer, unread.byteOffset).getUint32(1);
        const kind = KINDS[unread[0] ?? KINDS.length];
        if (kind === undefined || length > MAX_CONTENT_BYTES) throw new Unreachable('The server sent an invalid frame');
        if (kind === 'stdout' || kind === 'stderr') {
          unread = unread.subarray(HEAD_BYTES);
          if (length > 0) output = { kind, left: length };
          continue;
        }
        if (unread.byteLength < HEAD_BYTES + length) break;
        const json = new TextDecoder().decode(unread.subarray(HEAD_BYTES, HEAD_BYTES + length));
        unread = unread.subarray(HEAD_BYTES + length);
        if (kind !== 'ping') yield { kind, json };
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function joined(rest: Uint8Array<ArrayBuffer>, piece: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (rest.byteLength === 0) return piece;
  const all = new Uint8Array(rest.byteLength + piece.byteLength);
  all.set(rest);
  all.set(piece, rest.byteLength);
  return all;
}
