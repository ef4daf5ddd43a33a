import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../seams/clock.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';

export const MAX_BODY_BYTES = 1024 * 1024;
/** For public routes, which accept bodies from anyone. */
export const MAX_PUBLIC_BODY_BYTES = 16 * 1024;
const DEADLINE_MS = 60_000;
const PUBLIC_DEADLINE_MS = 10_000;
const MAX_DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true });

export interface BodyBounds {
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly clock: Pick<Clock, 'after'>;
  /** Called before bytes are buffered. */
  readonly grow: (bytes: number) => Outcome<unknown>;
}

export const bodyBounds = ({ isPublic }: { readonly isPublic: boolean }) =>
  isPublic ? { maxBytes: MAX_PUBLIC_BODY_BYTES, deadlineMs: PUBLIC_DEADLINE_MS } : { maxBytes: MAX_BODY_BYTES, deadlineMs: DEADLINE_MS };

/**
 * Reads the JSON body of a request; `{}` if there is none, or it is empty or `null`. Refuses a body
 * that is too large by its Content-Length, or as soon as it exceeds the bound. Node.js discards the
 * rest of a refused body, so that the client can read the answer.
 */
export async function readJson(req: IncomingMessage, bounds: BodyBounds): Promise<Outcome<unknown>> {
  const announced = Number(req.headers['content-length'] ?? Number.NaN);
  if (announced > bounds.maxBytes) return tooLarge(bounds);
  if (announced === 0 || (Number.isNaN(announced) && req.headers['transfer-encoding'] === undefined)) return accepted({});
  const media = mediaRefusal(req);
  if (media !== undefined) return media;
  const bytes = await readAll(req, bounds);
  if (!bytes.ok) return bytes;
  return parse(bytes.value);
}

function mediaRefusal(req: IncomingMessage): ReturnType<typeof refused> | undefined {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    return refused('UNSUPPORTED_MEDIA_TYPE', 'The Content-Encoding is not supported. Send the body uncompressed.');
  const header = req.headers['content-type'];
  if (header === undefined || header === '') return undefined;
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith('charset='));
  if (type.trim() !== 'application/json')
    return refused('UNSUPPORTED_MEDIA_TYPE', 'The Content-Type is not supported. Send the body as application/json.');
  if (charset === undefined || /^charset="?utf-?8"?$/.test(charset)) return undefined;
  return refused('UNSUPPORTED_MEDIA_TYPE', 'The charset is not supported. Send the body in UTF-8.');
}

function readAll(req: IncomingMessage, bounds: BodyBounds): Promise<Outcome<Buffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // Async iteration would destroy the socket on an early exit.
    const stop = () => {
      timer.cancel();
      req.off('data', take).off('end', end).off('error', fail).off('close', cut);
    };
    const refuse = (refusal: Outcome<never>) => {
      stop();
      chunks.length = 0;
      req.resume();
      resolve(refusal);
    };
    const take = (chunk: Buffer) => {
      length += chunk.byteLength;
      if (length > bounds.maxBytes) return refuse(tooLarge(bounds));
      const room = bounds.grow(chunk.byteLength);
      if (!room.ok) return refuse(room);
      chunks.push(chunk);
    };
    const timer = bounds.clock.after(bounds.deadlineMs, () => refuse(tooSlow(bounds)));
    const end = () => {
      stop();
      resolve(accepted(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)));
    };
    const fail = (fault: Error) => {
      stop();
      reject(fault);
    };
    const cut = () => fail(Object.assign(new Error('the request ended early'), { code: 'ECONNABORTED' }));
    req.on('data', take).on('end', end).on('error', fail).on('close', cut);
  });
}

function parse(bytes: Buffer): Outcome<unknown> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return refused('BAD_REQUEST', 'The body is not valid UTF-8.');
  }
  if (text.trim() === '') return accepted({});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused('BAD_REQUEST', 'The body is not valid JSON.');
  }
  // Later code walks the value recursively.
  if (isDeeper(value, MAX_DEPTH)) return refused('BAD_REQUEST', `The body is nested deeper than ${MAX_DEPTH} levels.`);
  return accepted(value ?? {});
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

function tooLarge({ maxBytes }: BodyBounds): ReturnType<typeof refused> {
  const most = maxBytes === MAX_BODY_BYTES ? '1 MiB' : `${maxBytes / 1024} KiB`;
  return refused('PAYLOAD_TOO_LARGE', `The body is larger than ${most}.`, { max_bytes: maxBytes });
}

function tooSlow({ deadlineMs }: BodyBounds): ReturnType<typeof refused> {
  return refused('BAD_REQUEST', `The body did not arrive within ${deadlineMs / 1000} s. Send it again.`);
}
