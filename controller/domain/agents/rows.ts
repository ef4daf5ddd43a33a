import type { AccountId, AgentId, SpaceId } from '../engine/ids.ts';

export type Runtime = 'python' | 'node' | 'native';

/** How an agent's code is called; from its manifest. */
export interface AgentProgram {
  readonly runtime: Runtime;
  readonly handler: string;
  readonly idempotent: boolean;
}

export interface AgentRow {
  readonly id: AgentId;
  readonly spaceId: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly purpose: string | null;
  readonly sourceRepo: string | null;
  readonly sourceBranch: string;
  /** What a person wants of it: only an active agent gets messages. `configured`: nobody has said yet. */
  readonly wanted: 'configured' | 'active' | 'inactive' | 'stopped';
  readonly sourceDigest: string | null;
  readonly program: AgentProgram | null;
  readonly sourceAt: number | null;
  readonly sourceBytes: number;
  readonly sourceFiles: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly createdById: AccountId;
}
