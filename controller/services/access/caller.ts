import type { Permissions } from '../../domain/access/rbac.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

/** A caller, authenticated by a token or key. */
export interface Caller {
  readonly accountId: AccountId;
  readonly user: string;
  readonly permissions: Permissions;
  /** What the audit record says about this request. */
  readonly attribution?: Attribution;
  /** Returns whether the rights are current, so that what was judged by them still holds. */
  readonly isCurrent?: () => boolean;
  /**
   * Returns the caller with current rights. Call it after a wait. Undefined if the credentials are
   * no longer valid.
   */
  now(): Caller | undefined;
}

export interface Page<T> {
  /** Fewer than the limit at the end of the list, or if the page ended early. */
  readonly items: readonly T[];
  readonly total: number;
}

/**
 * The same key, caller and body within 24 h returns what the first request created. `body` is the
 * canonical request body.
 */
export interface Idempotency {
  readonly key: string;
  readonly body: string;
}

/** Adds to a caller what the audit record says about its request, also when it is refreshed. */
export function attributed(caller: Caller, attribution: Attribution): Caller {
  return {
    ...caller,
    attribution,
    now() {
      const now = caller.now();
      return now === undefined ? undefined : attributed(now, attribution);
    },
  };
}
