import { hash, type KeyObject } from 'node:crypto';
import type { Proof } from '../../services/access/proof.ts';

interface Known {
  readonly proof: Proof;
  /** The key that signed the token. */
  readonly key: KeyObject;
}

/** Maximum number of entries. Beyond it, all are dropped and verified again. */
const MAX_KNOWN = 10_000;

/**
 * Caches verified tokens by the digest of their header: verification costs more than the rest of a
 * read, and its result never changes. Whether the credentials are still valid is checked on each
 * request. A connection that sends the same header again is spared the digest, too.
 */
export class ProofCache {
  readonly #known = new Map<string, Known>();
  /** The latest header of each connection, which Node.js keeps in memory as well. */
  readonly #latest = new WeakMap<object, { readonly header: string; readonly known: Known }>();

  /**
   * Returns the proof of a header, as long as `isTrusted` accepts the key that signed it.
   * `connection` is where it came from.
   */
  find(header: string, connection: object, isTrusted: (key: KeyObject) => boolean): Proof | undefined {
    if (header === '') return undefined;
    const latest = this.#latest.get(connection);
    const known = latest?.header === header ? latest.known : this.#known.get(digestOf(header));
    if (known === undefined || !isTrusted(known.key)) return undefined;
    if (known !== latest?.known) this.#latest.set(connection, { header, known });
    return known.proof;
  }

  keep(header: string, known: Known): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(digestOf(header), known);
  }
}

/** A digest, so that tokens themselves are not kept in memory for long. */
const digestOf = (header: string): string => hash('sha256', header, 'base64');
