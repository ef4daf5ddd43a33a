import type { PageRequest } from '../../contract/pages.ts';
import type { AuditPart, StoredAudit } from '../../domain/audit/audit.ts';
import type { AccountId, AgentId, MessageId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { Tables } from '../../domain/engine/mutation.ts';
import type { HopRow, MessageRow } from '../../domain/messages/rows.ts';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';
import type { RestState, RowsOfState } from '../../domain/sessions/life-cycle.ts';
import type { ListedSession } from '../../domain/sessions/session-object.ts';
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

/** Sandboxes of the API of E2B in one space. All given values must match. */
export interface SandboxQuery {
  readonly kind: SandboxRow['kind'];
  readonly spaceId: SpaceId;
  /** Only those that this account created. */
  readonly owner?: AccountId;
  readonly states: readonly ('running' | 'paused')[];
  /** Unix milliseconds, inclusive. */
  readonly startedAfter?: number | undefined;
  readonly template?: string | undefined;
  readonly name?: string | undefined;
  readonly sourceId?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The last one of the page before. */
  readonly after?: { readonly createdAt: number; readonly id: string } | undefined;
  /** Default: newest first. */
  readonly order?: 'asc' | 'desc' | undefined;
  readonly limit: number;
}

export interface MessageQuery {
  /** Also those of hops. */
  readonly hops?: boolean;
  readonly role?: string;
  readonly afterSeq?: number;
  readonly afterTime?: number;
}

export interface AuditQuery {
  readonly actor?: string;
  readonly actorId?: string;
  readonly action?: string;
  /** The resource type. */
  readonly kind?: string;
  readonly ref?: { readonly id: string } | { readonly name: string };
  /** A name. Deleted spaces can have had it too. */
  readonly space?: string;
  readonly spaceId?: SpaceId;
  /** Unix milliseconds, both inclusive. */
  readonly since?: number;
  readonly until?: number;
}

export interface AuditBounds {
  /** Unix milliseconds. Earlier records are past their maximum age. */
  readonly before: Readonly<Record<AuditPart, number>>;
  readonly rows: Readonly<Record<AuditPart, number>>;
}

/** Tables whose lists filter by equality. Each filter in use has an index. */
export type PlainList = 'accounts' | 'roles' | 'bindings' | 'apiKeys' | 'spaces' | 'secrets' | 'agents' | 'builds';

/** Sessions of a space with one of `agents`, and those of an account with one of `ownAgents`. */
export interface SessionsWithLogs {
  readonly space: { readonly id: SpaceId };
  /** The only agent that counts. */
  readonly agent?: { readonly id: AgentId };
  readonly agents: 'all' | ReadonlySet<AgentId>;
  readonly accountId: AccountId;
  readonly ownAgents: 'all' | ReadonlySet<AgentId>;
}

/**
 * Queries that scan. They run on a separate thread, in parallel to the applier, and see the last
 * commit.
 */
export interface Lists {
  /** Returns the ids of a page, in order. */
  sessions(query: SessionQuery, page: PageRequest): Promise<Page<SessionId>>;
  /**
   * Returns the rows of those that are in the store, by time of creation. `total` counts them;
   * fewer are returned where a page's bytes do not suffice.
   */
  sessionRows(ids: readonly SessionId[], order: 'asc' | 'desc'): Promise<Page<ListedSession>>;
  /** Returns the ids of a page, in order. */
  sandboxes(query: SandboxQuery): Promise<readonly SessionId[]>;
  messages(session: SessionId, query: MessageQuery, page: PageRequest): Promise<Page<MessageRow>>;
  audit(query: AuditQuery, page: PageRequest): Promise<Page<StoredAudit>>;
  /** Returns the oldest records after a number. */
  auditAfter(number: number, limit: number): Promise<readonly StoredAudit[]>;
  /**
   * Returns for each part the number up to which its records are past their bounds; 0 if none is.
   */
  auditCutoffs(bounds: AuditBounds): Promise<Readonly<Record<'byAge' | 'byRows', Readonly<Record<AuditPart, number>>>>>;
  countMessages(session: SessionId, query?: Pick<MessageQuery, 'hops'>): Promise<number>;
  /** Returns the questions and answers of a message's hops, by seq. */
  hops(message: MessageId): Promise<readonly HopRow[]>;
  /** Counts sessions by state, without deleted ones. */
  countSessions(): Promise<Readonly<Record<RestState, number>>>;
  /**
   * Returns whether a source is still needed: by an agent, by an unfinished build, by the build
   * that new sessions of its space start from, or by one that a session is pinned to, so that its
   * image can be built again.
   */
  sourceInUse(digest: string): Promise<boolean>;
  /**
   * Returns the most recently active running sessions with agents whose lines a scope includes;
   * `total` counts all of them.
   */
  sessionsWithLogs(scope: SessionsWithLogs, limit: number): Promise<{ readonly ids: readonly SessionId[]; readonly total: number }>;
  /**
   * Returns the rows of a table with these values, and with ids in `among` if given. Newest first.
   */
  rows<Name extends PlainList>(
    table: Name,
    equal: Partial<Tables[Name]>,
    page: PageRequest,
    among?: readonly string[],
  ): Promise<Page<Tables[Name]>>;
}
