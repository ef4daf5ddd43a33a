import type { Environment } from './environment.ts';
import { RaworcError } from './errors.ts';
import type { TokenSource } from './token-source.ts';
import type { Transport } from './transport.ts';

/**
 * Identifies the client: a login token, an API key, or a user name and password for logging in when
 * needed.
 */
export type Credentials =
  | { readonly token: string }
  | { readonly apiKey: string }
  | { readonly login: { readonly user: string; readonly pass: string } };

/** A token is renewed when it expires within this time. */
const MARGIN_MS = 5 * 60_000;
const NEXT_ATTEMPT_MS = 30_000;

interface Token {
  readonly token: string;
  /** On this machine's clock; undefined for an API key, whose expiry only the server knows. */
  readonly expiresAtMs: number | undefined;
}

/** Renews the token shortly before it expires, once for all requests that wait for it. */
export class RenewingTokens implements TokenSource {
  readonly #credentials: Credentials | undefined;
  readonly #transport: Transport;
  readonly #environment: Environment;
  #token: Token | undefined;
  #renewing: Promise<void> | undefined;
  #nextAttemptAtMs = 0;

  constructor(credentials: Credentials | undefined, transport: Transport, environment: Environment) {
    this.#credentials = credentials;
    this.#transport = transport;
    this.#environment = environment;
    if (credentials === undefined) return;
    if ('apiKey' in credentials) this.#token = { token: credentials.apiKey, expiresAtMs: undefined };
    if ('token' in credentials) this.#token = { token: credentials.token, expiresAtMs: lifeOf(credentials.token)?.expiresAtMs };
  }

  /** Logs in first if needed. While the old token is valid it does not wait for the new one. */
  async current(): Promise<string | undefined> {
    const leftMs = (this.#token?.expiresAtMs ?? Number.POSITIVE_INFINITY) - this.#environment.now();
    if (this.#token === undefined || (leftMs <= 0 && this.#logsIn())) {
      if (this.#logsIn()) await this.#renewed();
    } else if (leftMs > 0 && leftMs < MARGIN_MS && this.#environment.monotonic() >= this.#nextAttemptAtMs) {
      this.#nextAttemptAtMs = this.#environment.monotonic() + NEXT_ATTEMPT_MS;
      // A failure is retried by a later request.
      this.#renewed().catch(() => undefined);
    }
    return this.#token?.token;
  }

  async renew(used: string | undefined): Promise<boolean> {
    if (!this.#logsIn()) return false;
    if (this.#token?.token === used) {
      this.#token = undefined;
      await this.#renewed();
    }
    return true;
  }

  #logsIn(): boolean {
    return this.#credentials !== undefined && 'login' in this.#credentials;
  }

  #renewed(): Promise<void> {
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #ask(): Promise<void> {
    const old = this.#token;
    const isValid = old?.expiresAtMs !== undefined && old.expiresAtMs > this.#environment.now();
    if (isValid) this.#keep(await this.#tokenFrom('/auth/refresh', { authorization: `Bearer ${old.token}` }));
    else if (this.#credentials !== undefined && 'login' in this.#credentials)
      this.#keep(await this.#tokenFrom('/auth/login', { 'content-type': 'application/json' }, JSON.stringify(this.#credentials.login)));
  }

  #keep(token: string): void {
    const life = lifeOf(token);
    // Its life begins now, whatever the server's clock says.
    this.#token = { token, expiresAtMs: life === undefined ? undefined : this.#environment.now() + life.lengthMs };
  }

  #tokenFrom(path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<string> {
    return this.#transport.send({ method: 'POST', path, headers, body }, undefined, async (response) => {
      const answer: unknown = await response.json().catch(() => undefined);
      if (typeof answer === 'object' && answer !== null && 'token' in answer && typeof answer.token === 'string') return answer.token;
      const message = `${this.#transport.url} gave an unexpected response to ${path}. Check that it is Raworc, in a version compatible with this client`;
      throw new RaworcError({ status: response.status, code: 'UNEXPECTED', message });
    });
  }
}

/** Reads the life of a JWT without verifying it. Returns undefined if the token is not a JWT. */
function lifeOf(token: string): { readonly expiresAtMs: number; readonly lengthMs: number } | undefined {
  try {
    const [, claims = ''] = token.split('.');
    const { exp, iat } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof exp === 'number' && typeof iat === 'number' ? { expiresAtMs: exp * 1000, lengthMs: (exp - iat) * 1000 } : undefined;
  } catch {
    return undefined;
  }
}
