import { z } from 'zod';
import { ENDS_BORNE } from '../domain/restart-delay.ts';
import type { Assignment } from '../domain/session.ts';

const whole = z.number().int().nonnegative();

const limits = z.object({ cpuMillis: whole, memoryBytes: whole, diskBytes: whole, processes: whole });

/** A create in progress, with everything needed to repeat it. */
const create = z.object({ generation: whole, space: z.string(), image: z.string(), limits, profile: z.literal('workstation').optional() });

const assignment = z.object({
  sessionId: z.string().min(1),
  generation: whole,
  desired: z.enum(['running', 'paused', 'suspended', 'failed']),
  spec: z.object({
    space: z.string(),
    spaceId: z.string(),
    image: z.string(),
    agents: z.array(
      z.object({
        ...{ name: z.string(), runtime: z.enum(['PYTHON', 'NODE', 'NATIVE']), handler: z.string(), idempotent: z.boolean() },
        // Absent in ledgers of earlier versions.
        ...{ timeoutS: whole.default(0), memoryBytes: whole.default(0), concurrency: whole.default(0) },
      }),
    ),
    limits,
    volumeExpected: z.boolean(),
    profile: z.literal('workstation').optional(),
  }),
  graceMs: whole,
  /** Absent in ledgers of earlier versions. */
  settledSeq: whole.default(0),
  copyFrom: z.string().optional(),
  slot: z.literal(true).optional(),
  startWorkers: z.literal(true).optional(),
});

/**
 * When a container exited without a request, by the wall clock, oldest first, and how it last
 * exited.
 */
const ends = z.object({ at: z.array(whole).max(100), last: z.string() });

const record = z.discriminatedUnion('kind', [
  /** A start of the node agent. */
  z.object({ kind: z.literal('boot'), boot: whole, incarnation: whole }),
  z.object({ kind: z.literal('epoch'), epoch: whole }),
  z.object({ kind: z.literal('assign'), assignment }),
  /** No longer assigned. Its container and volume stay. */
  z.object({ kind: z.literal('unassign'), sessionId: z.string() }),
  z.object({ kind: z.literal('tombstone'), sessionId: z.string(), upToGeneration: whole }),
  /** The removal up to that generation is complete. `hadVolume`: a complete volume was removed. */
  z.object({ kind: z.literal('removed'), sessionId: z.string(), upToGeneration: whole, hadVolume: z.boolean().default(false) }),
  z.object({ kind: z.literal('create-begun'), sessionId: z.string(), create }),
  z.object({ kind: z.literal('create-ended'), sessionId: z.string() }),
  z.object({ kind: z.literal('volume-made'), sessionId: z.string(), generation: whole }),
  /**
   * The id of its disk, created at that generation. A disk with another id is not the session's.
   */
  z.object({ kind: z.literal('disk'), sessionId: z.string(), disk: z.string(), generation: whole }),
  /** The user id of its agents, as long as anything of the session is on this node. */
  z.object({ kind: z.literal('uid'), sessionId: z.string(), uid: whole }),
  /** The last assigned user id, even if its session no longer exists. */
  z.object({ kind: z.literal('newest-uid'), uid: whole }),
  /** Its volume is becoming a copy of `from`'s. */
  z.object({ kind: z.literal('copy-begun'), sessionId: z.string(), from: z.string() }),
  /** Nothing can run on the volume of `from` while `holds` is true. */
  z.object({ kind: z.literal('copy-holds'), sessionId: z.string(), holds: z.boolean() }),
  z.object({ kind: z.literal('copy-ended'), sessionId: z.string() }),
  /** Whether its container is frozen for a copy of its volume. */
  z.object({ kind: z.literal('frozen'), sessionId: z.string(), frozen: z.boolean() }),
  /** All exits that count, until the session fails. */
  z.object({ kind: z.literal('ends'), sessionId: z.string(), ends }),
]);

export type LedgerRecord = z.infer<typeof record>;
export type Create = Readonly<z.infer<typeof create>>;

