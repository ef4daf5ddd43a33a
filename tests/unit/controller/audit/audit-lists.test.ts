import t from 'tap';
import type { AuditRecord } from '../../../../controller/domain/audit/audit.ts';
import type { AuditQuery } from '../../../../controller/services/engine/lists.ts';
import { INDEXED_AT_ONCE } from '../../../../controller/store/sqlite/audit.ts';
import { listsOn } from '../../../simulation/world/store.ts';
import { openCore, seeded } from '../core.ts';

const OF = {
  actor: ['ann', 'bob', 'eve'],
  action: ['createMessage', 'createSession', 'getSecret'],
  space: ['alpha', 'beta', null],
  resourceId: ['one', 'two', 'three'],
  resourceName: [null, null, null, 'KEY'],
  resource: ['sessions', 'secrets'],
};

/** The definition of what a query asks for, record by record. */
function matches(record: AuditRecord, { actor, action, space, kind, ref, since, until }: AuditQuery): boolean {
  return (
    (actor === undefined || record.actor === actor) &&
    (action === undefined || record.action === action) &&
    (space === undefined || record.space === space) &&
    (kind === undefined || record.resource === kind) &&
    (ref === undefined || ('id' in ref ? record.resourceId === ref.id : record.resourceName === ref.name)) &&
    (since === undefined || record.at >= since) &&
    (until === undefined || record.at <= until)
  );
}

t.test('a page has the records that the query asks for, whether or not they are in an index yet', async (t) => {
  const core = await openCore();
  const { lists, close } = listsOn(core.store.path);
  t.teardown(() => {
    close();
    core.close();
  });
  const random = seeded(5);
  const one = <Some>(from: readonly Some[]): Some => from[Math.floor(random() * from.length)] as Some;
  const records: AuditRecord[] = [];
  const append = (count: number) =>
    core.applier.apply({
      name: 'test',
      decide() {
        const added = Array.from({ length: count }, (): AuditRecord => {
          const about = { actor: one(OF.actor), action: one(OF.action), space: one(OF.space), resource: one(OF.resource) };
          const found = { resourceId: one(OF.resourceId), resourceName: one(OF.resourceName) };
          const from = {
            actorType: 'ServiceAccount',
            actorId: 'x',
            credential: null,
            spaceId: null,
            address: null,
            requestId: null,
          } as const;
          const record: AuditRecord = { ...about, ...found, ...from, at: 1000 + 2 * records.length, outcome: 'ok', count: 1 };
          records.push(record);
          return record;
        });
        return { mutations: added.map((record) => ({ kind: 'audit', record })), events: [], result: undefined };
      },
    });

  let found = 0;
  for (const count of [1, INDEXED_AT_ONCE - 2, 1, 1, 1, 3 * INDEXED_AT_ONCE - 1, 1]) {
    await append(count);
    const maybe = <Some>(from: readonly Some[]): Some | undefined => (random() < 0.4 ? one(from) : undefined);
    const time = () => 1000 + Math.floor(random() * 2.2 * records.length) - 2;
    for (let turn = 0; turn < 200; turn += 1) {
      const [actor, action, space, kind] = [maybe(OF.actor), maybe(OF.action), maybe(['alpha', 'beta']), maybe(OF.resource)];
      const ref = maybe([{ id: one(OF.resourceId) }, { name: 'KEY' }]);
      const query: AuditQuery = {
        ...(actor === undefined ? {} : { actor }),
        ...(action === undefined ? {} : { action }),
        ...(space === undefined ? {} : { space }),
        ...(kind === undefined ? {} : { kind }),
        ...(ref === undefined ? {} : { ref }),
        ...(random() < 0.3 ? { since: time() } : {}),
        ...(random() < 0.3 ? { until: time() } : {}),
      };
      const order = one(['asc', 'desc'] as const);
      const page = { limit: one([1, 5, 1000]), offset: one([0, 0, 3]), order };
      const wanted = records.filter((record) => matches(record, query)).map(({ at }) => at);
      if (order === 'desc') wanted.reverse();
      const { items, total } = await lists.audit(query, page);
      const is = { total, times: items.map(({ at }) => at) };
      const expected = { total: wanted.length, times: wanted.slice(page.offset, page.offset + page.limit) };
      if (JSON.stringify(is) !== JSON.stringify(expected)) t.same({ ...is, query }, { ...expected, query });
      found += items.length;
    }
  }
  t.ok(found > 2000, `${found} records in 1,400 pages`);
});
