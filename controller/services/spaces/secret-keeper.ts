import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { SealingRing } from './sealing.ts';

/** All secrets of a space as of one commit. */
export interface SpaceSecrets {
  /** Of the space's secrets: raised by every change of one of them; 0 where there never was one. */
  readonly version: number;
  /** By key. In the clear: for the guest, never for a log, an event or a file. */
  readonly values: Readonly<Record<string, string>>;
}

/** Opens the secrets of a space when they are asked for, and keeps none of them. */
export class SecretKeeper {
  readonly #view: View;
  readonly #ring: SealingRing;
  readonly #holdsIn: (account: AccountId, spaceId: SpaceId) => boolean;

  /** `holdsIn` says whether an account holds any right in a space. */
  constructor(view: View, ring: SealingRing, holdsIn: (account: AccountId, spaceId: SpaceId) => boolean = () => true) {
    this.#view = view;
    this.#ring = ring;
    this.#holdsIn = holdsIn;
  }

  /** Version 0 and no values for a space that is not there. Throws when one cannot be opened: its key is missing, or it was tampered with. */
  of(spaceId: SpaceId): SpaceSecrets {
    // Nobody commits between these two reads: they are made in one go, by the process that writes.
    const version = this.version(spaceId);
    const values = this.#view.secretsIn(spaceId).map((row) => [row.keyName, this.#ring.open(row)] as const);
    return { version, values: Object.fromEntries(values) };
  }

  /** From sessions of those who have lost every right in the space. */
  withheldFrom({ createdById, spaceId }: Pick<SessionRow, 'createdById' | 'spaceId'>): boolean {
    return !this.#holdsIn(createdById, spaceId);
  }

  /** The version alone, which opens nothing. */
  version(spaceId: SpaceId): number {
    return this.#view.get('spaces', spaceId)?.secretsVersion ?? 0;
  }
}
