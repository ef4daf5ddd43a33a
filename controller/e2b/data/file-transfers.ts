import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { bytesOf } from '../../../proto/streams/files-paths.ts';
import type { FileEntry } from '../../../proto/streams/files-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import { drained } from '../../../seams/drained.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import { STATUS_OF, sendError, sendJson, sendRefusal } from '../answers.ts';
import { ConnectError, HTTP_OF } from '../connect/codes.ts';
import type { E2bDeps } from '../exchange.ts';
import { type DataExchange, DEFAULT_USER, userIn } from './data-exchange.ts';
import { textOf } from './entry-info.ts';
import { filesFor } from './filesystem-calls.ts';
import { boundaryIn, MultipartError, partsOf } from './multipart.ts';
import { absolutePath, type SandboxUser, sandboxUser } from './paths.ts';

/** Files of one upload. */
const MAX_PARTS = 10_000;

/** Downloads and uploads of files: GET and POST /files. */
export function fileTransfers({ services: { files } }: E2bDeps) {
  function userOf({ req, url }: DataExchange): SandboxUser {
    const named = url.searchParams.get('username');
    return sandboxUser(named ?? userIn(req.headers.authorization) ?? DEFAULT_USER);
  }

  async function download(exchange: DataExchange): Promise<void> {
    const { req, res, url } = exchange;
    const user = userOf(exchange);
    const path = absolutePath(url.searchParams.get('path') ?? '', user);
    const range = rangeIn(req.headers.range);
    const found = await files.read(filesFor(exchange, user), { path: bytesOf(path), ...(range === undefined ? {} : { range }) });
    if (!found.ok) return refuse(exchange, found);
    const { entry, start, length, bytes } = found.value;
    const size = entry.link?.size ?? entry.size;
    const isPart = range !== undefined && length !== null;
    res.writeHead(isPart ? 206 : 200, {
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(path.slice(path.lastIndexOf('/') + 1))}`,
      'Accept-Ranges': 'bytes',
      'Cache-Control': 'no-store',
      'Last-Modified': new Date(entry.modifiedAtMs).toUTCString(),
      // A file of /proc has no size that can be known before its end.
      ...(length === null ? {} : { 'Content-Length': String(length) }),
      ...(isPart ? { 'Content-Range': `bytes ${start}-${start + length - 1}/${size}` } : {}),
    });
    try {
      for await (const piece of bytes) {
        if (res.destroyed) return;
        if (!res.write(piece)) await drained(res);
      }
      res.end();
    } catch (error) {
      // The client must see that the file is not complete.
      res.destroy();
      if (!(error instanceof StreamError)) throw error;
    }
  }

  async function upload(exchange: DataExchange): Promise<void> {
    const { req, res, url } = exchange;
    const user = userOf(exchange);
    if (Object.keys(req.headers).some((name) => name.startsWith('x-metadata-')))
      return sendError(res, 400, 'Raworc keeps no metadata of files. Upload the file without it.');
    const named = url.searchParams.get('path');
    const write = (path: string, body: Readable) =>
      files.write(filesFor(exchange, user), { path: bytesOf(absolutePath(path, user)), parents: true, isNew: false, mode: 0o644 }, body);
    const boundary = boundaryIn(req.headers['content-type']);
    const written: object[] = [];
    const unpacked = plain(exchange);
    if (boundary === undefined) {
      if (!/^application\/octet-stream\b/i.test(req.headers['content-type'] ?? ''))
        return sendError(res, 400, 'The Content-Type must be multipart/form-data or application/octet-stream.');
      if (named === null || named === '') return sendError(res, 400, 'path must name the file.');
      const done = await write(named, unpacked);
      if (isUnpacking(unpacked.errored)) throw unpacked.errored;
      if (!done.ok) return refuse(exchange, done);
      written.push(writtenObject(done.value.entry));
      return sendJson(res, 200, written);
    }
    try {
      for await (const { name, filename, content } of partsOf(unpacked, boundary)) {
        if (name !== 'file') continue;
        if (written.length >= MAX_PARTS) return sendError(res, 400, `An upload has at most ${MAX_PARTS} files.`);
        const path = named === null || named === '' ? filename : named;
        if (path === undefined || path === '') return sendError(res, 400, 'A part named file has no filename.');
        const done = await write(path, Readable.from(content, { objectMode: false }));
        if (isUnpacking(unpacked.errored)) throw unpacked.errored;
        if (!done.ok) return refuse(exchange, done);
        written.push(writtenObject(done.value.entry));
      }
    } catch (error) {
      if (error instanceof MultipartError) return sendError(res, 400, error.message);
      throw error;
    }
    sendJson(res, 200, written);
  }

  return async (exchange: DataExchange): Promise<void> => {
    try {
      if (exchange.req.method === 'GET') await download(exchange);
      else if (exchange.req.method === 'POST') await upload(exchange);
      else sendError(exchange.res, 405, 'Files are read with GET and written with POST.');
    } catch (error) {
      // The connection takes no other request before this one is read.
      exchange.req.resume();
      if (isUnpacking(error)) return sendError(exchange.res, 400, 'The body is not gzip, which its Content-Encoding says.');
      if (!(error instanceof ConnectError)) throw error;
      sendError(exchange.res, HTTP_OF[error.code], error.message);
    }
  };
}

const isUnpacking = (error: unknown): error is Error => error instanceof Error && 'code' in error && /^Z_/.test(String(error.code));

/** The body as the client meant it. */
function plain({ req }: DataExchange): Readable {
  if (req.headers['content-encoding'] !== 'gzip') return req;
  const unpacked = createGunzip();
  // It can fail before its reader attaches, which then sees the error.
  unpacked.on('error', () => undefined);
  req.once('error', (error) => unpacked.destroy(error));
  req.once('close', () => {
    if (!req.readableEnded) unpacked.destroy();
  });
  return req.pipe(unpacked);
}

function refuse({ res, req }: DataExchange, outcome: Outcome<unknown>): void {
  if (outcome.ok) return;
  req.resume();
  const { code, message } = outcome.refusal;
  // E2B says 400 of a directory where a file should be.
  if (STATUS_OF[code] === 409) sendError(res, 400, message);
  else sendRefusal(res, outcome.refusal);
}

/** Exactly these fields: E2B's clients compare the whole. */
function writtenObject(entry: FileEntry): object {
  const path = textOf(entry.path);
  return { name: path.slice(path.lastIndexOf('/') + 1), path, type: 'file' };
}

function rangeIn(sent: string | undefined): { readonly start: number; readonly end?: number } | { readonly last: number } | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(sent ?? '');
  if (found === null || (found[1] === '' && found[2] === '')) return undefined;
  if (found[1] === '') return { last: Number(found[2]) };
  return { start: Number(found[1]), ...(found[2] === '' ? {} : { end: Number(found[2]) + 1 }) };
}
