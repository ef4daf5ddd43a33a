import type { Environment } from './environment.ts';
import { RaworcError } from './errors.ts';
import { walk } from './pages.ts';
import type { TokenSource } from './token-source.ts';
import type { Outgoing, Transport } from './transport.ts';

/** The options of every call. */
export interface CallOptions {
  /** Aborts the call, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The options of calls that create something. */
export interface Keyed extends CallOptions {
  /**
   * The server creates one thing per key within 24 hours. Each call has its own key for all its
   * retries; set one to be safe across restarts of your program.
   */
  readonly idempotencyKey?: string;
}

/** The query parameters of a call, and the options of every call. */
export type With<Query, Options = CallOptions> = Options & NonNullable<Query>;
/** The same for a walk over all pages. */
export type WithoutPage<Query> = CallOptions & {
  readonly [Name in keyof NonNullable<Query> as Exclude<Name, 'limit' | 'offset'>]: NonNullable<Query>[Name];
};
/** With filters by metadata, each its own query parameter. */
export type ByMetadata<Query> = Omit<NonNullable<Query>, 'metadata'> & { readonly [filter: `metadata.${string}`]: string };

/** One operation of the API. */
export interface Operation {
  readonly method: Outgoing['method'];
  readonly path: string;
  /** JSON, or bytes of `mediaType`. */
  readonly body?: unknown;
  readonly mediaType?: string;
  /** Sent with an idempotency key. */
  readonly isKeyed?: true;
}

/** Carries out the operations of generated/operations.gen.ts. */
export class Caller {
  readonly #transport: Transport;
  readonly #tokens: TokenSource;
  readonly #environment: Environment;

  constructor(transport: Transport, tokens: TokenSource, environment: Environment) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#environment = environment;
  }

  /**
   * Returns the parsed response, trusted to match the API document; undefined if it has no body.
   */
  call<T>(operation: Operation, options: Keyed = {}): Promise<T> {
    return this.#send(operation, options, (response) => this.#json<T>(response, operation));
  }

  /** Yields every item of a list and fetches pages as needed. */
  all<T>(operation: Operation, options: CallOptions = {}): AsyncGenerator<T, void> {
    return walk((page) =>
      this.#send(operation, { ...options, ...page }, async (response) => {
        const items = await this.#json<readonly T[]>(response, operation);
        if (!Array.isArray(items)) throw this.#unexpected(200, operation);
        // Smaller than requested if the page reached its limit in bytes.
        const limit = Number(response.headers.get('x-page-limit') ?? page.limit);
        return { items, limit: limit > 0 ? limit : page.limit };
      }),
    );
  }

  #send<T>(operation: Operation, options: Keyed, read: (response: Response) => Promise<T>): Promise<T> {
    const { signal, idempotencyKey, ...query } = options;
    const { method, body, mediaType, isKeyed } = operation;
    const request: Outgoing = {
      method,
      path: `${operation.path}${spelled(query)}`,
      headers: body === undefined ? {} : { 'content-type': mediaType ?? 'application/json' },
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
      idempotencyKey: isKeyed === true ? (idempotencyKey ?? this.#environment.uuid()) : undefined,
      signal,
    };
    return this.#transport.send(request, this.#tokens, read);
  }

  async #json<T>(response: Response, operation: Operation): Promise<T> {
    const text = await response.text();
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch {
      throw this.#unexpected(response.status, operation);
    }
  }

  #unexpected(status: number, { path }: Operation): RaworcError {
    const message = `${this.#transport.url} gave an unexpected response to ${path}. Check that it is Raworc, in a version compatible with this client`;
    return new RaworcError({ status, code: 'UNEXPECTED', message });
  }
}

function spelled(query: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(Object.fromEntries(given.map(([name, value]) => [name, String(value)])))}`;
}
