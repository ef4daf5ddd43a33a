import type { Context } from 'koa';
import type { ByteRange } from '../../../proto/streams/files-request.ts';
import type { FileContent } from '../../services/files/file-service.ts';

/** Returns the one range of a Range header. Several, or another unit, count as none. */
export function rangeIn(header: string): ByteRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (from !== '') {
    const start = Number(from);
    if (to === '') return { start };
    return Number(to) < start ? undefined : { start, end: Number(to) + 1 };
  }
  return to === '' ? undefined : { last: Number(to) };
}

/** Returns the tag of an ETag, or `*`. What cannot be one matches nothing. */
export function tagIn(header: string): string | undefined {
  const sent = header.trim();
  if (sent === '') return undefined;
  return sent === '*' ? '*' : (/^"([^"]{1,256})"$/.exec(sent)?.[1] ?? ' ');
}

/** Sets the headers of a file's bytes: 206 with a range, else 200. */
export function setFileHeaders(ctx: Context, { entry, start, length }: FileContent, isRange: boolean): void {
  ctx.status = isRange && length !== null ? 206 : 200;
  ctx.set({
    'Content-Type': 'application/octet-stream',
    // Nothing of a session is ever shown as a page of this origin.
    'Content-Disposition': 'attachment',
    'Cache-Control': 'no-store, no-transform',
    'Accept-Ranges': length === null ? 'none' : 'bytes',
    ETag: `"${entry.tag}"`,
    'Last-Modified': new Date(entry.modifiedAtMs).toUTCString(),
    'X-Raworc-Mode': entry.mode.toString(8).padStart(4, '0'),
  });
  if (length !== null) ctx.set('Content-Length', String(length));
  if (ctx.status === 206) ctx.set('Content-Range', `bytes ${start}-${start + (length ?? 0) - 1}/${entry.size}`);
}
