import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { SealingRing } from './sealing.ts';

/** All secrets of a space as of one commit. */
export interface SpaceSecrets {
  /** Increases with every change of a secret in the space; 0 if there never was one. */
  readonly version: number;
  /** Plaintext by key, for the guest only: never log, store or publish it. */
  readonly values: Readonly<Record<string, string>>;
}

/** Decrypts the secrets of a space on demand and keeps none of them. */
export class SecretReader {
  readonly #view: View;
  readonly #ring: SealingRing;
  readonly #hasRightsIn: (account: AccountId, spaceId: SpaceId) => boolean;

  /** `hasRightsIn` returns whether an account has any permission in a space. */
  constructor(view: View, ring: SealingRing, hasRightsIn: (account: AccountId, spaceId: SpaceId) => boolean = () => true) {
    this.#view = view;
    this.#ring = ring;
    this.#hasRightsIn = hasRightsIn;
  }

  /**
   * Returns what agents of a space get: all but the credentials of their repositories. Version 0 and
   * no values for an unknown space. Throws if a value cannot be opened: its key is missing, or it was
   * tampered with.
   */
  of(spaceId: SpaceId): SpaceSecrets {
    // Both reads are in one turn of the only writing process, so no commit comes between them.
    const version = this.version(spaceId);
    const withheld = new Set(this.#view.agentsIn(spaceId).map(({ sourceSecret }) => sourceSecret));
    const rows = this.#view.secretsIn(spaceId).filter(({ keyName }) => !withheld.has(keyName));
    return { version, values: Object.fromEntries(rows.map((row) => [row.keyName, this.#ring.open(row)] as const)) };
  }

  /** Returns the value of one secret, or undefined if there is none of that name. Throws like `of`. */
  one(spaceId: SpaceId, key: string): string | undefined {
    const row = this.#view.secretsIn(spaceId).find(({ keyName }) => keyName === key);
    return row && this.#ring.open(row);
  }

  /** Returns whether the session's owner has lost every permission in the space. */
  withheldFrom({ createdById, spaceId }: Pick<SessionRow, 'createdById' | 'spaceId'>): boolean {
    return !this.#hasRightsIn(createdById, spaceId);
  }

  /** Returns the version without decrypting anything. */
  version(spaceId: SpaceId): number {
    return this.#view.get('spaces', spaceId)?.secretsVersion ?? 0;
  }
}
