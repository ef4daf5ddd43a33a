/** Rows of sessions for tests that need many, written without deciding anything. */
import type { AccountId, MessageId, SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import type { QueueRow } from '../../../../controller/domain/messages/rows.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { DEFAULT_LIMITS, DEFAULT_REQUESTS } from '../../../../controller/domain/sessions/session-sizes.ts';
import type { SqliteStore } from '../../../../controller/store/sqlite/bare-store.ts';

export const uuid = (number: number): string => {
  // So that ids do not grow with the number (a mixing of its bits that loses none).
  let mixed = Math.imul(number ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0;
  const hex = ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0');
  return `${hex}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
};

export const sessionRow = (number: number, more: Partial<SessionRow> = {}): SessionRow => ({
  ...{ id: uuid(number) as SessionId, name: null, spaceId: 'space' as SpaceId, desired: 'running', generation: 1, nodeId: null },
  ...{
    placedGeneration: 1,
    restoredFrom: null,
    image: 'base',
    profile: 'locked',
    imageName: null,
    isolation: null,
    buildId: null,
    agents: [],
    requests: DEFAULT_REQUESTS,
    limits: DEFAULT_LIMITS,
  },
  ...{
    phase: 'running',
    observedGeneration: 1,
    observedOrder: null,
    containerId: null,
    volume: null,
    wakeWanted: false,
    keptAwake: false,
    graceMs: 0,
    hasRun: true,
    life: null,
  },
  ...{
    reason: null,
    lastSeq: 0,
    epochSeq: 0,
    outstanding: 0,
    parentId: null,
    copyFrom: null,
    timeouts: {},
    metadata: {},
    constraints: [],
    preferences: [],
  },
  ...{ createdBy: 'admin', createdById: 'admin' as AccountId, createdAt: number, updatedAt: number, startedAt: null },
  ...{ lastActivityAt: null, terminatedAt: null, terminationReason: null },
  ...more,
});

/** Puts sessions, with as many accepted messages in their queues as they count. */
export function putSessions(store: SqliteStore, rows: readonly SessionRow[]): void {
  for (let at = 0; at < rows.length; at += 5000) {
    store.writer.transaction(() => {
      for (const row of rows.slice(at, at + 5000)) {
        store.writer.apply(put('sessions', row));
        store.writer.apply({ kind: 'empty-queue', sessionId: row.id });
        for (let seq = 1; seq <= row.outstanding; seq += 1) store.writer.apply(put('queue', acceptedMessage(row.id, seq)));
      }
    });
  }
}

const acceptedMessage = (sessionId: SessionId, seq: number): QueueRow => ({
  ...{ id: `${sessionId}-${seq}` as MessageId, sessionId, seq, agent: 'x', refusal: null, bytes: 1 },
  ...{ acceptedAt: 1, cancelGraceMs: null, run: null, createdAt: 1 },
});