export interface Ends {
  readonly at: readonly number[];
  readonly last: string;
}

/** Several records, applied together or not at all. */
export function encodeRecords(records: readonly LedgerRecord[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(records));
}

/** Throws for anything that this version did not write: guessing could destroy data. */
export function decodeRecords(bytes: Uint8Array): LedgerRecord[] {
  return z.array(record).parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
}

export interface SessionEntry {
  readonly assignment?: Assignment;
  /** The newest tombstone, even if its removal is complete. */
  readonly tombstone?: number;
  readonly removedUpTo?: number;
  /** Its volume was created on this node once, and removed. */
  readonly hadVolume?: true;
  readonly creating?: Create;
  readonly volumeCreated?: number;
  readonly disk?: { readonly id: string; readonly generation: number };
  readonly uid?: number;
  /** The session whose volume is being copied into its own. */
  readonly copyingFrom?: string;
  readonly copyHolds?: true;
  readonly frozen?: true;
  readonly ends?: Ends;
}

export interface LedgerState {
  boot: number;
  incarnation: number;
  epoch: number;
  newestUid?: number;
  /** Least recently changed first. */
  readonly sessions: Map<string, SessionEntry>;
}

export const emptyLedger = (): LedgerState => ({ boot: 0, incarnation: 0, epoch: 0, sessions: new Map() });

/** Applies one record, both at the start and after each write. */
export function applyRecord(state: LedgerState, record: LedgerRecord): void {
  switch (record.kind) {
    case 'boot':
      state.boot = record.boot;
      state.incarnation = record.incarnation;
      return;
    case 'epoch':
      state.epoch = record.epoch;
      return;
    case 'assign':
      change(state, record.assignment.sessionId, ({ ends, ...entry }) => ({
        ...entry,
        ...(ends === undefined || forgetsEnds(entry.assignment, record.assignment, ends) ? {} : { ends }),
        assignment: record.assignment,
      }));
      return;
    case 'unassign':
      change(state, record.sessionId, ({ assignment: _, ends: __, ...entry }) => entry);
      return;
    case 'tombstone':
      change(state, record.sessionId, ({ assignment, ends: _, ...entry }) => ({
        ...entry,
        ...(assignment !== undefined && assignment.generation > record.upToGeneration ? { assignment } : {}),
        tombstone: Math.max(entry.tombstone ?? 0, record.upToGeneration),
      }));
      return;
    case 'removed':
      change(state, record.sessionId, ({ volumeCreated, disk, uid, frozen: _, ...entry }) => ({
        ...entry,
        // A session that is assigned again can already have a container.
        ...(uid !== undefined && entry.assignment !== undefined ? { uid } : {}),
        ...(disk !== undefined && disk.generation > record.upToGeneration ? { disk } : {}),
        ...(volumeCreated !== undefined && volumeCreated > record.upToGeneration ? { volumeCreated } : {}),
        removedUpTo: record.upToGeneration,
        ...(record.hadVolume ? { hadVolume: true } : {}),
      }));
      return;
    case 'create-begun':
      change(state, record.sessionId, (entry) => ({ ...entry, creating: record.create }));
      return;
    case 'create-ended':
      change(state, record.sessionId, ({ creating: _, ...entry }) => entry);
      return;
    case 'volume-made':
      change(state, record.sessionId, (entry) => ({ ...entry, volumeCreated: record.generation }));
      return;
    case 'disk':
      change(state, record.sessionId, (entry) => ({ ...entry, disk: { id: record.disk, generation: record.generation } }));
      return;
    case 'uid':
      state.newestUid = record.uid;
      change(state, record.sessionId, (entry) => ({ ...entry, uid: record.uid }));
      return;
    case 'newest-uid':
      state.newestUid = record.uid;
      return;
    case 'copy-begun':
      change(state, record.sessionId, (entry) => ({ ...entry, copyingFrom: record.from }));
      return;
    case 'copy-ended':
      change(state, record.sessionId, ({ copyingFrom: _, copyHolds: __, ...entry }) => entry);
      return;
    case 'copy-holds':
      change(state, record.sessionId, ({ copyHolds: _, ...entry }) => ({ ...entry, ...(record.holds ? { copyHolds: true } : {}) }));
      return;
    case 'frozen':
      change(state, record.sessionId, ({ frozen: _, ...entry }) => ({ ...entry, ...(record.frozen ? { frozen: true } : {}) }));
      return;
    case 'ends':
      change(state, record.sessionId, (entry) => ({ ...entry, ends: record.ends }));
      return;
    default:
      record satisfies never;
  }
}

