import { hash, type KeyObject } from 'node:crypto';
import type { Proof } from '../../services/access/proof.ts';

interface Known {
  readonly proof: Proof;
  /** That made the signature. */
  readonly key: KeyObject;
}

/** Past it all are forgotten, and are verified once more. */
const MAX_KNOWN = 10_000;

/**
 * What tokens were found to prove, by the digest of the header that brought them: who made a signature does not change, and to find it out costs more than all
 * else about reading a session. Nothing here says that a proof still holds: that is judged at each request.
 */
export class KnownProofs {
  readonly #known = new Map<string, Known>();

  /** What `header` proves, as long as `isInForce` says so of the key that signed it. */
  find(header: string, isInForce: (key: KeyObject) => boolean): Proof | undefined {
    if (header === '') return undefined;
    const known = this.#known.get(digestOf(header));
    return known !== undefined && isInForce(known.key) ? known.proof : undefined;
  }

  keep(header: string, known: Known): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(digestOf(header), known);
  }
}

/** The token itself is not to lie about in memory. */
const digestOf = (header: string): string => hash('sha256', header, 'base64');
