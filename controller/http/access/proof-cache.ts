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
 * request.
 */
export class ProofCache {
  readonly #known = new Map<string, Known>();

  /** Returns the proof of a header, as long as `isTrusted` accepts the key that signed it. */
  find(header: string, isTrusted: (key: KeyObject) => boolean): Proof | undefined {
    if (header === '') return undefined;
    const known = this.#known.get(digestOf(header));
    return known !== undefined && isTrusted(known.key) ? known.proof : undefined;
  }

  keep(header: string, known: Known): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(digestOf(header), known);
  }
}

/** A digest, so that tokens themselves are not kept in memory. */
const digestOf = (header: string): string => hash('sha256', header, 'base64');
