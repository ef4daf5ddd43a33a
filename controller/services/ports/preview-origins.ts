import type { SessionId } from '../../domain/engine/ids.ts';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

export interface PreviewPort {
  readonly session: SessionId;
  readonly port: number;
}

/** The origins of ports: `{port}-{session}.{domain}`. */
export class PreviewOrigins {
  readonly scheme: 'http' | 'https';
  readonly #name: string;
  readonly #port: () => string;
  readonly #pattern: RegExp;

  /**
   * `domain` can begin with a scheme and end with a port; without, those of the listener. Throws an
   * error that says what is wrong.
   */
  constructor(domain: string, listener: { readonly scheme: 'http' | 'https'; port(): number }) {
    const [, scheme, name = '', port] = /^(?:(https?):\/\/)?([a-z0-9.-]+?)(?::(\d{1,5}))?\/?$/i.exec(domain) ?? [];
    const isName = name.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label)) && !/^[\d.]+$/.test(name);
    if (!isName) throw new Error(`"${domain}" must be a domain such as preview.example.com, and can have a scheme and a port`);
    this.scheme = scheme === undefined ? listener.scheme : scheme.toLowerCase() === 'https' ? 'https' : 'http';
    const usual = this.scheme === 'https' ? 443 : 80;
    this.#name = name.toLowerCase();
    this.#port = () => {
      const number = port === undefined ? (scheme === undefined ? listener.port() : usual) : Number(port);
      return number === usual ? '' : `:${number}`;
    };
    this.#pattern = new RegExp(`^([1-9]\\d{0,4})-(${UUID})\\.${name.replaceAll('.', '\\.')}\\.?(?::\\d{1,5})?$`, 'i');
  }

  of({ session, port }: PreviewPort): string {
    return `${this.scheme}://${port}-${session}.${this.#name}${this.#port()}`;
  }

  /** Returns the port that a Host header names; undefined for any other host. */
  find(host: string): PreviewPort | undefined {
    const [, digits, session] = this.#pattern.exec(host) ?? [];
    const port = Number(digits);
    return session !== undefined && port <= 65_535 ? { session: session.toLowerCase() as SessionId, port } : undefined;
  }
}

/** Returns the origins of a domain, if there is one; `port` is that of the listener. */
export const previewOrigins = (domain: string | undefined, isTls: boolean, port: () => number): PreviewOrigins | undefined =>
  domain === undefined ? undefined : new PreviewOrigins(domain, { scheme: isTls ? 'https' : 'http', port });
