import type { Clock } from '../../../seams/clock.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';
import { isSigned, type SandboxTokens, type SignedFile, signatureBytes } from './sandbox-tokens.ts';

/** Tokens of one slice of a search: a few milliseconds. Other work runs between two slices. */
const SLICE = 1000;
const ROWS_AT_ONCE = 500;
/** URLs of one sandbox often come one after another. */
const MAX_RECENT = 32;

type Holders = Pick<SandboxRow, 'id' | 'holders'>;

/** A sandbox with its tokens, which cost more than a comparison and are computed at their first. */
interface Signer extends Holders {
  tokens: readonly string[] | undefined;
}

/** Whose token signed a URL. */
export interface Signed {
  readonly id: SessionId;
  readonly keyId: string;
}

export interface SignersDeps {
  readonly view: Pick<View, 'sandboxesAfter'>;
  readonly tokens: Pick<SandboxTokens, 'tokenFor'>;
  readonly clock: Pick<Clock, 'soon'>;
}

/**
 * Finds the sandbox whose token signed the URL of a file, since such URLs name none. A signature is
 * a hash of a token and the path, so every token is tried: those used last first.
 */
export class Signers {
  readonly #deps: SignersDeps;
  readonly #all = new Map<SessionId, Signer>();
  readonly #recent = new Set<SessionId>();
  #loaded: Promise<void> | undefined;

  constructor(deps: SignersDeps) {
    this.#deps = deps;
  }

  /** Call with each commit. */
  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sandboxes') this.#keep(mutation.row);
      if (mutation.kind === 'remove' && mutation.table === 'sandboxes') {
        this.#all.delete(mutation.id as SessionId);
        this.#recent.delete(mutation.id as SessionId);
      }
    }
  }

  /**
   * Resolves with undefined if no token signed it. `mayTry` is asked before so many tokens are
   * tried, and its refusal ends the search.
   */
  async find(signature: string, file: SignedFile, mayTry: (count: number) => Outcome<unknown>): Promise<Outcome<Signed | undefined>> {
    const sent = signatureBytes(signature);
    if (sent === undefined) return accepted(undefined);
    const found = this.#search([...this.#recent].reverse(), sent, file);
    if (found !== undefined) return accepted(found);
    this.#loaded ??= this.#load().catch((error: unknown) => {
      // The next search tries again.
      this.#loaded = undefined;
      throw error;
    });
    await this.#loaded;
    const ids = [...this.#all.keys()].reverse();
    for (let at = 0; at < ids.length; at += SLICE) {
      const slice = ids.slice(at, at + SLICE);
      const permitted = mayTry(slice.length);
      if (!permitted.ok) return permitted;
      const signed = this.#search(slice, sent, file);
      if (signed !== undefined) return accepted(signed);
      await this.#turn();
    }
    return accepted(undefined);
  }

  #search(ids: readonly SessionId[], sent: Buffer, file: SignedFile): Signed | undefined {
    for (const id of ids) {
      const signer = this.#all.get(id);
      if (signer === undefined) continue;
      signer.tokens ??= signer.holders.map((keyId) => this.#deps.tokens.tokenFor(id, keyId));
      const index = signer.tokens.findIndex((token) => isSigned(sent, file, token));
      const keyId = signer.holders[index];
      if (keyId === undefined) continue;
      this.#used(id);
      return { id, keyId };
    }
    return undefined;
  }

  #used(id: SessionId): void {
    this.#recent.delete(id);
    this.#recent.add(id);
    for (const oldest of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(oldest);
    }
  }

  #keep({ id, holders, kind }: Holders & Pick<SandboxRow, 'kind'>): void {
    const known = this.#all.get(id);
    const isSame = known?.holders.length === holders.length && known.holders.every((keyId, at) => keyId === holders[at]);
    if (kind === 'sandbox' && !isSame) this.#all.set(id, { id, holders, tokens: undefined });
  }

  async #load(): Promise<void> {
    let after = '';
    for (;;) {
      const rows = this.#deps.view.sandboxesAfter(after, ROWS_AT_ONCE);
      for (const row of rows) this.#keep(row);
      after = rows.at(-1)?.id ?? after;
      if (rows.length < ROWS_AT_ONCE) return;
      await this.#turn();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => void this.#deps.clock.soon(resolve));
  }
}
