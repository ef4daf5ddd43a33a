import { z } from 'zod';
import type { Clock } from '../../seams/clock.ts';

const WITHIN_MS = 30_000;
/** Lifetime of a token that names none, as in the specification of registries. */
const LIFE_S = 60;
/** A token is not used this long before its end: a request takes time to arrive. */
const MARGIN_MS = 10_000;
/** Tokens that are kept, one for each repository. The oldest goes first. */
const MAX_TOKENS = 1_000;

const answer = z.object({
  token: z.string().min(1).optional(),
  access_token: z.string().min(1).optional(),
  expires_in: z.number().positive().optional(),
});

export interface BearerTokensDeps {
  /** The controller's login at the service that issues tokens; undefined: none. */
  readonly basic: string | undefined;
  readonly clock: Clock;
}

/**
 * Tokens of a registry that answers `WWW-Authenticate: Bearer`. Each is for one scope, and comes
 * from the service that the registry names.
 */
export class BearerTokens {
  readonly #deps: BearerTokensDeps;
  readonly #tokens = new Map<string, { readonly token: string; readonly untilMs: number }>();
  readonly #coming = new Map<string, Promise<void>>();
  #realm: URL | undefined;

  constructor(deps: BearerTokensDeps) {
    this.#deps = deps;
  }

  /**
   * Takes a challenge of the registry. Returns false if it demands no tokens, or from a service to
   * which the login cannot be sent: one that is not encrypted while the registry is.
   */
  challenged(header: string | undefined, registry: URL): boolean {
    if (header === undefined || !/^bearer /i.test(header)) return false;
    const parts = new Map([...header.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, name = '', value = '']) => [name.toLowerCase(), value]));
    const realm = URL.parse(parts.get('realm') ?? '');
    if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== registry.protocol)) return false;
    const service = parts.get('service');
    if (service !== undefined) realm.searchParams.set('service', service);
    if (this.#realm?.href !== realm.href) this.#tokens.clear();
    this.#realm = realm;
    return true;
  }

  /** Returns the header for a scope, if a valid token is there. */
  header(scope: string): string | undefined {
    const known = this.#tokens.get(scope);
    return known !== undefined && known.untilMs > this.#deps.clock.monotonic() ? `Bearer ${known.token}` : undefined;
  }

  /** The registry refused the token of a scope. */
  drop(scope: string): void {
    this.#tokens.delete(scope);
  }

  /** Brings a token for a scope, unless a valid one is there. @throws if the service issues none. */
  async bring(scope: string): Promise<void> {
    if (this.#realm === undefined || this.header(scope) !== undefined) return;
    const coming = this.#coming.get(scope) ?? this.#fetch(this.#realm, scope).finally(() => this.#coming.delete(scope));
    this.#coming.set(scope, coming);
    await coming;
  }

  async #fetch(realm: URL, scope: string): Promise<void> {
    const { basic, clock } = this.#deps;
    const url = new URL(realm);
    if (scope !== '') url.searchParams.set('scope', scope);
    const askedMs = clock.monotonic();
    // A redirect could send the login elsewhere.
    const response = await fetch(url, {
      ...{ redirect: 'error', signal: AbortSignal.timeout(WITHIN_MS) },
      headers: basic === undefined ? {} : { authorization: basic },
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${realm.host} issues no token for the registry: status ${response.status}`);
    }
    const { token, access_token, expires_in = LIFE_S } = answer.parse(await response.json());
    const issued = token ?? access_token;
    if (issued === undefined) throw new Error(`${realm.host} answers without a token for the registry`);
    this.#tokens.delete(scope);
    this.#tokens.set(scope, { token: issued, untilMs: askedMs + Math.max(expires_in * 1000 - MARGIN_MS, expires_in * 500) });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
  }
}
