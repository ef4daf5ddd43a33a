/** Which user id each session of a node gets. */
import t from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { COMMON_UID, nextUid, parseUidRange } from '../../../../node-agent/domain/uid-range.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { Uids } from '../../../../node-agent/session/uids.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';

const spec = { space: 'a', spaceId: 'a', image: 'i', agents: [], volumeExpected: false };
const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
const assignment = (sessionId: string, generation: number) => ({
  ...({ sessionId, generation, desired: 'running', graceMs: 0, settledSeq: 0 } as const),
  spec: { ...spec, limits },
});

async function openLedger(disk: SimulatedDisk): Promise<Ledger> {
  const { journal, records } = await Journal.open({ disk, directory: '/var/ledger', name: 'ledger' });
  return Ledger.open(journal, records, 1);
}

t.test('each session has an id of its own, which survives restarts and is not given again while anything of it is there', async (t) => {
  const disk = new SimulatedDisk();
  const range = { first: 100_000, last: 100_003 };
  let ledger = await openLedger(disk);
  let uids = new Uids(ledger, range, systemRandom);
  const restart = async () => {
    await ledger.close();
    ledger = await openLedger(disk);
    uids = new Uids(ledger, range, systemRandom);
  };
  await ledger.take([assignment('a', 1), assignment('b', 1), assignment('c', 1)], []);
  const given = await Promise.all(['a', 'b', 'a', 'c', 'b'].map((id) => uids.of(id)));
  t.equal(new Set(given).size, 3, 'also when they are asked for at once');
  t.same([given[0], given[1]], [given[2], given[4]]);
  await restart();
  t.same(await Promise.all(['a', 'b', 'c'].map((id) => uids.of(id))), [given[0], given[1], given[3]]);

  await ledger.unassignBeyond(new Set(['b', 'c']));
  const fourth = await uids.of('d');
  t.notOk(given.includes(fourth), 'its disk is still there');
  t.equal(await uids.of('e'), undefined, 'none is left');
  await ledger.take([], [{ sessionId: 'b', upToGeneration: 1 }]);
  t.equal(await uids.of('e'), undefined, 'nor while it is being removed');
  await ledger.removed('b', 1);
  await restart();
  t.equal(await uids.of('e'), given[1], 'once it is gone, its id is free');
});

t.test('what is free longest is given first, and a session that is assigned anew keeps its id', async (t) => {
  const disk = new SimulatedDisk();
  let ledger = await openLedger(disk);
  const range = { first: 5_000, last: 5_999 };
  let uids = new Uids(ledger, range, systemRandom);
  const seen: (number | undefined)[] = [];
  for (let at = 0; at < 20; at += 1) {
    seen.push(await uids.of(`s${at}`));
    await ledger.take([], [{ sessionId: `s${at}`, upToGeneration: 1 }]);
    await ledger.removed(`s${at}`, 1);
    if (at % 7 !== 3) continue;
    await ledger.close();
    ledger = await openLedger(disk);
    uids = new Uids(ledger, range, systemRandom);
  }
  t.equal(new Set(seen).size, 20, 'none was given twice, though all were free again');
  await ledger.take([assignment('again', 1)], []);
  const before = await uids.of('again');
  await ledger.take([assignment('again', 3)], [{ sessionId: 'again', upToGeneration: 2 }]);
  await ledger.removed('again', 2);
  t.equal(await uids.of('again'), before);
});

t.test('a range is FIRST-LAST, of ids that are no account of the host', async (t) => {
  t.same(parseUidRange('100000-165535'), { first: 100_000, last: 165_535 });
  for (const wrong of ['', '0-65535', '999-2000', '5000', '5000-4000', '5000-3000000000', 'a-b', '-1-5', '5000-6000-7000'])
    t.equal(parseUidRange(wrong), undefined, wrong);
  const around = { first: COMMON_UID - 1, last: COMMON_UID + 1 };
  t.equal(
    nextUid(around, COMMON_UID - 1, () => false),
    COMMON_UID + 1,
    'the one that sessions of before share is nobody else’s',
  );
  t.equal(
    nextUid(around, COMMON_UID + 1, () => false),
    COMMON_UID - 1,
  );
  t.equal(
    nextUid(around, 7, (uid) => uid !== COMMON_UID),
    undefined,
  );
});
