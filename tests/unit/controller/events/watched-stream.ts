import { type ClientRequest, request } from 'node:http';

/** A stream of server-sent events, read as it comes. */
export class WatchedStream {
  readonly status: Promise<number>;
  readonly ended: Promise<void>;
  isOver = false;
  readonly #sent: ClientRequest;

  /** `event` is called with the data of each. */
  constructor(url: string, bearer: string, event: (data: Readonly<Record<string, unknown>>) => void) {
    this.#sent = request(url, { headers: { authorization: `Bearer ${bearer}` }, agent: false });
    const over = Promise.withResolvers<void>();
    const status = Promise.withResolvers<number>();
    this.status = status.promise;
    this.ended = over.promise.then(() => {
      this.isOver = true;
    });
    this.#sent.on('error', () => {
      status.resolve(0);
      over.resolve();
    });
    this.#sent.on('response', (answer) => {
      status.resolve(answer.statusCode ?? 0);
      let rest = '';
      answer.setEncoding('utf8');
      answer.on('error', () => over.resolve());
      answer.on('close', () => over.resolve());
      answer.on('data', (chunk: string) => {
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const data = /^data: (.*)$/m.exec(block)?.[1];
          if (data !== undefined) event(JSON.parse(data) as Readonly<Record<string, unknown>>);
        }
      });
    });
    this.#sent.end();
  }

  close(): void {
    this.#sent.destroy();
  }
}
