/**
 * What the controller can do, as its edges see it: http/ calls these, main.ts puts the implementations behind them.
 * Every method judges the caller's permission itself. Objects are what REST shows, in its own spelling.
 */
import type { Readable } from 'node:stream';
import type { AgentRow } from '../../domain/agents/rows.ts';
import type { AccountId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type {
  AgentLogsObject,
  AgentObject,
  BuildLogObject,
  BuildObject,
  MessageObject,
  Metadata,
  NodeObject,
  OrphanObject,
  RunningAgentObject,
  SessionObject,
  SourceObject,
} from '../../domain/engine/objects.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../../domain/events/events.ts';
import type { DesiredChange } from '../../domain/sessions/commands/change-desired.ts';
import type { SessionUpdate } from '../../domain/sessions/commands/update-session.ts';
import type { SpaceChange } from '../../domain/spaces/commands/spaces.ts';
import type { SecretObject, SpaceObject } from '../../domain/spaces/space-objects.ts';
import type { Accounts, ApiKeys, RoleBindings, Roles, ServiceAccounts } from '../access/access-api.ts';
import type { Audit } from '../audit/audit-service.ts';
import type { Payer } from '../budget/payer.ts';
import type { Caller, Idempotency, Page, PageRequest } from './caller.ts';
import type { JsonText } from './json-text.ts';

export interface CreateSession {
  readonly space?: string;
  readonly name?: string;
  readonly metadata?: Metadata;
  /** A session that the caller may see. It shares nothing with it. */
  readonly parent_session_id?: string;
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly resources?: {
    readonly requests?: { readonly cpu?: number; readonly memory_bytes?: number };
    readonly limits?: {
      readonly cpu?: number;
      readonly memory_bytes?: number;
      readonly disk_bytes?: number;
      readonly processes?: number;
    };
  };
}

export interface RemixSession {
  readonly name?: string;
  /** Default: the parent's. */
  readonly space?: string;
  /** Default: the parent's. */
  readonly metadata?: Metadata;
  /** Default true. */
  readonly data?: boolean;
  /** Default false. */
  readonly messages?: boolean;
}

export interface SessionFilter {
  readonly space?: string;
  readonly state?: string;
  readonly created_by?: string;
  readonly name?: string;
  /** How the id begins. */
  readonly id_prefix?: string;
  /** Keys and values of `metadata.KEY=VALUE`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Sessions {
  create(caller: Caller, input: CreateSession, idempotency?: Idempotency): Promise<Outcome<SessionObject>>;
  get(caller: Caller, id: SessionId): Outcome<JsonText>;
  list(caller: Caller, filter: SessionFilter, page: PageRequest): Promise<Outcome<Page<SessionObject>>>;
  /** 400 when nothing is to change. */
  update(caller: Caller, id: SessionId, update: SessionUpdate): Promise<Outcome<SessionObject>>;
  /** A new running session that begins as a copy; see {@link remixSession}. Needs get in the parent's space and create in its own. */
  remix(caller: Caller, parent: SessionId, input: RemixSession, idempotency?: Idempotency): Promise<Outcome<SessionObject>>;
  /** Answers once the tombstone is durable. */
  remove(caller: Caller, id: SessionId): Promise<Outcome<undefined>>;
  /** Pauses, suspends, resumes or recovers, where that is legal; a repeated request changes nothing. `force`: without a grace for what is running. */
  change(caller: Caller, id: SessionId, request: DesiredChange, options: { readonly force: boolean }): Promise<Outcome<SessionObject>>;
  /** `PUT state`: the request that leads to the state. 409 for a state that cannot be asked for. */
  putState(caller: Caller, id: SessionId, state: SessionObject['state']): Promise<Outcome<SessionObject>>;
  /** Resolves with the session once it is idle, busy or error, or with `undefined` when the signal aborts first. */
  whenUp(id: SessionId, signal: AbortSignal): Promise<SessionObject | undefined>;
}

export interface PostMessage {
  readonly content: string;
  readonly role?: 'user' | 'system';
  readonly metadata?: Metadata;
  readonly wake?: boolean;
}

export interface MessageFilter {
  readonly role?: 'user' | 'agent' | 'system';
  /** Messages with a greater seq, or (RFC 3339) made later. */
  readonly since?: { readonly seq: number } | { readonly at: number };
}

export interface Messages {
  post(caller: Caller, session: SessionId, input: PostMessage, idempotency?: Idempotency): Promise<Outcome<MessageObject>>;
  list(caller: Caller, session: SessionId, filter: MessageFilter, page: PageRequest): Promise<Outcome<Page<MessageObject>>>;
  count(caller: Caller, session: SessionId): Promise<Outcome<number>>;
  clear(caller: Caller, session: SessionId): Promise<Outcome<undefined>>;
  /** Resolves with the answer to a message once it is committed, or with `undefined` when the signal aborts first. */
  whenAnswered(session: SessionId, message: string, signal: AbortSignal): Promise<MessageObject | undefined>;
}

export interface CreateSpace {
  readonly name: string;
  readonly description?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Spaces {
  /** The spaces that the caller may see. */
  list(caller: Caller, filter: { readonly active?: boolean }, page: PageRequest): Promise<Outcome<Page<SpaceObject>>>;
  create(caller: Caller, input: CreateSpace, idempotency?: Idempotency): Promise<Outcome<SpaceObject>>;
  get(caller: Caller, name: string): Outcome<SpaceObject>;
  /** 400 where nothing is to change, or the name. */
  update(caller: Caller, name: string, change: SpaceChange & { readonly name?: string }): Promise<Outcome<SpaceObject>>;
  /** With its secrets, agents, builds and bindings. 409 while it has sessions. */
  remove(caller: Caller, name: string): Promise<Outcome<undefined>>;
}

export interface CreateSecret {
  readonly key_name: string;
  readonly value: string;
  readonly description?: string;
}

export interface ChangeSecret {
  readonly value?: string;
  /** Null clears it. */
  readonly description?: string | null;
}

/** Whether values are to be shown; needs secrets:read-values. */
export interface ShowValues {
  readonly showValues: boolean;
}

export interface Secrets {
  list(caller: Caller, space: string, show: ShowValues, page: PageRequest): Promise<Outcome<Page<SecretObject>>>;
  /** Its answer has no value. */
  create(caller: Caller, space: string, input: CreateSecret): Promise<Outcome<SecretObject>>;
  get(caller: Caller, space: string, key: string, show: ShowValues): Outcome<SecretObject>;
  update(caller: Caller, space: string, key: string, change: ChangeSecret, show: ShowValues): Promise<Outcome<SecretObject>>;
  remove(caller: Caller, space: string, key: string): Promise<Outcome<undefined>>;
}

export interface CreateAgent {
  readonly name: string;
  readonly description?: string;
  readonly purpose?: string;
  readonly source_repo?: string;
  readonly source_branch?: string;
}

/** What is named is set; a null clears it. */
export interface ChangeAgent {
  readonly description?: string | null;
  readonly purpose?: string | null;
  readonly source_repo?: string;
  readonly source_branch?: string;
}

/** What a client may set; all else is derived. */
export type SettableStatus = 'active' | 'inactive' | 'stopped';

export interface Agents {
  /** Removes the sources that nothing needs any more. Uploads wait their turn meanwhile, never long. */
  removeUnusedSources(): Promise<void>;
  create(caller: Caller, space: string, input: CreateAgent, idempotency?: Idempotency): Promise<Outcome<AgentObject>>;
  get(caller: Caller, space: string, name: string): Outcome<AgentObject>;
  list(caller: Caller, space: string, page: PageRequest): Promise<Outcome<Page<AgentObject>>>;
  /** Those with a live worker in a session that is up. */
  running(caller: Caller, space: string, page: PageRequest): Outcome<Page<RunningAgentObject>>;
  update(caller: Caller, space: string, name: string, input: ChangeAgent): Promise<Outcome<AgentObject>>;
  /** Whoever is not active gets no messages, also none of those that wait, and its workers end after their run; when stopped, at once. */
  setStatus(caller: Caller, space: string, name: string, status: SettableStatus): Promise<Outcome<AgentObject>>;
  stop(caller: Caller, space: string, name: string): Promise<Outcome<AgentObject>>;
  remove(caller: Caller, space: string, name: string): Promise<Outcome<undefined>>;
  /** Reads a gzipped tar of at most 64 MiB from `body`; what is refused leaves nothing behind. */
  upload(
    caller: Caller,
    space: string,
    name: string,
    body: Readable,
    from?: Pick<Payer, 'key' | 'address'>,
  ): Promise<Outcome<SourceObject>>;
  /** Queues the build that puts every active agent of the space into one image, and makes this one active. */
  deploy(caller: Caller, space: string, name: string): Promise<Outcome<AgentObject>>;
}

/** Which of an agent's lines: the newest `limit`, of all sessions of its space or of one. */
export interface LogRequest {
  readonly limit: number;
  readonly stream: 'stdout' | 'stderr' | 'all';
  readonly session?: SessionId;
}

/** Lines of an agent that the caller may see. Made by `scope`, and good as long as that says so. */
export interface LogScope extends LogRequest {
  /** Who reads them. */
  readonly accountId: AccountId;
  readonly agent: AgentRow;
  readonly spaceName: string;
}

export interface AgentLogs {
  /** Whether the caller may see them; 404 for a session of another space or without this agent. */
  scope(caller: Caller, space: string, agent: string, request: LogRequest): Outcome<LogScope>;
  /** Lines are kept on the sessions' volumes, and read from those that are up: 409 for a session that rests, 503 for one that does not answer. */
  read(scope: LogScope): Promise<Outcome<AgentLogsObject>>;
  /** Calls the watcher with the newest lines, and then with each that is printed, until closed. Some may be lost on the way, or while it is full. */
  follow(scope: LogScope, watcher: Pick<EventWatcher, 'log' | 'end'>): Watching;
}

export interface Builds {
  /** Without `force` a build that holds the same, finished or under way, is answered instead of a new one. */
  create(caller: Caller, space: string, input: { readonly force: boolean }, idempotency?: Idempotency): Promise<Outcome<BuildObject>>;
  latest(caller: Caller, space: string): Outcome<BuildObject>;
  get(caller: Caller, space: string, id: string): Outcome<BuildObject>;
  logs(caller: Caller, space: string, id: string): Outcome<BuildLogObject>;
}

export interface Nodes {
  /** The token is shown once; it carries the CA's hash and the controller's address. */
  createToken(caller: Caller, expiresInS?: number): Promise<Outcome<{ token: string; expires_at: string }>>;
  list(caller: Caller, page: PageRequest): Outcome<Page<NodeObject>>;
  get(caller: Caller, id: string): Outcome<NodeObject>;
  /** Gives up a node that is unreachable: what was on it fails, and may be recovered should it return. 409 for one that is ready. */
  lose(caller: Caller, id: string): Promise<Outcome<NodeObject>>;
}

/** What nodes hold and no session explains. `node` is an id or a name; 503 while that node is not connected. */
export interface Orphans {
  list(caller: Caller, node: string, page: PageRequest): Outcome<Page<OrphanObject>>;
  adopt(caller: Caller, node: string, session: SessionId): Promise<Outcome<SessionObject>>;
  /** Answers once the tombstone is durable. */
  remove(caller: Caller, node: string, session: SessionId): Promise<Outcome<undefined>>;
}

/**
 * What a watcher answers to each thing that it is given.
 * - `more`: it took it.
 * - `full`: it has no room and did not take it. An event or a reset comes again once its `resume` is called; a delta or a line does not.
 * - `over`: it ends.
 */
export type Taken = 'more' | 'full' | 'over';

/** What a watcher of events is called with. */
export interface EventWatcher {
  event(event: StoredEvent, position: EventPosition): Taken;
  delta(delta: DeltaNews): Taken;
  log(line: LogNews): Taken;
  /** The position asked for is from another epoch or pruned: read the state anew; events follow from `position` on. */
  reset(position: EventPosition): Taken;
  /** No more will come. */
  end(): void;
}

export interface Watching {
  /** There is room again. To be called after `full`, and not from within the watcher. */
  resume(): void;
  close(): void;
}

export interface EventScope {
  /** One session, or all. */
  readonly session?: SessionId;
  /** Spaces whose sessions the watcher may see; undefined: all of them. */
  readonly spaces?: ReadonlySet<SpaceId>;
  /**
   * Of what belongs to a space and to no session (builds, agents), the spaces in which the watcher may see it, by its kind; what is of no
   * kind named here is not shown. Undefined: as `spaces`.
   */
  readonly ofSpaces?: ReadonlyMap<string, 'all' | ReadonlySet<SpaceId>>;
  /** Sees the sessions that it made in the spaces `ownedIn`; in any, where that is undefined. */
  readonly owner?: AccountId;
  readonly ownedIn?: ReadonlySet<SpaceId>;
  /** Sees the API keys of this account. */
  readonly keysOf?: AccountId;
  /** Of what belongs to no space, the kinds that the watcher may see, the word before the dot of an event's type; undefined: all of them. */
  readonly kinds?: ReadonlySet<string>;
}

export interface Events {
  /** Whether the caller may watch, and what; 404 for a session that is not there for this caller. */
  scope(caller: Caller, session?: SessionId): Outcome<EventScope>;
  /** Whether a session is there, for whomever: not deleted. */
  isThere(session: SessionId): boolean;
  /** Calls the watcher with all events of the scope after `after` (now, when undefined), in order and without a gap, until closed. */
  watch(scope: EventScope, after: EventPosition | undefined, watcher: EventWatcher): Watching;
}

export interface Health {
  /**
   * `failing`: the controller cannot serve, and a check says why. `degraded`: it serves, and `degraded` counts what is not as it
   * should be, by kind.
   */
  check(): {
    status: 'ok' | 'degraded' | 'failing';
    checks: Readonly<Record<string, string>>;
    degraded: Readonly<Record<string, number>>;
  };
}

export interface Services {
  readonly accounts: Accounts;
  readonly serviceAccounts: ServiceAccounts;
  readonly roles: Roles;
  readonly roleBindings: RoleBindings;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly messages: Messages;
  readonly spaces: Spaces;
  readonly secrets: Secrets;
  readonly agents: Agents;
  readonly agentLogs: AgentLogs;
  readonly builds: Builds;
  readonly nodes: Nodes;
  readonly orphans: Orphans;
  readonly events: Events;
  readonly audit: Audit;
  readonly health: Health;
}
