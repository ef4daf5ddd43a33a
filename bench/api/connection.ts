/** A minimal HTTP/1.1 client, so that requests cost much less than their answers. */
import { connect, type Socket } from 'node:net';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Sends one request after another on one connection. Answers must have a Content-Length. */
export class Connection {
  readonly #socket: Socket;
  #settle: ((status: number) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #status = 0;
  #left = -1;
  #head = '';

  constructor({ host, port }: Target) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#fail?.(error));
    this.#socket.on('close', () => this.#fail?.(new Error('the server closed the connection')));
  }

  get isFree(): boolean {
    return this.#settle === undefined;
  }

  /** Resolves to the status once the whole answer has arrived. */
  send(request: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#left < 0) {
      const text = this.#head + chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#head = text;
        return;
      }
      this.#status = Number(text.slice(9, 12));
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
      if (length === undefined) {
        this.#fail?.(new Error(`the answer has no Content-Length: ${text.slice(0, end)}`));
        return;
      }
      this.#left = Number(length) - (text.length - end - 4);
      this.#head = '';
    } else this.#left -= chunk.length;
    if (this.#left > 0) return;
    this.#left = -1;
    const settle = this.#settle;
    this.#settle = undefined;
    this.#fail = undefined;
    settle?.(this.#status);
  }
}

/** Returns the bytes of a request. */
export function request(method: string, path: string, token: string, body?: unknown): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const about = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n${about}\r\n${text}`;
}
