import { within } from './deadline.ts';

export interface ServerEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Watches `/events` and keeps all events in order, so that a wait also sees earlier ones. */
export class EventStream {
  readonly events: ServerEvent[] = [];
  readonly #stop = new AbortController();
  readonly #looks = new Set<() => void>();
  #ended = false;

  /** Resolves once the stream is open. No later event is missed. */
  static async open(url: string, token: string, lastEventId?: string): Promise<EventStream> {
    const stream = new EventStream();
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const response = await fetch(url, { headers, signal: stream.#stop.signal });
    if (response.status !== 200 || response.body === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    stream.#read(response.body).catch(() => stream.#finish());
    return stream;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The newest id, from which a later stream can resume. */
  get lastId(): string | undefined {
    return this.events.findLast((event) => event.id !== undefined)?.id;
  }

  until(what: string, matches: (event: ServerEvent) => boolean, limitMs = 30_000): Promise<ServerEvent> {
    const found = new Promise<ServerEvent>((resolve, reject) => {
      const look = () => {
        const match = this.events.find(matches);
        if (match === undefined && !this.#ended) return;
        this.#looks.delete(look);
        if (match !== undefined) resolve(match);
        else reject(new Error(`the event stream ended before ${what}`));
      };
      this.#looks.add(look);
      look();
    });
    return within(what, limitMs, found);
  }

  close(): void {
    this.#stop.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of body) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    }
    this.#finish();
  }

  #take(block: string): void {
    let id: string | undefined;
    let type = 'message';
    const data: string[] = [];
    for (const line of block.split(/\r?\n/)) {
      const at = line.indexOf(':');
      if (at === 0) continue;
      const field = at < 0 ? line : line.slice(0, at);
      const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
      if (field === 'id') id = value;
      else if (field === 'event') type = value;
      else if (field === 'data') data.push(value);
    }
    if (data.length === 0) return;
    const parsed: unknown = JSON.parse(data.join('\n'));
    if (!isRecord(parsed)) throw new Error(`an event whose data is no object: ${block}`);
    this.events.push({ id, type, data: parsed });
    for (const look of [...this.#looks]) look();
  }

  #finish(): void {
    this.#ended = true;
    for (const look of [...this.#looks]) look();
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
