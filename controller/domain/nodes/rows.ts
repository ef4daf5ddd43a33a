import type { NodeId } from '../engine/ids.ts';
import type { Limits } from '../sessions/rows.ts';

/** What a node has for its sessions together beyond CPU and memory, and what it gives to one of them at most. 0: no bound. */
export interface NodeBounds {
  readonly processes: number;
  readonly diskBytes: number;
  readonly most: Limits;
}

export interface NodeRow {
  readonly id: NodeId;
  readonly name: string;
  readonly incarnation: number;
  readonly joinedAt: number;
  /** SHA-256 of its public key, lower-case hex. Null: not known yet, from before keys were recorded or from before a restore. */
  readonly keyHash: string | null;
  /** Since when its certificates are refused, valid or not. */
  readonly revokedAt: number | null;
  /** As it last said hello. */
  readonly driver: string;
  readonly version: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: no bound of its own. */
  readonly maxSessions: number;
  /** Null: its node agent is of an older version, and says nothing of them. */
  readonly bounds: NodeBounds | null;
  /** When its stream last came up or ended. */
  readonly lastSeenAt: number | null;
  /** Since when it is away, less the time in which no controller was there to see it. */
  readonly unreachableSince: number | null;
  /** When it was given up. What was on it is failed. */
  readonly lostAt: number | null;
}

export interface NodeTokenRow {
  readonly id: string;
  /** SHA-256 of the secret: the secret itself is random and shown once. */
  readonly secretHash: string;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  readonly usedBy: NodeId | null;
  /** Hash of the node's key: who holds it may ask again, since the answer may have been lost. */
  readonly usedKey: string | null;
  readonly createdBy: string;
  readonly createdAt: number;
}
