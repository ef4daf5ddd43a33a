import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Clock } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Budgets } from '../../services/budget/budgets.ts';
import { payerOfAnswer } from '../access/budget-gate.ts';
import type { ClientAddresses } from '../server/client-address.ts';
import { hasLeft } from '../server/connections.ts';
import { refuse } from './errors.ts';

/** Smaller answers fit into the kernel's socket buffer. */
const LARGE_BYTES = 64 * 1024;
const PIECE_BYTES = 64 * 1024;
/** A client that reads nothing for this long is disconnected. */
const STUCK_MS = 30_000;

export interface LargeAnswersDeps {
  readonly budgets: Budgets;
  readonly addresses: ClientAddresses;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Sends answers that a client might not read: counts their bytes until they are sent, writes them
 * in pieces, so that TLS does not copy the whole, and disconnects clients that stop reading.
 */
export function largeAnswers({ budgets, addresses, clock, metrics }: LargeAnswersDeps): (ctx: Context) => void {
  const cut = metrics.counter({
    name: 'http_answers_cut_total',
    help: 'Answers aborted because their client read nothing for 30 s.',
  });

  function hold(ctx: Context, body: Buffer): void {
    const payer = payerOfAnswer(ctx) ?? { address: addresses.networkOf(ctx.req), standing: 'outsider' };
    const place = budgets.take(payer.account === undefined ? 'stranger_answer_bytes' : 'answer_bytes', payer, body.byteLength);
    if (!place.ok) return refuse(ctx, place.refusal);
    const { res } = ctx;
    let movedAt = clock.monotonic();
    const watch = () => {
      const leftMs = STUCK_MS - (clock.monotonic() - movedAt);
      if (leftMs > 0) {
        timer = clock.after(leftMs, watch);
        return;
      }
      cut.add();
      res.destroy();
    };
    let timer = clock.after(STUCK_MS, watch);
    res.once('close', () => {
      timer.cancel();
      place.value();
    });
    ctx.body = piecesOf(body, () => {
      movedAt = clock.monotonic();
    });
    ctx.length = body.byteLength;
  }

  return (ctx) => {
    const { body } = ctx.response;
    if (!isLarge(body) || ctx.method === 'HEAD' || ctx.respond === false || hasLeft(ctx)) return;
    hold(ctx, typeof body === 'string' ? Buffer.from(body) : body);
  };
}

const isLarge = (body: unknown): body is string | Buffer =>
  (typeof body === 'string' || Buffer.isBuffer(body)) && body.length >= LARGE_BYTES;

function piecesOf(body: Buffer, onPiece: () => void): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: PIECE_BYTES,
    read() {
      onPiece();
      const piece = body.subarray(at, at + PIECE_BYTES);
      at += piece.byteLength;
      this.push(piece.byteLength === 0 ? null : piece);
    },
  });
}
