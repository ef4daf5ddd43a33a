import t from 'tap';
import {
  applyRecord,
  decodeRecords,
  emptyLedger,
  encodeRecords,
  type LedgerRecord,
  snapshotOf,
} from '../../../../node-agent/ledger/ledger-record.ts';
import { seeded } from '../../controller/core.ts';

const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };

/** Any record, in any order: what it says need not make sense. */
function anyRecord(random: () => number): LedgerRecord {
  const among = (count: number) => Math.floor(random() * count);
  const sessionId = `session-${among(4)}`;
  const generation = among(9);
  const spec = { space: 'a', spaceId: 'a', image: 'i', agents: [], limits, volumeExpected: random() < 0.5 };
  const records: readonly LedgerRecord[] = [
    { kind: 'boot', boot: generation, incarnation: 1 },
    { kind: 'epoch', epoch: generation },
    { kind: 'assign', assignment: { sessionId, generation, desired: 'running', spec, graceMs: 0, settledSeq: 0, copyFrom: 'session-0' } },
    { kind: 'assign', assignment: { sessionId, generation, desired: 'failed', spec, graceMs: 0, settledSeq: 0 } },
    { kind: 'unassign', sessionId },
    { kind: 'tombstone', sessionId, upToGeneration: generation },
    { kind: 'removed', sessionId, upToGeneration: generation, hadVolume: random() < 0.5 },
    { kind: 'create-begun', sessionId, create: { generation, space: 'a', image: 'i', limits } },
    { kind: 'create-ended', sessionId },
    { kind: 'volume-made', sessionId, generation },
    { kind: 'uid', sessionId, uid: 100_000 + among(3) },
    { kind: 'newest-uid', uid: 100_000 + among(3) },
    { kind: 'disk', sessionId, disk: `disk-${among(3)}`, generation },
    { kind: 'copy-begun', sessionId, from: 'session-0' },
    { kind: 'copy-holds', sessionId, holds: random() < 0.5 },
    { kind: 'copy-ended', sessionId },
    { kind: 'frozen', sessionId, frozen: random() < 0.5 },
    { kind: 'ends', sessionId, ends: { at: [generation], last: 'out of memory' } },
  ];
  return records[among(records.length)] ?? { kind: 'unassign', sessionId };
}

t.test('what is written in place of a long ledger says the same', async (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seeded(seed);
    const [state, again] = [emptyLedger(), emptyLedger()];
    for (let n = 0; n < 60; n += 1) applyRecord(state, anyRecord(random));
    for (const record of decodeRecords(encodeRecords([...snapshotOf(state)]))) applyRecord(again, record);
    for (const [id, entry] of state.sessions) if (Object.values(entry).every((value) => value === undefined)) state.sessions.delete(id);
    t.same(again, state, `seed ${seed}`, { diagnostic: false });
    if (!t.passing()) return;
  }
});
