import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { NodeId } from '../engine/ids.ts';
import type { Platform } from '../images/platforms.ts';
import type { Limits } from '../sessions/rows.ts';

/**
 * A node's totals for all sessions, other than CPU and memory, and its maxima for one session. 0
 * means no bound.
 */
export interface NodeBounds {
  readonly processes: number;
  readonly diskBytes: number;
  readonly most: Limits;
}

/** A drain of a node: no session starts or wakes there, and running ones are suspended. */
export interface Drain {
  readonly since: number;
  /** How long runs in progress can continue, from `since` on. Null: as long as they need. */
  readonly deadlineMs: number | null;
  /** Whether sessions that are busy at the deadline are suspended anyway. */
  readonly onDeadline: 'suspend' | 'wait';
  /** Sessions that had not stopped, as of the last progress event. */
  readonly left: number;
  /** When the last session stopped. */
  readonly doneAt: number | null;
}

/** A node's certificate, as of its last connection. */
export interface CertificateFacts {
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** SHA-256 of the DER of the CA that signed it, in lower-case hex. */
  readonly issuer: string;
}

export const NODES = {
  id: text<NodeId>(),
  name: text(),
  incarnation: integer(),
  joinedAt: integer(),
  /**
   * SHA-256 of its public key, in lower-case hex. Null: unknown, from before keys were recorded or
   * before a restore.
   */
  keyHash: text<string | null>(),
  /** Since when its certificates are refused, even valid ones. */
  revokedAt: integer<number | null>(),
  /** As in its last hello. */
  driver: text(),
  version: text(),
  cpuMillis: integer(),
  memoryBytes: integer(),
  /** 0: unlimited. */
  maxSessions: integer(),
  /** Null: its node agent is older and reports none. */
  bounds: json<NodeBounds | null>(),
  /** When its stream last came up or ended. */
  lastSeenAt: integer<number | null>(),
  /** Start of its absence, moved forward by the time in which no controller was running. */
  unreachableSince: integer<number | null>(),
  /** When it was declared lost. Its sessions are failed. */
  lostAt: integer<number | null>(),
  /** Set by operators. */
  labels: json<Readonly<Record<string, string>>>(),
  /** Since when it accepts no new sessions, at an operator's request. A drain includes this. */
  cordonedAt: integer<number | null>(),
  /** Null: it is not being drained. */
  drain: json<Drain | null>(),
  /** Its host when it last connected, without the port. Null: unknown. */
  address: text<string | null>(),
  /**
   * The highest boot number of its processes. One with a lower number that takes the node's place
   * later is counted above it, or its reports would be older than those of the other.
   */
  lastBoot: integer(),
  /** The join token that it used last. It can repeat that request, in case the answer was lost. */
  joinToken: text<string | null>(),
  /** Null: unknown. */
  certificate: json<CertificateFacts | null>(),
  /** Fingerprint of the machine that last connected. Null: unknown, as after it joined. */
  machine: text<string | null>(),
  /** Of the images that run there. Null: unknown, as with an older node agent. */
  platform: text<Platform | null>(),
};
export interface NodeRow extends RowOf<typeof NODES> {}

/** The fields that operators set, as a node has them when it joins. */
export const UNSET: Pick<NodeRow, 'labels' | 'cordonedAt' | 'drain'> = { labels: {}, cordonedAt: null, drain: null };
/** What is known of a node that has only joined. */
export const UNMANAGED: Pick<
  NodeRow,
  'labels' | 'cordonedAt' | 'drain' | 'address' | 'lastBoot' | 'joinToken' | 'certificate' | 'machine' | 'platform'
> = {
  ...UNSET,
  address: null,
  lastBoot: 0,
  joinToken: null,
  certificate: null,
  machine: null,
  platform: null,
};

export const NODE_TOKENS = {
  id: text(),
  /** SHA-256 of the secret. The secret itself is random and shown once. */
  secretHash: text(),
  expiresAt: integer(),
  /** How many nodes can join with it, and how many have. */
  uses: integer(),
  used: integer(),
  /** When a node last joined with it. */
  usedAt: integer<number | null>(),
  /** What each node that joins with it gets, over the labels that it asks for. */
  labels: json<Readonly<Record<string, string>>>(),
  revokedAt: integer<number | null>(),
  createdBy: text(),
  createdAt: integer(),
};
export interface NodeTokenRow extends RowOf<typeof NODE_TOKENS> {}
