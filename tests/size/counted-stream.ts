import { get, type IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';

export interface Frame {
  readonly id: string;
  readonly type: string;
  readonly bytes: number;
  /** Of all its bytes. */
  readonly crc: number;
}

/** An event stream of which only sums are kept, so that a thousand of them fit into the process of a test. */
export class CountedStream {
  /** Those with an id. */
  readonly frames: Frame[] = [];
  readonly #response: IncomingMessage;
  readonly #counts = new Map<string, number>();
  readonly #looks = new Set<() => void>();
  #head = '';
  #bytes = 0;
  #crc = 0;
  #endsInNewline = false;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.on('error', () => undefined);
  }

  static async open(url: string, token: string, options: { lastEventId?: string; paused?: boolean } = {}): Promise<CountedStream> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { headers, agent: false }, resolve).on('error', reject);
    });
    if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode}`);
    const stream = new CountedStream(response);
    if (options.paused !== true) response.on('data', (part: Buffer) => stream.#take(part));
    return stream;
  }

  /** Resolves once there are so many frames of that type. */
  until(type: string, count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if ((this.#counts.get(type) ?? 0) < count) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#response.once('close', () => reject(new Error(`the stream ended after ${this.of(type).length} of ${count}`)));
      this.#looks.add(look);
      look();
    });
  }

  of(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  close(): void {
    this.#response.destroy();
  }

  #take(part: Buffer): void {
    let from = 0;
    if (this.#endsInNewline && part[0] === 10) {
      this.#add(part.subarray(0, 1));
      this.#end();
      from = 1;
    }
    for (let at = part.indexOf('\n\n', from); at >= 0; at = part.indexOf('\n\n', from)) {
      this.#add(part.subarray(from, at + 2));
      this.#end();
      from = at + 2;
    }
    if (from < part.length) this.#add(part.subarray(from));
    this.#endsInNewline = from < part.length && part.at(-1) === 10;
    for (const look of [...this.#looks]) look();
  }

  #add(part: Buffer): void {
    if (this.#head.length < 100) this.#head += part.subarray(0, 100).toString('latin1');
    this.#bytes += part.byteLength;
    this.#crc = crc32(part, this.#crc);
  }

  #end(): void {
    const [, id, type] = /^id: (\S+)\nevent: (\S+)\n/.exec(this.#head) ?? [];
    if (id !== undefined && type !== undefined) {
      this.frames.push({ id, type, bytes: this.#bytes, crc: this.#crc });
      this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
    }
    this.#head = '';
    this.#bytes = 0;
    this.#crc = 0;
    this.#endsInNewline = false;
  }
}
