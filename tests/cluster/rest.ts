import { z } from 'zod';
import {
  type Build,
  buildShape,
  type Exchange,
  exchangeShape,
  type Message,
  messageShape,
  type Node,
  nodeShape,
  type Session,
  sessionShape,
} from './shapes.ts';
import { EventStream } from './sse.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or undefined without a body. */
  readonly body: unknown;
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** The call rejects if there is no answer by then. */
  readonly limitMs?: number;
}

/** A small REST client for the tests. Methods named after an action throw if it fails. */
export class Rest {
  readonly #base: string;
  #token: string;

  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  /** For clients that send requests of their own. */
  get token(): string {
    return this.#token;
  }

  static async login(base: string, user: string, pass: string): Promise<Rest> {
    const answer = await new Rest(base, '').call('POST', '/auth/login', { user, pass });
    return new Rest(base, z.object({ token: z.string() }).parse(expect(answer, 200, 'login')).token);
  }

  /** Replaces the token, for example after a restore. */
  async loginAgain(user: string, pass: string): Promise<void> {
    this.#token = (await Rest.login(this.#base, user, pass)).#token;
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.send(method, path, body === undefined ? undefined : JSON.stringify(body), 'application/json');
  }

  async send(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    mediaType: string,
    { headers: more = {}, limitMs }: SendOptions = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers['content-type'] = mediaType;
    const options: RequestInit = { method, headers: { ...headers, ...more } };
    if (body !== undefined) options.body = body;
    if (limitMs !== undefined) options.signal = AbortSignal.timeout(limitMs);
    const response = await fetch(`${this.#base}/api/v0${path}`, options);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  watch(path: string, lastEventId?: string): Promise<EventStream> {
    return EventStream.open(`${this.#base}/api/v0${path}`, this.#token, lastEventId);
  }

  /** Creates a session and waits until it is up. */
  async createSession(input: Readonly<Record<string, unknown>> = {}): Promise<Session> {
    const session = sessionShape.parse(expect(await this.call('POST', '/sessions?wait=60s', input), 201, 'create a session'));
    if (session.state !== 'idle')
      throw new Error(`session ${session.id} is ${session.state}: ${session.termination_reason ?? 'no reason'}`);
    return session;
  }

  async session(id: string): Promise<Session> {
    return sessionShape.parse(expect(await this.call('GET', `/sessions/${id}`), 200, 'get a session'));
  }

  async removeSession(id: string): Promise<void> {
    expect(await this.call('DELETE', `/sessions/${id}`), 204, 'delete a session');
  }

  /** Posts a message and waits for its answer of any kind. */
  async say(session: string, content: string, metadata: Readonly<Record<string, unknown>> = {}): Promise<Exchange> {
    const answer = await this.call('POST', `/sessions/${session}/messages?wait=60s`, { content, metadata });
    return exchangeShape.parse(expect(answer, 201, 'post a message'));
  }

  async post(session: string, content: string): Promise<Message> {
    return messageShape.parse(expect(await this.call('POST', `/sessions/${session}/messages`, { content }), 201, 'post a message'));
  }

  async messages(session: string, sinceSeq = 0): Promise<Message[]> {
    const all: Message[] = [];
    for (;;) {
      const answer = await this.call('GET', `/sessions/${session}/messages?limit=1000&offset=${all.length}&since=${sinceSeq}`);
      const page = z.array(messageShape).parse(expect(answer, 200, 'list messages'));
      all.push(...page);
      if (page.length < 1000) return all;
    }
  }

  async nodes(): Promise<Node[]> {
    return z.array(nodeShape).parse(expect(await this.call('GET', '/nodes'), 200, 'list nodes'));
  }

  async latestBuild(space = 'default'): Promise<Build> {
    return buildShape.parse(expect(await this.call('GET', `/spaces/${space}/build/latest`), 200, 'get the latest build'));
  }

  async nodeToken(): Promise<string> {
    return z.object({ token: z.string() }).parse(expect(await this.call('POST', '/nodes/tokens'), 201, 'make a node token')).token;
  }
}

/** Returns the body of an answer with that status. Throws for any other status. */
export function expect(answer: Answer, status: number, what: string): unknown {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
