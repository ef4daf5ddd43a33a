/** Reads bodies of multipart/form-data as they come, however large their parts are. */

const CRLF = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 16 * 1024;

export class MultipartError extends Error {}

export interface Part {
  /** Of the form's field. */
  readonly name: string;
  /** With all its directories, unlike most parsers give it. Undefined: it is no file. */
  readonly filename: string | undefined;
  /** Must be read to its end before the next part. */
  readonly content: AsyncIterable<Buffer>;
}

/** Returns the boundary in a Content-Type; undefined if it is not multipart/form-data. */
export function boundaryIn(contentType: string | undefined): string | undefined {
  const found = /^multipart\/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType ?? '');
  return found?.[1] ?? found?.[2];
}

/** Yields the parts of a body, one after another. Throws a {@link MultipartError} for a malformed one. */
export async function* partsOf(body: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<Part> {
  const source = body[Symbol.asyncIterator]();
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first boundary has no line before it.
  let held: Buffer = Buffer.from(CRLF);

  async function more(): Promise<boolean> {
    const next = await source.next();
    if (next.done === true) return false;
    held = held.byteLength === 0 ? next.value : Buffer.concat([held, next.value]);
    return true;
  }
  const need = async () => {
    if (!(await more())) throw new MultipartError('The body ends within a part.');
  };

  /** Yields what comes before the next boundary, and leaves what follows it. */
  async function* untilBoundary(): AsyncGenerator<Buffer> {
    for (;;) {
      const at = held.indexOf(delimiter);
      if (at !== -1) {
        const piece = held.subarray(0, at);
        held = held.subarray(at + delimiter.byteLength);
        if (piece.byteLength > 0) yield piece;
        return;
      }
      // The end can be the beginning of a boundary.
      const safe = held.byteLength - delimiter.byteLength + 1;
      if (safe > 0) {
        const piece = held.subarray(0, safe);
        held = held.subarray(safe);
        yield piece;
      }
      await need();
    }
  }

  for await (const _preamble of untilBoundary());
  for (;;) {
    while (held.byteLength < 2) await need();
    if (held.subarray(0, 2).toString() === '--') return;
    let end = held.indexOf(HEAD_END);
    while (end === -1) {
      if (held.byteLength > MAX_HEAD_BYTES) throw new MultipartError('The headers of a part are too long.');
      await need();
      end = held.indexOf(HEAD_END);
    }
    const head = held.subarray(0, end).toString();
    // The content can be empty: then its boundary begins with the line break of the headers.
    held = held.subarray(end + CRLF.byteLength);
    const content = (async function* () {
      let skip = CRLF.byteLength;
      for await (const piece of untilBoundary()) {
        const rest = piece.subarray(Math.min(skip, piece.byteLength));
        skip -= piece.byteLength - rest.byteLength;
        if (rest.byteLength > 0) yield rest;
      }
    })();
    yield { ...dispositionIn(head), content };
    for await (const _unread of content);
  }
}

function dispositionIn(head: string): Pick<Part, 'name' | 'filename'> {
  const line = head.split('\r\n').find((one) => /^content-disposition:/i.test(one)) ?? '';
  const quoted = (field: string): string | undefined => {
    const found =
      new RegExp(`;\\s*${field}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(line) ?? new RegExp(`;\\s*${field}=([^;\\s]+)`, 'i').exec(line);
    // As browsers and fetch write it.
    return found?.[1]
      ?.replace(/%22/g, '"')
      .replace(/%0D/gi, '\r')
      .replace(/%0A/gi, '\n')
      .replace(/\\(["\\])/g, '$1');
  };
  const name = quoted('name');
  if (name === undefined) throw new MultipartError('A part has no name.');
  return { name, filename: quoted('filename') };
}
