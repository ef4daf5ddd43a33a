import { StringDecoder } from 'node:string_decoder';

/** Decodes lines from bytes as they arrive. */
export class LineDecoder<Line> {
  readonly #decoder = new StringDecoder('utf8');
  readonly #read: (text: string) => Line;
  readonly #maxCharacters: number;
  readonly #tooLong: () => Error;
  #rest = '';

  /** `read` returns what a line says, or throws. A line that is too long throws at once. */
  constructor(read: (text: string) => Line, maxCharacters: number, tooLong: () => Error) {
    this.#read = read;
    this.#maxCharacters = maxCharacters;
    this.#tooLong = tooLong;
  }

  decode(bytes: Buffer): readonly Line[] {
    const pieces = `${this.#rest}${this.#decoder.write(bytes)}`.split('\n');
    this.#rest = pieces.pop() ?? '';
    if (this.#rest.length > this.#maxCharacters) throw this.#tooLong();
    return pieces.map(this.#read);
  }
}

/** Parses a line of JSON. Throws what `malformed` returns if it is none. */
export function jsonIn(text: string, malformed: () => Error): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed();
  }
}
