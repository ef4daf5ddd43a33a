import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { BearerTokens } from './bearer-tokens.ts';
import { type IsKept, removeManifest } from './manifest-removal.ts';
import { lacks } from './missing-parts.ts';
import { SILENT_MS, type Upstream } from './upstream.ts';

const PROBE = { downMs: 2_000, upMs: 15_000 } as const;

export interface RemoteRegistryDeps {
  readonly url: URL;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the registry begins or ceases to serve. */
  changed(isUp: boolean): void;
}

/** The operator's registry. A path in its URL is the first part of every repository's name. */
export class RemoteRegistry implements Upstream {
  readonly #deps: RemoteRegistryDeps;
  readonly #headers: IncomingHttpHeaders;
  readonly #prefix: string;
  readonly #tokens: BearerTokens;
  #timer: Timer | undefined;
  #isUp = false;
  #isClosed = false;

  constructor(deps: RemoteRegistryDeps) {
    this.#deps = deps;
    const { user, password = '', url } = deps;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const basic = user === undefined ? undefined : authorization;
    this.#headers = { host: url.host, ...(basic !== undefined && { authorization: basic }) };
    this.#tokens = new BearerTokens({ basic, clock: deps.clock });
    this.#prefix = url.pathname.replace(/\/$/, '');
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  async start(): Promise<void> {
    this.#probe();
  }

  async prepare(path: string): Promise<void> {
    await this.#tokens.bring(this.#scopeOf(path));
  }

  unauthorized(path: string): void {
    this.#tokens.drop(this.#scopeOf(path));
  }

  request(method: string, path: string, headers: IncomingHttpHeaders): ClientRequest {
    const { url } = this.#deps;
    const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const made = begin(url, { method, path: this.#pathOf(path), headers: { ...headers, ...this.#headers, ...this.#token(path) } });
    made.setTimeout(SILENT_MS, () => made.destroy(new Error(`the registry was silent for ${SILENT_MS / 1000} s`)));
    return made;
  }

  /** Keeps clients on the way through the controller. Redirects of blobs to other storage are theirs. */
  located(location: string): string {
    const { url } = this.#deps;
    const found = URL.parse(location, url.href);
    if (found === null || found.origin !== url.origin) return location;
    const path = found.pathname.startsWith(`/v2${this.#prefix}/`) ? `/v2${found.pathname.slice(3 + this.#prefix.length)}` : found.pathname;
    return `${path}${found.search}`;
  }

  removeManifest(repository: string, digest: string, isKept?: IsKept): Promise<'removed' | 'refused'> {
    return this.prepare(`/v2/${repository}/`).then(() => removeManifest(this, repository, digest, isKept));
  }

  lacks(repository: string, digest: string): Promise<boolean> {
    return lacks(this, repository, digest);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #token(path: string): IncomingHttpHeaders {
    const authorization = this.#tokens.header(this.#scopeOf(path));
    return authorization === undefined ? {} : { authorization };
  }

  /** Services leave out actions that the login does not allow. */
  #scopeOf(path: string): string {
    const [, repository] = /^\/v2\/(.+?)\/(?:manifests|blobs)?(?:\/|$)/.exec(this.#pathOf(path)) ?? [];
    return repository === undefined ? '' : `repository:${repository}:pull,push,delete`;
  }

  #pathOf(path: string): string {
    return path === '/v2/' || path.startsWith(`/v2${this.#prefix}/`) ? path : path.replace('/v2/', `/v2${this.#prefix}/`);
  }

  #probe(): void {
    const answered = (problem: string | undefined) => {
      if (this.#isClosed) return;
      const { clock, log, changed, url } = this.#deps;
      const isUp = problem === undefined;
      if (isUp !== this.#isUp || this.#timer === undefined) {
        if (isUp) log.info('registry.ready', { url: url.href });
        else log.warn('registry.unreachable', { url: url.href, error: problem });
      }
      const isChanged = isUp !== this.#isUp;
      this.#isUp = isUp;
      if (isChanged) changed(isUp);
      this.#timer = clock.after(isUp ? PROBE.upMs : PROBE.downMs, () => this.#probe());
    };
    this.#ask().then(answered, (error: unknown) => answered(messageOf(error)));
  }

  /** Returns why the registry does not serve; undefined if it does. */
  async #ask(): Promise<string | undefined> {
    await this.prepare('/v2/');
    const first = await this.#ping();
    if (first.statusCode !== 401 || !this.#tokens.challenged(first.challenge, this.#deps.url)) return problemOf(first.statusCode);
    this.unauthorized('/v2/');
    await this.prepare('/v2/');
    return problemOf((await this.#ping()).statusCode);
  }

  #ping(): Promise<{ readonly statusCode: number | undefined; readonly challenge: string | undefined }> {
    const asked = this.request('GET', '/v2/', {});
    return new Promise((resolve, reject) => {
      asked.on('error', reject);
      asked.on('response', (answer) => {
        answer.resume();
        resolve({ statusCode: answer.statusCode, challenge: answer.headers['www-authenticate'] });
      });
      asked.end();
    });
  }
}

const problemOf = (status: number | undefined): string | undefined => (status === 200 ? undefined : `it answers with status ${status}`);
