import type { Permissions } from '../../domain/access/rbac.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

/** Whoever asks, proved by a token. */
export interface Caller {
  readonly accountId: AccountId;
  readonly user: string;
  readonly permissions: Permissions;
  /** What the audit record says of this request. */
  readonly attribution?: Attribution;
  /** Whether these are the rights of now, so that what was judged by them still holds. */
  readonly isCurrent?: () => boolean;
  /** The same one with the rights of now: to be asked after whatever was waited for. Undefined once what proved them holds no longer. */
  now(): Caller | undefined;
}

export interface Page<T> {
  /** Fewer than asked for at the end of the list, or where the page ended early. */
  readonly items: readonly T[];
  readonly total: number;
}

/** The same key, caller and body within 24 h gives the thing that was made. `body` is the canonical request body. */
export interface Idempotency {
  readonly key: string;
  readonly body: string;
}
