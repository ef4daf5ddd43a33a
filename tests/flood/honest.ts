import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

/** Least time between two requests. A quarter of them are posts: 62 a second, within an account's budget. */
const PACE_MS = 4;

/** A client that reads a session, lists, and posts, one after another. */
export class HonestClient {
  readonly #url: string;
  readonly #token: string;
  readonly #session: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string, token: string, session: string) {
    this.#url = url;
    this.#token = token;
    this.#session = session;
  }

  /** How long each of so many requests took, in milliseconds. */
  async latenciesMs(count: number): Promise<number[]> {
    const took: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const startedAt = performance.now();
      if (index % 4 === 3) await this.ask('POST', `/sessions/${this.#session}/messages`, { role: 'system', content: `note ${index}` }, 201);
      else if (index % 4 === 2) await this.ask('GET', '/sessions?limit=20', undefined, 200);
      else await this.ask('GET', `/sessions/${this.#session}`, undefined, 200);
      const tookMs = performance.now() - startedAt;
      took.push(tookMs);
      if (tookMs < PACE_MS) await setTimeout(PACE_MS - tookMs);
    }
    return took;
  }

  /** Throws on any other answer: an honest client meets no limit. */
  async ask(method: string, path: string, body: unknown, expected: number): Promise<string> {
    const sent = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(sent === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
    };
    return new Promise((resolve, reject) => {
      const asked = request(`${this.#url}/api/v0${path}`, { method, headers, agent: this.#agent, localAddress: '127.0.0.1' }, (answer) => {
        text(answer).then((got) => {
          if (answer.statusCode === expected) resolve(got);
          else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${got.slice(0, 300)}`));
        }, reject);
      });
      asked.on('error', reject);
      asked.end(sent);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
