import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { SessionId, SpaceId } from '../engine/ids.ts';

/** What happens to a sandbox when its time is over: `pause` keeps its processes, `suspend` only its disk. */
export type OnTimeout = 'kill' | 'pause' | 'suspend';

/**
 * What the API of E2B keeps beside a session. A snapshot is a suspended copy of a sandbox, from
 * which others are made.
 */
export const SANDBOXES = {
  /** The session's. */
  id: text<SessionId>(),
  kind: text<'sandbox' | 'snapshot'>(),
  spaceId: text<SpaceId>(),
  /** Of a snapshot. */
  name: text<string | null>(),
  /** The sandbox of a snapshot. */
  sourceId: text<SessionId | null>(),
  /** As it was asked for. */
  template: text(),
  /** Ids of the API keys that were given an access token, newest first. */
  holders: json<readonly string[]>(),
  /** The variables of every command, as encrypted JSON; empty: none. */
  envs: text(),
  /** It ends so long after `timeoutAt`, while it runs in this generation of its session. */
  timeoutMs: integer(),
  timeoutAt: integer(),
  generation: integer(),
  onTimeout: text<OnTimeout>(),
  /** Whether a request for its processes, files or ports resumes it. */
  autoResume: flag(),
  createdAt: integer(),
};
export interface SandboxRow extends RowOf<typeof SANDBOXES> {}