/**
 * Only the recovery of a failed session resets its exits; a pause or suspend does not. A node that
 * was away can have missed the failure: then running again after too many exits is a recovery.
 */
function forgetsEnds(before: Assignment | undefined, after: Assignment, { at }: Ends): boolean {
  return after.desired === 'failed' || (before?.desired === 'running' && after.desired === 'running' && at.length >= ENDS_BORNE);
}

function change(state: LedgerState, sessionId: string, next: (entry: SessionEntry) => SessionEntry): void {
  const entry = next(state.sessions.get(sessionId) ?? {});
  state.sessions.delete(sessionId);
  if (Object.keys(entry).length > 0) state.sessions.set(sessionId, entry);
}

/**
 * Completed tombstones that are remembered, so that a container left by a lost create is recognised
 * later.
 */
const REMOVALS_REMEMBERED = 10_000;

/** Yields the fewest records that produce `state`, without old removals. */
export function* snapshotOf(state: LedgerState): Generator<LedgerRecord> {
  yield { kind: 'boot', boot: state.boot, incarnation: state.incarnation };
  yield { kind: 'epoch', epoch: state.epoch };
  let done = [...state.sessions.values()].filter(isDone).length;
  for (const [sessionId, entry] of state.sessions) {
    if (isDone(entry) && done-- > REMOVALS_REMEMBERED) continue;
    if (entry.tombstone !== undefined) yield { kind: 'tombstone', sessionId, upToGeneration: entry.tombstone };
    if (entry.removedUpTo !== undefined)
      yield { kind: 'removed', sessionId, upToGeneration: entry.removedUpTo, hadVolume: entry.hadVolume === true };
    if (entry.assignment !== undefined) yield { kind: 'assign', assignment: mutable(entry.assignment) };
    if (entry.ends !== undefined) yield { kind: 'ends', sessionId, ends: { ...entry.ends, at: [...entry.ends.at] } };
    if (entry.volumeCreated !== undefined) yield { kind: 'volume-made', sessionId, generation: entry.volumeCreated };
    if (entry.disk !== undefined) yield { kind: 'disk', sessionId, disk: entry.disk.id, generation: entry.disk.generation };
    if (entry.uid !== undefined) yield { kind: 'uid', sessionId, uid: entry.uid };
    if (entry.copyingFrom !== undefined) yield { kind: 'copy-begun', sessionId, from: entry.copyingFrom };
    if (entry.copyHolds !== undefined) yield { kind: 'copy-holds', sessionId, holds: true };
    if (entry.frozen !== undefined) yield { kind: 'frozen', sessionId, frozen: true };
    if (entry.creating !== undefined) yield { kind: 'create-begun', sessionId, create: entry.creating };
  }
  if (state.newestUid !== undefined) yield { kind: 'newest-uid', uid: state.newestUid };
}

function isDone(entry: SessionEntry): boolean {
  const { assignment, creating, copyingFrom } = entry;
  return (
    assignment === undefined && creating === undefined && copyingFrom === undefined && (entry.removedUpTo ?? -1) >= (entry.tombstone ?? 0)
  );
}

/** Returns a mutable copy, because zod's types are not readonly. */
export function mutable(assignment: Assignment): Extract<LedgerRecord, { kind: 'assign' }>['assignment'] {
  return { ...assignment, spec: { ...assignment.spec, agents: assignment.spec.agents.map((agent) => ({ ...agent })) } };
}
