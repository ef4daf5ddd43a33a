import type { ServerResponse } from 'node:http';
import type { Environment, Raworc, RaworcOptions } from '../../../sdk/raworc.ts';
import { Raworc as Client } from '../../../sdk/raworc.ts';
import { type Asked, send } from '../cli/world.ts';

/** Waits of this length are for what does not come (a stream's silence). They never end, unless a test says that nothing is heard. */
const LONG_MS = 40_000;

/** A world in which waiting takes no time. It keeps how long was waited, and its clock goes on by that. */
export class SdkWorld {
  readonly waitedMs: number[] = [];
  hearsNothing = false;
  /** Unix milliseconds. */
  nowMs = Date.parse('2030-01-01T00:00:00Z');
  random = 0.5;
  #uuids = 0;

  readonly environment: Partial<Environment> = {
    now: () => this.nowMs,
    monotonic: () => this.nowMs,
    random: () => this.random,
    uuid: () => `key-${++this.#uuids}`,
    after: (ms, run) => {
      if (ms >= LONG_MS && !this.hearsNothing) return () => undefined;
      const timer = setImmediate(() => {
        this.waitedMs.push(ms);
        this.nowMs += ms;
        run();
      });
      return () => clearImmediate(timer);
    },
  };

  client(url: string, options: Partial<RaworcOptions> = { token: 'token-1' }): Raworc {
    return new Client({ url, environment: this.environment, ...options });
  }
}

type Answering = (response: ServerResponse, asked: Asked) => void;

/** Answers the first request with the first of these, and so on; the last one stays. */
export function inTurn(...answers: readonly Answering[]): Answering {
  let at = 0;
  return (response, asked) => answers[Math.min(at++, answers.length - 1)]?.(response, asked);
}

export const answered =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answering =>
  (response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    send(response, status, body);
  };

export const refusal = (status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answering =>
  answered(status, { error: { code, message: `It is ${code}` } }, { 'x-request-id': 'r-1', ...headers });

/** No answer. */
export const cut: Answering = (response) => response.destroy();

/** An answer that stops in its middle. */
export const half: Answering = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"id":', () => response.destroy());
};

/** Not of a Raworc, but of what stands in front of it. */
export const proxyPage =
  (status: number): Answering =>
  (response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<h1>Away</h1>');
  };

/** A JWT that nobody signed. */
export function jwt(iat: number, exp: number, name = 'x'): string {
  const claims = Buffer.from(JSON.stringify({ iat, exp, sub: `${name}?>ÿ` })).toString('base64url');
  return `e30.${claims}.signature`;
}
