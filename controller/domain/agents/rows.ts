import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, AgentId, SpaceId } from '../engine/ids.ts';

export type Runtime = 'python' | 'node' | 'native';

/** How an agent's code is called, from its manifest. */
export interface AgentProgram {
  readonly runtime: Runtime;
  readonly handler: string;
  readonly idempotent: boolean;
  /** Time limit of a run. Undefined: the guest's own, 300 s. */
  readonly timeoutS?: number;
  /** Memory limit of the processes of one worker together. Undefined: only that of the session. */
  readonly memoryBytes?: number;
  /** How many messages of a session it answers at once. Undefined: one. */
  readonly concurrency?: number;
  /** Capabilities from its manifest, which help a model to choose an agent. Undefined: none given. */
  readonly capabilities?: readonly string[];
}

/** What an agent's manifest says about it. Texts set by the API override these. */
export interface ManifestTexts {
  readonly description: string | null;
  readonly purpose: string | null;
}

export const NO_TEXTS: ManifestTexts = { description: null, purpose: null };

export const AGENTS = {
  id: text<AgentId>(),
  spaceId: text<SpaceId>(),
  name: text(),
  /** Set by the API, as is `purpose`. */
  description: text<string | null>(),
  purpose: text<string | null>(),
  /** Null: there is no source. */
  manifest: json<ManifestTexts | null>(),
  sourceRepo: text<string | null>(),
  sourceBranch: text(),
  /** Of the repository; null: its root. */
  sourceDirectory: text<string | null>(),
  /** The name of the secret with the credential of the repository. */
  sourceSecret: text<string | null>(),
  /** The state that a user set; only active agents receive messages. `configured` until then. */
  wanted: text<'configured' | 'active' | 'inactive' | 'stopped'>(),
  sourceDigest: text<string | null>(),
  /** The commit of the repository that the source is. Null: it was uploaded. */
  sourceCommit: text<string | null>(),
  program: json<AgentProgram | null>(),
  sourceAt: integer<number | null>(),
  sourceBytes: integer(),
  sourceFiles: integer(),
  createdAt: integer(),
  updatedAt: integer(),
  createdBy: text(),
  createdById: text<AccountId>(),
};
export interface AgentRow extends RowOf<typeof AGENTS> {}

/** Where the source of an agent is fetched from. */
export type RepositoryField = 'sourceRepo' | 'sourceBranch' | 'sourceDirectory' | 'sourceSecret';
