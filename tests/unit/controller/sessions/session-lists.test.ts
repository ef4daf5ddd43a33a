import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { AccountId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { rowsOfState } from '../../../../controller/domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { SessionQuery } from '../../../../controller/services/engine/lists.ts';
import { openBareStore } from '../../../../controller/store/sqlite/bare-store.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { seeded } from '../core.ts';
import { putSessions, sessionRow } from '../engine/session-rows.ts';

const SPACES = Array.from({ length: 90 }, (_, at) => `space-${at}` as SpaceId);
const OWNERS = ['ann', 'bob'] as readonly string[] as readonly AccountId[];
const NAMES = ['work', 'café', "o'brien", null];
const KEYS = ['a', 'b', 'odd "key"', 'back\\slash', 'a.b', 'ü', 'k'.repeat(128), 'k'.repeat(129), '$', 'x[0]', 'new\nline'];
const VALUES = [
  'x',
  '3',
  3,
  1e21,
  1.5,
  true,
  null,
  '',
  { n: [1] },
  [1, 'z'],
  'v'.repeat(127),
  'v'.repeat(128),
  `${'v'.repeat(128)}w`,
  '😀',
];
const STATES = ['idle', 'busy', 'paused', 'error'];
const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The definition of what a query asks for, row by row. */
function matches(row: SessionRow, query: SessionQuery): boolean {
  const { visible, spaceId, states, createdBy, name, idPrefix, metadata = {} } = query;
  return (
    row.desired !== 'deleted' &&
    (visible === 'all' ||
      visible.spaces.includes(row.spaceId) ||
      (visible.owner === row.createdById && (visible.ownedIn?.includes(row.spaceId) ?? true))) &&
    (spaceId === undefined || row.spaceId === spaceId) &&
    (states === undefined ||
      states.some((s) => s.desired === row.desired && s.phase === row.phase && (s.busy === undefined || s.busy === row.outstanding > 0))) &&
    (createdBy === undefined || row.createdBy === createdBy) &&
    (name === undefined || row.name === name) &&
    (idPrefix === undefined || row.id.startsWith(idPrefix)) &&
    Object.entries(metadata).every(([key, value]) => Object.hasOwn(row.metadata, key) && asText(row.metadata[key]) === value)
  );
}

t.test('a page has what the query asks for, whatever finds it, also after changes and deletions', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-session-lists-'));
  const store = await openBareStore(join(directory, 'raworc.db'), 1);
  const { lists, close } = listsOn(store.path);
  t.teardown(() => {
    close();
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const random = seeded(7);
  const one = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const some = <T>(from: readonly T[], most: number): T[] => Array.from({ length: Math.floor(random() * (most + 1)) }, () => one(from));

  const metadata = (): Record<string, unknown> => {
    const pairs = Object.fromEntries(some(KEYS, 3).map((key) => [key, one(VALUES)]));
    // More than the index keeps of one session.
    return random() < 0.1 ? { ...pairs, ...Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`more-${at}`, at])) } : pairs;
  };
  const change = (row: SessionRow): SessionRow => {
    const [state] = rowsOfState(one(STATES));
    return {
      ...row,
      ...{ name: one(NAMES), metadata: metadata(), outstanding: random() < 0.5 ? 1 : 0 },
      ...(state === undefined ? {} : { desired: state.desired, phase: state.phase }),
      ...(random() < 0.1 ? { desired: 'deleted' } : {}),
    };
  };
  let rows = Array.from({ length: 600 }, (_, at) => {
    const owner = one(OWNERS);
    return change(sessionRow(at, { spaceId: one(SPACES), createdById: owner, createdBy: owner, createdAt: Math.floor(at / 3) }));
  });
  putSessions(store, rows);

  const anyOwnedIn = () => (random() < 0.6 ? { ownedIn: some(SPACES, one([3, 80])) } : {});
  let found = 0;
  for (let round = 0; round < 6; round += 1) {
    for (let turn = 0; turn < 400; turn += 1) {
      const spaces = random() < 0.3 ? SPACES.slice(0, 64 + Math.floor(random() * 20)) : some(SPACES, 5);
      const pairs = some(KEYS, 2).map((key) => [key, asText(one(VALUES))]);
      const query: SessionQuery = {
        visible: random() < 0.3 ? 'all' : { spaces, ...(random() < 0.6 ? { owner: one(OWNERS), ...anyOwnedIn() } : {}) },
        ...(random() < 0.2 ? { spaceId: one(SPACES) } : {}),
        ...(random() < 0.3 ? { states: rowsOfState(one(STATES)) } : {}),
        ...(random() < 0.2 ? { createdBy: one(OWNERS) } : {}),
        ...(random() < 0.2 ? { name: one(NAMES) ?? 'none' } : {}),
        ...(random() < 0.2 ? { idPrefix: one(rows).id.slice(0, one([1, 2, 5, 36])) } : {}),
        ...(random() < 0.5 ? { metadata: Object.fromEntries(pairs) } : {}),
      };
      const order = one(['asc', 'desc'] as const);
      const page = { limit: one([1, 5, 1000]), offset: one([0, 0, 3]), order };
      const expected = rows
        .filter((row) => matches(row, query))
        .sort((a, b) => (a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)) * (order === 'asc' ? 1 : -1));
      const { items: ids, total } = await lists.sessions(query, page);
      const wanted = expected.slice(page.offset, page.offset + page.limit).map(({ id }) => id);
      if (total !== expected.length || ids.join() !== wanted.join())
        t.same({ total, ids, query }, { total: expected.length, ids: wanted, query });
      found += ids.length;
    }
    rows = rows.map((row) => (random() < 0.3 ? change(row) : row));
    putSessions(store, rows);
  }
  t.ok(found > 2000, `${found} sessions in 2,400 pages`);
});
