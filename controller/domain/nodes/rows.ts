import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { NodeId } from '../engine/ids.ts';
import type { Limits } from '../sessions/rows.ts';

/** What a node has for its sessions together beyond CPU and memory, and what it gives to one of them at most. 0: no bound. */
export interface NodeBounds {
  readonly processes: number;
  readonly diskBytes: number;
  readonly most: Limits;
}

export const NODES = {
  id: text<NodeId>(),
  name: text(),
  incarnation: integer(),
  joinedAt: integer(),
  /** SHA-256 of its public key, lower-case hex. Null: not known yet, from before keys were recorded or from before a restore. */
  keyHash: text<string | null>(),
  /** Since when its certificates are refused, valid or not. */
  revokedAt: integer<number | null>(),
  /** As it last said hello. */
  driver: text(),
  version: text(),
  cpuMillis: integer(),
  memoryBytes: integer(),
  /** 0: no bound of its own. */
  maxSessions: integer(),
  /** Null: its node agent is of an older version, and says nothing of them. */
  bounds: json<NodeBounds | null>(),
  /** When its stream last came up or ended. */
  lastSeenAt: integer<number | null>(),
  /** Since when it is away, less the time in which no controller was there to see it. */
  unreachableSince: integer<number | null>(),
  /** When it was given up. What was on it is failed. */
  lostAt: integer<number | null>(),
};
export interface NodeRow extends RowOf<typeof NODES> {}

export const NODE_TOKENS = {
  id: text(),
  /** SHA-256 of the secret: the secret itself is random and shown once. */
  secretHash: text(),
  expiresAt: integer(),
  usedAt: integer<number | null>(),
  usedBy: text<NodeId | null>(),
  /** Hash of the node's key: who holds it may ask again, since the answer may have been lost. */
  usedKey: text<string | null>(),
  createdBy: text(),
  createdAt: integer(),
};
export interface NodeTokenRow extends RowOf<typeof NODE_TOKENS> {}
