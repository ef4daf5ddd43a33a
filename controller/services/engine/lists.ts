import type { PageRequest } from '../../contract/pages.ts';
import type { AuditPart, StoredAudit } from '../../domain/audit/audit.ts';
import type { AccountId, AgentId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { Tables } from '../../domain/engine/mutation.ts';
import type { MessageRow } from '../../domain/messages/rows.ts';
import type { RestState, RowsOfState } from '../../domain/sessions/life-cycle.ts';
import type { ShownSession } from '../../domain/sessions/session-object.ts';
import type { Page } from './caller.ts';

export interface SessionQuery {
  /**
   * Sessions in these spaces, or owned by this account in the spaces `ownedIn`; undefined for all
   * spaces.
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
  /** Kind of the resource. */
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
  /** Unix milliseconds: older records are past their retention. */
  readonly before: Readonly<Record<AuditPart, number>>;
  readonly rows: Readonly<Record<AuditPart, number>>;
}

/** Tables that are listed by equality of fields. Each used filter has an index. */
export type PlainList = 'accounts' | 'roles' | 'bindings' | 'apiKeys' | 'spaces' | 'secrets' | 'agents';

/** Queries that scan. They run on a reader thread beside the applier and see the last commit. */
export interface Lists {
  sessions(query: SessionQuery, page: PageRequest): Promise<Page<ShownSession>>;
  messages(session: SessionId, query: MessageQuery, page: PageRequest): Promise<Page<MessageRow>>;
  audit(query: AuditQuery, page: PageRequest): Promise<Page<StoredAudit>>;
  /** Returns the oldest records after a number. */
  auditAfter(number: number, limit: number): Promise<readonly StoredAudit[]>;
  /** Returns the number up to which each part exceeds its bounds; 0 if it does not. */
  auditCutoffs(bounds: AuditBounds): Promise<Readonly<Record<'byAge' | 'byRows', Readonly<Record<AuditPart, number>>>>>;
  countMessages(session: SessionId): Promise<number>;
  /** Counts the sessions in each state, without deleted ones. */
  countSessions(): Promise<Readonly<Record<RestState, number>>>;
  /**
   * Returns whether a source is still in use: by an agent, or by a build that is unfinished, that
   * new sessions of its space use, or that a session is pinned to (its image can need a rebuild).
   */
  sourceInUse(digest: string): Promise<boolean>;
  /**
   * Returns the most recently active running sessions of a space with an agent; `total` counts all.
   */
  sessionsWithAgent(space: SpaceId, agent: AgentId, limit: number): Promise<{ readonly ids: readonly SessionId[]; readonly total: number }>;
  /**
   * Returns rows whose fields have these values, optionally only with ids `among` these. Newest
   * first.
   */
  rows<Name extends PlainList>(
    table: Name,
    equal: Partial<Tables[Name]>,
    page: PageRequest,
    among?: readonly string[],
  ): Promise<Page<Tables[Name]>>;
}
