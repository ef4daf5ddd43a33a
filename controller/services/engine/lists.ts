import type { PageRequest } from '../../contract/pages.ts';
import type { AuditPart, StoredAudit } from '../../domain/audit/audit.ts';
import type { AccountId, AgentId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { Tables } from '../../domain/engine/mutation.ts';
import type { MessageRow } from '../../domain/messages/rows.ts';
import type { RestState, RowsOfState } from '../../domain/sessions/life-cycle.ts';
import type { ShownSession } from '../../domain/sessions/session-object.ts';
import type { Page } from '../access/caller.ts';

export interface SessionQuery {
  /**
   * Sessions in these spaces, or created by this account in the spaces `ownedIn` (anywhere, where
   * that is undefined).
   */
  readonly visible: 'all' | { readonly spaces: readonly SpaceId[]; readonly owner?: AccountId; readonly ownedIn?: readonly SpaceId[] };
  readonly spaceId?: SpaceId;
  readonly states?: readonly RowsOfState[];
  readonly createdBy?: string;
  readonly name?: string;
  /** Lower-case hexadecimal digits and dashes. */
  readonly idPrefix?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface MessageQuery {
  readonly role?: string;
  readonly afterSeq?: number;
  readonly afterTime?: number;
}

export interface AuditQuery {
  readonly actor?: string;
  readonly actorId?: string;
  readonly action?: string;
  /** The kind of thing. */
  readonly kind?: string;
  readonly ref?: { readonly id: string } | { readonly name: string };
  /** A name, which earlier spaces can have had too. */
  readonly space?: string;
  readonly spaceId?: SpaceId;
  /** Unix milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
}

export interface AuditBounds {
  /** Unix milliseconds: earlier records are past their age. */
  readonly before: Readonly<Record<AuditPart, number>>;
  readonly rows: Readonly<Record<AuditPart, number>>;
}

/** Tables whose lists filter by equal fields; an index serves each filter that is used. */
export type PlainList = 'accounts' | 'roles' | 'bindings' | 'apiKeys' | 'spaces' | 'secrets' | 'agents';

/**
 * Queries that scan. They run beside the applier, on a thread of their own, and see the last
 * commit.
 */
export interface Lists {
  sessions(query: SessionQuery, page: PageRequest): Promise<Page<ShownSession>>;
  messages(session: SessionId, query: MessageQuery, page: PageRequest): Promise<Page<MessageRow>>;
  audit(query: AuditQuery, page: PageRequest): Promise<Page<StoredAudit>>;
  /** Returns the oldest records after a number. */
  auditAfter(number: number, limit: number): Promise<readonly StoredAudit[]>;
  /** The number up to which each part is past its bounds; 0 where it is not. */
  auditCutoffs(bounds: AuditBounds): Promise<Readonly<Record<'byAge' | 'byRows', Readonly<Record<AuditPart, number>>>>>;
  countMessages(session: SessionId): Promise<number>;
  /** Sessions by state, without the deleted. */
  countSessions(): Promise<Readonly<Record<RestState, number>>>;
  /**
   * Returns whether a source is still needed: by an agent, by an unfinished build, by the build
   * that new sessions of its space start from, or by one that a session is pinned to, so that its
   * image can be built again.
   */
  sourceInUse(digest: string): Promise<boolean>;
  /**
   * The most recently active running sessions of a space that were created with an agent; `total`
   * counts all of them.
   */
  sessionsWithAgent(space: SpaceId, agent: AgentId, limit: number): Promise<{ readonly ids: readonly SessionId[]; readonly total: number }>;
  /** Rows of a table with these values, and with ids in `among` where it is given. Newest first. */
  rows<Name extends PlainList>(
    table: Name,
    equal: Partial<Tables[Name]>,
    page: PageRequest,
    among?: readonly string[],
  ): Promise<Page<Tables[Name]>>;
}
