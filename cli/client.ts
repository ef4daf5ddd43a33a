import type { z } from 'zod';
import { failure } from './api.ts';
import type { Access } from './config.ts';
import { Trouble } from './io.ts';

/** The server answered, and said no. */
export class Refused extends Trouble {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The server did not answer, or not to the end. */
export class Unreachable extends Trouble {}

export interface Request {
  readonly method?: string;
  /** Sent as JSON; bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends it, beside the one that ends everything. */
  readonly signal?: AbortSignal;
}

/** REST with one server as one account. Everything it throws is Trouble, or the abort of the signal. */
export class Client {
  readonly #access: Access;
  readonly #signal: AbortSignal;

  constructor(access: Access, signal: AbortSignal) {
    this.#access = access;
    this.#signal = signal;
  }

  /** Aborts when the command is to end. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  async call<T>(schema: z.ZodType<T>, path: string, request: Request = {}): Promise<T> {
    return (await this.callWithHeaders(schema, path, request)).body;
  }

  async callWithHeaders<T>(schema: z.ZodType<T>, path: string, request: Request = {}): Promise<{ body: T; headers: Headers }> {
    const response = await this.fetch(path, request);
    const parsed = schema.safeParse(await this.#json(response));
    if (!parsed.success)
      throw new Trouble(`${this.#access.url} answered ${path} with something else than expected: is it a Raworc of this version?`);
    return { body: parsed.data, headers: response.headers };
  }

  /** The same for what has no answer but its success. */
  async send(path: string, request: Request): Promise<void> {
    const response = await this.fetch(path, request);
    await response.body?.cancel();
  }

  /** The response once its headers are there; what is no success throws. */
  async fetch(path: string, { method = 'GET', body, headers = {}, signal }: Request = {}): Promise<Response> {
    const { url, token } = this.#access;
    const isBytes = body instanceof Uint8Array;
    let response: Response;
    try {
      response = await fetch(`${url}/api/v0${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined || isBytes ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
        signal: signal === undefined ? this.#signal : AbortSignal.any([this.#signal, signal]),
      });
    } catch (error) {
      throw isAbort(error)
        ? error
        : new Unreachable(`${url} does not answer (${reasonOf(error)}): is Raworc running there? Its address can be given as RAWORC_URL`);
    }
    if (response.ok) return response;
    throw await this.#refusal(response, path);
  }

  async #refusal(response: Response, path: string): Promise<Trouble> {
    const said = failure.safeParse(await this.#json(response));
    if (response.status === 401 && path !== '/auth/login') {
      const why = this.#access.token === undefined ? 'you are not logged in' : 'the login is no longer valid';
      return new Refused(401, `${this.#access.url} refuses: ${why}. Run \`raworc login --url ${this.#access.url}\``);
    }
    if (!said.success) return new Refused(response.status, `${this.#access.url} answered with ${response.status}: is it a Raworc?`);
    return new Refused(response.status, said.data.error.message);
  }

  /** Undefined for what is no JSON. */
  async #json(response: Response): Promise<unknown> {
    let body: string;
    try {
      body = await response.text();
    } catch (error) {
      throw isAbort(error) ? error : new Unreachable(`${this.#access.url} broke off its answer (${reasonOf(error)}): try again`);
    }
    try {
      return JSON.parse(body);
    } catch {
      return undefined;
    }
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  // An address that stands for several hosts fails with a list of failures and an empty message.
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message || cause.name;
}
