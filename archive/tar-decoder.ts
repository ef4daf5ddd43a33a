import { BLOCK_BYTES, type Bytes, decodeTarHeader, kindOfFlag, paddingOf, paxRecords, type TarEntry, TarFault } from './tar-header.ts';

/** Longest name or POSIX header. */
const MAX_RECORD_BYTES = 64 * 1024;

export interface TarSink {
  /** An entry begins. Its content follows. */
  entry(entry: TarEntry): void;
  /** A part of the content. */
  content(bytes: Buffer): void;
  /** The content is whole. */
  end(): void;
  /** Comments, as POSIX headers for the whole archive carry them. */
  comment?(text: Bytes): void;
}

/**
 * Decodes a tar as it arrives, and keeps no more of it than a header. Throws a {@link TarFault} for
 * what is damaged, and for entries that are neither files, directories nor links.
 */
export class TarDecoder {
  readonly #sink: TarSink;
  #held: Buffer = Buffer.alloc(0);
  #state: 'header' | 'content' | 'record' | 'padding' | 'over' = 'header';
  #left = 0;
  #padding = 0;
  #record: { readonly kind: 'long-name' | 'long-target' | 'pax' | 'global'; readonly pieces: Buffer[] } | undefined;
  #next: { name?: Bytes; target?: Bytes; size?: number; mtimeMs?: number } = {};

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Whether the end of the archive was seen. */
  get isOver(): boolean {
    return this.#state === 'over' || (this.#state === 'header' && this.#held.byteLength === 0);
  }

  decode(bytes: Buffer): void {
    let rest = this.#held.byteLength === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = Buffer.alloc(0);
    while (rest.byteLength > 0 && this.#state !== 'over') {
      if (this.#state === 'header') {
        if (rest.byteLength < BLOCK_BYTES) {
          this.#held = Buffer.from(rest);
          return;
        }
        this.#header(rest.subarray(0, BLOCK_BYTES));
        rest = rest.subarray(BLOCK_BYTES);
      } else {
        const piece = rest.subarray(0, this.#left);
        rest = rest.subarray(piece.byteLength);
        this.#left -= piece.byteLength;
        if (this.#state === 'content') this.#sink.content(piece);
        else if (this.#state === 'record') this.#record?.pieces.push(piece);
      }
      this.#advance();
    }
  }

  #header(block: Buffer): void {
    const header = decodeTarHeader(block);
    if (header === undefined) {
      this.#state = 'over';
      return;
    }
    const { flag, ...raw } = header;
    const kind = kindOfFlag(flag);
    if (kind === 'unsupported')
      throw new TarFault(`The archive has an entry of type ${JSON.stringify(flag)}: only files, directories and links can be unpacked.`);
    const size = kind === 'entry' ? (this.#next.size ?? raw.size) : raw.size;
    if (kind !== 'entry') {
      if (size > MAX_RECORD_BYTES) throw new TarFault('The archive has a name that is too long.');
      this.#record = { kind, pieces: [] };
      this.#begin('record', size, size);
      return;
    }
    const entry = { ...raw, ...this.#next, size: raw.type === 'file' ? size : 0 };
    this.#next = {};
    this.#sink.entry(entry);
    this.#begin('content', entry.size, size);
  }

  #begin(state: 'content' | 'record', left: number, padded: number): void {
    this.#state = state;
    this.#left = left;
    this.#padding = padded - left + paddingOf(padded);
  }

  /** Goes on to the next state that has bytes. */
  #advance(): void {
    if (this.#state === 'header' || this.#state === 'over' || this.#left > 0) return;
    if (this.#state === 'padding') {
      this.#state = 'header';
      return;
    }
    if (this.#state === 'content') this.#sink.end();
    else this.#recorded();
    this.#state = this.#padding === 0 ? 'header' : 'padding';
    this.#left = this.#padding;
  }

  #recorded(): void {
    const record = this.#record;
    if (record === undefined) return;
    this.#record = undefined;
    const bytes = Buffer.concat(record.pieces);
    switch (record.kind) {
      case 'long-name':
        this.#next.name = untilNul(bytes);
        return;
      case 'long-target':
        this.#next.target = untilNul(bytes);
        return;
      case 'global': {
        const comment = paxRecords(bytes).get('comment');
        if (comment !== undefined) this.#sink.comment?.(comment);
        return;
      }
      case 'pax': {
        const records = paxRecords(bytes);
        const [name, target, size, mtime] = ['path', 'linkpath', 'size', 'mtime'].map((key) => records.get(key));
        if (records.has('GNU.sparse.major')) throw new TarFault('The archive has sparse files. Pack it without --sparse.');
        if (name !== undefined) this.#next.name = name;
        if (target !== undefined) this.#next.target = target;
        if (size !== undefined && /^\d{1,15}$/.test(size)) this.#next.size = Number(size);
        if (mtime !== undefined && Number.isFinite(Number(mtime))) this.#next.mtimeMs = Number(mtime) * 1000;
        return;
      }
      default:
        record.kind satisfies never;
    }
  }
}

function untilNul(bytes: Buffer): Bytes {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.byteLength : end);
}
