import { Agent, type IncomingMessage, request } from 'node:http';
import type { Got } from '../contract/judge.ts';
import { LIMIT_MS } from './constants.ts';

export interface Sent {
  readonly method: string;
  /** With the query, as it goes on the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | Uint8Array | undefined;
  /** The loopback address that it comes from. */
  readonly from?: string;
}

const STREAMS = ['text/event-stream', 'application/connect+json'];

/** Connections to a server that are kept and used again. */
export class Connections {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 32 });
  readonly #url: URL;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** Rejects when there is no whole answer within five seconds. Of a stream it waits for the first and leaves. */
  send({ method, path, headers, body, from }: Sent): Promise<Got> {
    const { hostname: host, port } = this.#url;
    return new Promise((resolve, reject) => {
      const call = request({
        ...{ host, port, method, path, headers, agent: from === undefined ? this.#agent : false },
        ...(from === undefined ? {} : { localAddress: from }),
      });
      const timer = setTimeout(() => call.destroy(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
      const settle = (act: () => void) => {
        clearTimeout(timer);
        act();
      };
      call.on('error', (fault) => settle(() => reject(fault)));
      call.on('response', (response) => {
        read(response).then(
          (got) => settle(() => resolve(got)),
          (fault) => settle(() => reject(fault)),
        );
      });
      call.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function read(response: IncomingMessage): Promise<Got> {
  const { statusCode: status = 0, headers } = response;
  response.setEncoding('utf8');
  const isStream = STREAMS.some((type) => headers['content-type']?.startsWith(type));
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    // Leaving the loop destroys the stream.
    if (isStream) break;
  }
  return { status, headers, text };
}
