import type { Environment } from './environment.ts';
import { RaworcError } from './errors.ts';
import type { Transport } from './transport.ts';

/** Who the client is: a token of a login, an API key, or a user name and a password, with which it logs in when it needs to. */
export type Credentials =
  | { readonly token: string }
  | { readonly apiKey: string }
  | { readonly login: { readonly user: string; readonly pass: string } };

/** A token is renewed when it is good for less than this. */
const MARGIN_MS = 5 * 60_000;
const NEXT_ATTEMPT_MS = 30_000;

interface Held {
  readonly token: string;
  /** By the clock of this machine; undefined for an API key, which the server alone knows. */
  readonly expiresAtMs: number | undefined;
}

/** The token that requests carry. It is renewed shortly before its end, once for all that wait for it. */
export class TokenSource {
  readonly #credentials: Credentials | undefined;
  readonly #transport: Transport;
  readonly #environment: Environment;
  #held: Held | undefined;
  #renewing: Promise<void> | undefined;
  #nextAttemptAtMs = 0;

  constructor(credentials: Credentials | undefined, transport: Transport, environment: Environment) {
    this.#credentials = credentials;
    this.#transport = transport;
    this.#environment = environment;
    if (credentials === undefined) return;
    if ('apiKey' in credentials) this.#held = { token: credentials.apiKey, expiresAtMs: undefined };
    if ('token' in credentials) this.#held = { token: credentials.token, expiresAtMs: lifeOf(credentials.token)?.expiresAtMs };
  }

  /** The one to use now. Logs in where that was not done; while an old one is still good it does not wait for the new one. */
  async current(): Promise<string | undefined> {
    const leftMs = (this.#held?.expiresAtMs ?? Number.POSITIVE_INFINITY) - this.#environment.now();
    if (this.#held === undefined || (leftMs <= 0 && this.#logsIn())) {
      if (this.#logsIn()) await this.#renewed();
    } else if (leftMs > 0 && leftMs < MARGIN_MS && this.#environment.monotonic() >= this.#nextAttemptAtMs) {
      this.#nextAttemptAtMs = this.#environment.monotonic() + NEXT_ATTEMPT_MS;
      // What fails here is tried again with one of the next requests.
      this.#renewed().catch(() => undefined);
    }
    return this.#held?.token;
  }

  /** After the server refused `used`: whether there is another one now. */
  async renew(used: string | undefined): Promise<boolean> {
    if (!this.#logsIn()) return false;
    if (this.#held?.token === used) {
      this.#held = undefined;
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
    const old = this.#held;
    const isGood = old?.expiresAtMs !== undefined && old.expiresAtMs > this.#environment.now();
    if (isGood) this.#hold(await this.#tokenFrom('/auth/refresh', { authorization: `Bearer ${old.token}` }));
    else if (this.#credentials !== undefined && 'login' in this.#credentials)
      this.#hold(await this.#tokenFrom('/auth/login', { 'content-type': 'application/json' }, JSON.stringify(this.#credentials.login)));
  }

  #hold(token: string): void {
    const life = lifeOf(token);
    // It begins now, whatever the server's clock says.
    this.#held = { token, expiresAtMs: life === undefined ? undefined : this.#environment.now() + life.lengthMs };
  }

  #tokenFrom(path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<string> {
    return this.#transport.send({ method: 'POST', path, headers, body }, undefined, async (response) => {
      const answer: unknown = await response.json().catch(() => undefined);
      if (typeof answer === 'object' && answer !== null && 'token' in answer && typeof answer.token === 'string') return answer.token;
      const message = `${this.#transport.url} answered ${path} with something else than expected: is it a Raworc of this version?`;
      throw new RaworcError({ status: response.status, code: 'UNEXPECTED', message });
    });
  }
}

/** Of a JWT, without judging it; undefined for what is none. */
function lifeOf(token: string): { readonly expiresAtMs: number; readonly lengthMs: number } | undefined {
  try {
    const [, claims = ''] = token.split('.');
    const { exp, iat } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof exp === 'number' && typeof iat === 'number' ? { expiresAtMs: exp * 1000, lengthMs: (exp - iat) * 1000 } : undefined;
  } catch {
    return undefined;
  }
}
