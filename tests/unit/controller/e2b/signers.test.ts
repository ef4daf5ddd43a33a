import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import type { Mutation } from '../../../../controller/domain/engine/mutation.ts';
import { accepted, refused } from '../../../../controller/domain/engine/outcome.ts';
import type { SandboxRow } from '../../../../controller/domain/sandboxes/rows.ts';
import { sandboxTokens, signatureOf } from '../../../../controller/services/sandboxes/sandbox-tokens.ts';
import { Signers } from '../../../../controller/services/sandboxes/signers.ts';
import { systemClock } from '../../../../seams/system.ts';

const FILE = { path: '/tmp/a', operation: 'read', user: '' } as const;

const rowOf = (holders: readonly string[], kind: SandboxRow['kind'] = 'sandbox') =>
  ({ id: randomUUID() as SessionId, kind, holders }) as unknown as SandboxRow;
const put = (row: SandboxRow): Mutation => ({ kind: 'put', table: 'sandboxes', row }) as Mutation;
const remove = ({ id }: SandboxRow): Mutation => ({ kind: 'remove', table: 'sandboxes', id }) as Mutation;

function signersOf(rows: SandboxRow[]) {
  const tokens = sandboxTokens(randomBytes(32));
  const view = {
    sandboxesAfter: (after: string, limit: number) =>
      rows
        .filter(({ id }) => id > after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
  };
  const signers = new Signers({ view, tokens, clock: systemClock });
  let tried = 0;
  const find = async (row: SandboxRow, key: string) => {
    tried = 0;
    const found = await signers.find(signatureOf(FILE, tokens.tokenFor(row.id, key)), FILE, (count) => {
      tried += count;
      return accepted(undefined);
    });
    return found.ok ? found.value : found.refusal;
  };
  return { signers, find, tokens, tried: () => tried };
}

t.test('every sandbox is found, however many there are, and one used lately at once', async (t) => {
  const rows = Array.from({ length: 3000 }, () => rowOf(['k1', 'k2']));
  const { find, tried } = signersOf(rows);
  for (const row of [rows[0], rows[1500], rows[2999]] as SandboxRow[]) {
    t.same(await find(row, 'k2'), { id: row.id, keyId: 'k2' });
    t.ok(tried() > 0);
    t.same(await find(row, 'k1'), { id: row.id, keyId: 'k1' });
    t.equal(tried(), 0);
  }
  t.equal(await find(rowOf(['k1']), 'k1'), undefined);
  t.equal(tried(), 3000);
});

t.test('commits add sandboxes and keys, and remove them', async (t) => {
  const rows = [rowOf(['k1']), rowOf(['k1'], 'snapshot')];
  const [first, snapshot] = rows as [SandboxRow, SandboxRow];
  const { signers, find } = signersOf(rows);
  t.same(await find(first, 'k1'), { id: first.id, keyId: 'k1' });
  t.equal(await find(snapshot, 'k1'), undefined);
  const later = rowOf(['k1']);
  signers.committed([put(later), put({ ...first, holders: ['k2', 'k1'] })]);
  t.same(await find(later, 'k1'), { id: later.id, keyId: 'k1' });
  t.same(await find(first, 'k2'), { id: first.id, keyId: 'k2' });
  signers.committed([remove(first)]);
  t.equal(await find(first, 'k2'), undefined);
});

t.test('a refusal ends a search, and what is no signature begins none', async (t) => {
  const { signers } = signersOf(Array.from({ length: 2500 }, () => rowOf(['k1'])));
  const counts: number[] = [];
  const stop = refused('RATE_LIMITED', 'Too many.');
  const once = (count: number) => (counts.push(count) < 2 ? accepted(undefined) : stop);
  t.same(await signers.find(`v1_${'A'.repeat(43)}`, FILE, once), stop);
  t.same(counts, [1000, 1000]);
  for (const text of ['', 'v1_', `v2_${'A'.repeat(43)}`, `v1_${'A'.repeat(44)}`])
    t.same(await signers.find(text, FILE, () => stop), accepted(undefined));
});

t.test('sandboxes that could not be read once are read by the next search', async (t) => {
  const row = rowOf(['k1']);
  const tokens = sandboxTokens(randomBytes(32));
  let isBroken = true;
  const view = {
    sandboxesAfter: () => {
      if (isBroken) throw new Error('the disk');
      return [row];
    },
  };
  const signers = new Signers({ view, tokens, clock: systemClock });
  const find = () => signers.find(signatureOf(FILE, tokens.tokenFor(row.id, 'k1')), FILE, () => accepted(undefined));
  await t.rejects(find(), /the disk/);
  isBroken = false;
  t.same(await find(), accepted({ id: row.id, keyId: 'k1' }));
});
