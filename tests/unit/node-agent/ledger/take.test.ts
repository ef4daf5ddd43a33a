/** What the ledger knows while it stores assignments and tombstones of one frame, and after a crash in the middle. */
import t from 'tap';
import { Journal } from '../../../../journal/journal.ts';
import { Ledger } from '../../../../node-agent/ledger/ledger.ts';
import { SimulatedDisk } from '../../journal/simulated-disk.ts';

const limits = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 };
const spec = { space: 'a', spaceId: 'a', image: 'i', agents: [], limits, volumeExpected: false };
const assigned = (sessionId: string, more: { readonly generation?: number; readonly copyFrom?: string } = {}) =>
  ({ sessionId, generation: 1, desired: 'running', spec, graceMs: 0, settledSeq: 0, ...more }) as const;

async function open(disk: SimulatedDisk): Promise<Ledger> {
  const { journal, records } = await Journal.open({ disk, directory: '/ledger', name: 'ledger' });
  return Ledger.open(journal, records, 1);
}

t.test('a session is not to be removed before its copies are known, whenever the process dies', async (t) => {
  const disk = new SimulatedDisk();
  const ledger = await open(disk);
  await ledger.take([assigned('parent')], []);
  const seen: string[] = [];
  const look = (one: Ledger) => {
    const { removalDue, copied } = one.remembered('parent');
    seen.push(`${removalDue ? 'removed' : 'kept'}, ${copied === undefined ? 'no copy' : 'a copy'}`);
  };
  disk.onOperation = async () => {
    look(ledger);
    const after = new SimulatedDisk();
    after.becomeCopyOf(disk);
    look(await open(after));
  };
  const others = Array.from({ length: 250 }, (_, at) => ({ sessionId: `other-${at}`, upToGeneration: 2 }));
  await ledger.take([assigned('copy', { copyFrom: 'parent' })], [{ sessionId: 'parent', upToGeneration: 2 }, ...others]);
  disk.onOperation = () => undefined;
  look(ledger);
  t.notOk(seen.includes('removed, no copy'));
  t.equal(seen.at(0), 'kept, no copy');
  t.equal(seen.at(-1), 'removed, a copy');
});

t.test('an assignment newer than the tombstone of its session stays', async (t) => {
  const ledger = await open(new SimulatedDisk());
  await ledger.take([assigned('a'), assigned('b')], []);
  const taken = await ledger.take(
    [assigned('a', { generation: 3 }), assigned('b', { generation: 2 })],
    ['a', 'b'].map((sessionId) => ({ sessionId, upToGeneration: 2 })),
  );
  t.same([...taken], ['a']);
  t.equal(ledger.assignment('a')?.generation, 3);
  t.equal(ledger.assignment('b'), undefined);
});

t.test('once a complete set does not name them, a slot that nobody took is removed, and a session is left alone', async (t) => {
  const disk = new SimulatedDisk();
  const ledger = await open(disk);
  const slot = (sessionId: string) => ({ ...assigned(sessionId), slot: true }) as const;
  await ledger.take([slot('slot'), slot('taken'), assigned('session')], []);
  await ledger.take([assigned('taken', { generation: 2 })], []);
  t.same([...(await ledger.unassignBeyond(new Set()))].toSorted(), ['session', 'slot', 'taken']);
  for (const one of [ledger, await open(disk)]) {
    t.match(one.remembered('slot'), { tombstone: 1, removalDue: true });
    for (const id of ['taken', 'session']) t.match(one.remembered(id), { tombstone: undefined, removalDue: false });
  }
});
