import { CertificateRefused, unreachable } from './certificate-refused.ts';
import { type Environment, sleep } from './environment.ts';
import { RaworcError, refusalIn, Unreachable } from './errors.ts';
import { delayMs, isPassing, isRepeatable, type RetryPolicy } from './retry.ts';
import type { TokenSource } from './token-source.ts';

/** The API below the address of a server. */
const BASE = '/api/v0';

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the API, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Blob | ReadableStream<Uint8Array> | undefined;
  /** Never sent again: its body can be read once. */
  readonly isOnce?: boolean | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportOptions {
  /** Without a slash at its end. */
  readonly url: string;
  readonly environment: Environment;
  readonly policy: RetryPolicy;
  /** Aborts every request. */
  readonly signal: AbortSignal;
}

/**
 * Sends requests to one server and retries those that are safe to repeat while it is busy or does
 * not respond. Throws RaworcError for a refusal, Unreachable for no response, and the reason of a
 * signal that aborts.
 */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** Aborts every request, streams too. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /**
   * Returns what `read` makes of a successful response. If `read` fails, the request is retried
   * too.
   */
  async send<T>(request: Outgoing, tokens: TokenSource | undefined, read: (response: Response) => Promise<T>): Promise<T> {
    const { environment, policy, signal: ending } = this.#options;
    const signal = request.signal === undefined ? ending : AbortSignal.any([ending, request.signal]);
    let failingSinceMs: number | undefined;
    let wasUnanswered = false;
    let isRenewed = false;
    for (let failures = 1; ; failures += 1) {
      const token = await tokens?.current();
      try {
        return await this.#once(request, token, signal, read);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof CertificateRefused) throw error;
        if (error instanceof Unreachable) wasUnanswered = true;
        else if (!(error instanceof RaworcError)) throw error;
        else if (wasUnanswered && request.method === 'DELETE' && error.status === 404) {
          // An earlier try succeeded, and only its response was lost.
          return await read(new Response(null, { status: 204 }));
        } else if (error.status === 401 && request.isOnce !== true && !isRenewed && tokens !== undefined && (await tokens.renew(token))) {
          isRenewed = true;
          continue;
        }
        const mayTry = request.isOnce === true ? false : error instanceof Unreachable ? isRepeatable(request) : isPassing(error, request);
        const waitMs = delayMs(policy, failures, environment.random, error instanceof RaworcError ? error.retryAfterS : undefined);
        failingSinceMs ??= environment.monotonic();
        const isLate = environment.monotonic() - failingSinceMs + waitMs > policy.totalMs;
        if (!mayTry || failures >= policy.tries || isLate) throw error;
        await sleep(environment, waitMs, signal);
      }
    }
  }

  async #once<T>(request: Outgoing, token: string | undefined, signal: AbortSignal, read: (response: Response) => Promise<T>): Promise<T> {
    const { method, path, headers: more, body, idempotencyKey } = request;
    const headers = new Headers(more);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey);
    try {
      const sent = body instanceof ReadableStream ? { body, duplex: 'half' as const } : body === undefined ? {} : { body };
      const init: RequestInit = { method, headers, signal, ...sent };
      const response = await this.#options.environment.fetch(new Request(`${this.url}${BASE}${path}`, init));
      if (!response.ok) throw await refusalIn(response, this.url);
      return await read(response);
    } catch (error) {
      if (signal.aborted || error instanceof RaworcError || error instanceof Unreachable) throw error;
      // Whatever its class (fetch throws TypeError), only the network can fail here.
      throw unreachable(this.url, reasonOf(error), error);
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  // A name with several addresses fails with a list of errors and an empty message.
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message || cause.name;
}
