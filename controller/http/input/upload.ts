import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

export const MAX_UPLOAD_BYTES = 64 * 1024 * 1024;
const ARCHIVE_TYPES = [
  'application/gzip',
  'application/x-gzip',
  'application/x-tar+gzip',
  'application/x-gtar',
  'application/octet-stream',
];

/**
 * Returns the body of an upload as a separate stream: its reader can destroy it at any time, and
 * the connection stays open for the response. Fails if the client disconnects.
 */
export function readUpload(req: IncomingMessage): Outcome<Readable> {
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== '' && !ARCHIVE_TYPES.includes(type)) {
    return refused('UNSUPPORTED_MEDIA_TYPE', 'The Content-Type is not supported. Send a gzipped tar as application/gzip.');
  }
  if (Number(req.headers['content-length'] ?? 0) > MAX_UPLOAD_BYTES) {
    return refused('PAYLOAD_TOO_LARGE', 'The archive is larger than 64 MiB.', { max_bytes: MAX_UPLOAD_BYTES });
  }
  return accepted(detached(req));
}

/** Returns a body as a stream of its own: destroying it leaves the connection open for the answer. */
export function detached(req: IncomingMessage): Readable {
  const body = new Readable({
    read: () => {
      req.resume();
    },
    destroy(fault, done) {
      req.off('data', take).off('end', end).off('error', cut).off('close', cut);
      req.pause();
      done(fault);
    },
  });
  const take = (chunk: Buffer) => {
    if (!body.push(chunk)) req.pause();
  };
  const end = () => body.push(null);
  const cut = () => {
    if (!req.readableEnded) body.destroy(Object.assign(new Error('the upload ended early'), { code: 'ECONNABORTED' }));
  };
  // The stream can fail before its reader attaches, who then sees the error.
  body.on('error', () => undefined);
  req.on('data', take).on('end', end).on('error', cut).on('close', cut);
  req.pause();
  return body;
}
