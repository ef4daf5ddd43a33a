import type { IncomingMessage } from 'node:http';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';

export const MAX_BODY_BYTES = 1024 * 1024;
const MAX_DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON body of a request; `{}` for none, an empty one and `null`. At most 1 MiB: more is refused by its Content-Length
 * or as soon as it has come. What was not read of a refused body is thrown away by Node.js, so that the answer arrives.
 */
export async function readJson(req: IncomingMessage): Promise<Outcome<unknown>> {
  const announced = Number(req.headers['content-length'] ?? Number.NaN);
  if (announced > MAX_BODY_BYTES) return tooLarge();
  if (announced === 0 || (Number.isNaN(announced) && req.headers['transfer-encoding'] === undefined)) return accepted({});
  const media = mediaRefusal(req);
  if (media !== undefined) return media;
  const bytes = await readAll(req);
  if (!bytes.ok) return bytes;
  return parse(bytes.value);
}

function mediaRefusal(req: IncomingMessage): ReturnType<typeof refused> | undefined {
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return refused('UNSUPPORTED_MEDIA_TYPE', 'Send the body without Content-Encoding');
  const header = req.headers['content-type'];
  if (header === undefined || header === '') return undefined;
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith('charset='));
  if (type.trim() !== 'application/json') return refused('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json');
  if (charset === undefined || /^charset="?utf-?8"?$/.test(charset)) return undefined;
  return refused('UNSUPPORTED_MEDIA_TYPE', 'Send the body in UTF-8');
}

function readAll(req: IncomingMessage): Promise<Outcome<Buffer>> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // By events and not by iteration, which would destroy the socket when it ends early.
    const stop = () => {
      req.off('data', take).off('end', end).off('error', fail).off('close', cut);
    };
    const take = (chunk: Buffer) => {
      length += chunk.byteLength;
      if (length <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      stop();
      req.resume();
      resolve(tooLarge());
    };
    const end = () => {
      stop();
      resolve(accepted(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)));
    };
    const fail = (fault: Error) => {
      stop();
      reject(fault);
    };
    const cut = () => fail(Object.assign(new Error('The request was cut off'), { code: 'ECONNABORTED' }));
    req.on('data', take).on('end', end).on('error', fail).on('close', cut);
  });
}

function parse(bytes: Buffer): Outcome<unknown> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return refused('BAD_REQUEST', 'The body is not UTF-8');
  }
  if (text.trim() === '') return accepted({});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused('BAD_REQUEST', 'The body is not JSON');
  }
  // Whatever walks the value later may recurse.
  if (isDeeper(value, MAX_DEPTH)) return refused('BAD_REQUEST', `The body is nested deeper than ${MAX_DEPTH} levels`);
  return accepted(value ?? {});
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

function tooLarge(): ReturnType<typeof refused> {
  return refused('PAYLOAD_TOO_LARGE', 'The body is larger than 1 MiB', { max_bytes: MAX_BODY_BYTES });
}
