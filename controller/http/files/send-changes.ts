import type { Context } from 'koa';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import { fileObject, pathFields } from '../../services/files/file-objects.ts';
import type { FileChanges } from '../../services/files/file-service.ts';
import { HELLO_FRAME } from '../events/event-frames.ts';
import type { PacedResponse } from './send-content.ts';

/**
 * Sends changes as events: `ready` once everything from here on is seen, `change`, `lost` where
 * changes are missing, `gone` when the directory itself was removed, and `error`.
 */
export async function sendChanges(ctx: Context, paced: PacedResponse, outcome: Outcome<FileChanges>): Promise<Outcome<undefined>> {
  if (!outcome.ok) return outcome;
  const { res } = ctx;
  ctx.set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache, no-transform', 'X-Accel-Buffering': 'no' });
  ctx.status = 200;
  // Bypasses Koa, which reports each disconnect of a piped stream as an error.
  ctx.respond = false;
  res.flushHeaders();
  paced.beginEvents();
  await paced.write(HELLO_FRAME);
  try {
    for await (const line of outcome.value.lines) {
      if (res.destroyed) return accepted(undefined);
      if (typeof line === 'string') await paced.write(event(line, {}));
      else {
        const { change, path, entry, renamedTo } = line;
        const shown = entry === undefined ? {} : { entry: fileObject(entry) };
        const moved = renamedTo === undefined ? {} : pathFields('renamed_to', renamedTo);
        await paced.write(event('change', { type: change, ...pathFields('path', path), ...moved, ...shown }));
      }
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    await paced.write(event('error', { code: 'UNAVAILABLE', reason: error.reason, message: error.message }));
  } finally {
    res.end();
  }
  return accepted(undefined);
}

const event = (type: string, data: unknown): string => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
