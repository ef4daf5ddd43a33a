import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../seams/clock.ts';
import { accepted, type Outcome, refused } from '../domain/engine/outcome.ts';
import type { Holding } from '../services/budget/budgets.ts';

const DEADLINE_MS = 60_000;

export interface BodyBounds {
  readonly maxBytes: number;
  readonly clock: Pick<Clock, 'after'>;
  readonly held: Holding;
}

/** Reads a whole body into memory. Refuses one that is too large, too slow, or beyond the caller's budget. */
export function readBody(req: IncomingMessage, { maxBytes, clock, held }: BodyBounds): Promise<Outcome<Buffer>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (outcome: Outcome<Buffer>) => {
      timer.cancel();
      req.off('data', take).off('end', done).off('error', cut).off('close', cut);
      if (!outcome.ok) req.resume();
      resolve(outcome);
    };
    const take = (chunk: Buffer) => {
      length += chunk.byteLength;
      if (length > maxBytes) return end(refused('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`));
      const room = held.grow(chunk.byteLength);
      if (!room.ok) return end(room);
      chunks.push(chunk);
    };
    const done = () => end(accepted(Buffer.concat(chunks, length)));
    const cut = () => end(refused('BAD_REQUEST', 'The request ended early.'));
    const timer = clock.after(DEADLINE_MS, () =>
      end(refused('REQUEST_TIMEOUT', `The body did not arrive within ${DEADLINE_MS / 1000} s. Send it again.`)),
    );
    req.on('data', take).on('end', done).on('error', cut).on('close', cut);
  });
}
