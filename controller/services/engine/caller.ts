import type { Permissions } from '../../domain/access/rbac.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

/** An authenticated caller. */
export interface Caller {
  readonly accountId: AccountId;
  readonly user: string;
  readonly permissions: Permissions;
  /** What the audit record says about this request. */
  readonly attribution?: Attribution;
  /** Returns whether these permissions are still current. */
  readonly isCurrent?: () => boolean;
  /**
   * Returns the caller with its current permissions; call it after a wait. Undefined once its
   * credentials are invalid.
   */
  now(): Caller | undefined;
}

export interface Page<T> {
  /** Fewer than the limit at the end of the list, or if the page ended early. */
  readonly items: readonly T[];
  readonly total: number;
}

/**
 * The same key, caller and body within 24 h return the resource created first. `body` is the
 * canonical request body.
 */
export interface Idempotency {
  readonly key: string;
  readonly body: string;
}
