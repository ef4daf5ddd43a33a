import type { Authority } from './authority.ts';

/** The long calls of nodes. Those whose CA is no longer trusted end with it. */
export class OpenCalls {
  readonly #calls = new Map<(fault?: Error) => void, string>();

  constructor(authority: Pick<Authority, 'trusted' | 'onChanged'>) {
    authority.onChanged(() => {
      for (const [end, issuer] of [...this.#calls]) {
        if (!authority.trusted.some(({ hash }) => hash === issuer))
          end(new Error('the CA that signed the certificate of this node was removed: join it again with a new token'));
      }
    });
  }

  /** `issuer` is the hash of the CA. Returns what to call when the call has ended. */
  add(issuer: string, end: (fault?: Error) => void): () => void {
    this.#calls.set(end, issuer);
    return () => void this.#calls.delete(end);
  }

  close(): void {
    for (const end of [...this.#calls.keys()]) end();
  }
}
