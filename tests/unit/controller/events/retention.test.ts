import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { PRUNED_AT_ONCE, prune } from '../../../../controller/domain/engine/prune.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { changeSpace, createSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { historyRetentionLoop } from '../../../../controller/services/engine/history-retention-loop.ts';
import type { Loop } from '../../../../controller/services/engine/loop.ts';
import { overdueOfSpace } from '../../../../controller/store/sqlite/event-pruning.ts';
import { overdueQuery } from '../../../../controller/store/sqlite/pruning.ts';
import { HAS_RETENTION } from '../../../../controller/store/sqlite/views/spaces.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, SPACE, withAgents } from '../core.ts';
import { loopsOf } from '../loops.ts';

const S = 'session-1' as SessionId;
const OTHER = '00000000-0000-4000-8000-0000000000aa' as SpaceId;
const HOUR = 3_600_000;

async function rig(t: Test): Promise<{ core: Core; retention: Loop<'all'> }> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  await core.applier.submit(createSpace({ id: OTHER, name: 'other', description: null, settings: {}, createdBy: 'admin' }));
  const retention = historyRetentionLoop({ loops: loopsOf(t), applier: core.applier, metrics: silentMetrics });
  return { core, retention };
}

/** Puts events of that age into the store, below the applier, which goes on from the newest number that it knows. */
function aged(core: Core, count: number, ageMs: number, spaceId: SpaceId, filler = 'x'): void {
  const database = new Database(core.store.path);
  const least = database.prepare<[], { number: number }>('select min(number) as number from events').get()?.number ?? 1;
  const insert = database.prepare(
    `insert into events (number, type, space_id, session_id, session_number, data, at) values (?, 'node.ready', ?, null, null, ?, ?)`,
  );
  database.transaction(() => {
    for (let at = 0; at < count; at += 1) insert.run(least - 1 - at, spaceId, JSON.stringify({ filler }), Date.now() - ageMs - at);
  })();
  database.close();
}

function countIn(core: Core, spaceId: SpaceId): number {
  const database = new Database(core.store.path, { readonly: true });
  const row = database.prepare<[string], { count: number }>('select count(*) as count from events where space_id = ?').get(spaceId);
  database.close();
  return row?.count ?? 0;
}

t.test('history is removed until nothing is overdue, in parts, with the commands of others between them', async (t) => {
  const { core, retention } = await rig(t);
  const kept = countIn(core, SPACE);
  aged(core, 20 * PRUNED_AT_ONCE, 40 * 24 * HOUR, SPACE);
  let commits = 0;
  core.applier.onCommitted(({ mutations }) => {
    if (mutations.some(({ kind }) => kind === 'prune')) commits += 1;
  });
  const outcomes: boolean[] = [];
  let done = false;
  const posting = (async () => {
    while (!done) outcomes.push((await core.applier.submit(postMessage(newMessage(S, 'hi')))).ok);
  })();
  await retention.settled('all');
  done = true;
  await posting;
  t.equal(commits, 20, 'a part each');
  t.ok(outcomes.length >= 15 && outcomes.every((ok) => ok), `${outcomes.length} messages were taken meanwhile`);
  t.equal(countIn(core, SPACE), kept + outcomes.length);
});

t.test('large events go a few at a time', async (t) => {
  const { core } = await rig(t);
  aged(core, 40, 40 * 24 * HOUR, SPACE, 'x'.repeat(1_000_000));
  const before = countIn(core, SPACE);
  await core.applier.apply(prune());
  const gone = before - countIn(core, SPACE);
  t.ok(gone >= 1 && gone <= 6, `${gone} of 40`);
});

t.test('the newest event stays however old it is, and the pruning ends', async (t) => {
  const core = await openCore();
  t.teardown(core.close);
  const database = new Database(core.store.path);
  database.exec('update events set at = 1');
  database.close();
  const newest = core.store.events.newest();
  const retention = historyRetentionLoop({ loops: loopsOf(t), applier: core.applier, metrics: silentMetrics });
  await retention.settled('all');
  t.equal(core.store.events.newest(), newest);
});

t.test('a space keeps its events for a shorter time than the others, where its settings say so', async (t) => {
  const { core, retention } = await rig(t);
  // From the newest on: numbers grow with time.
  for (const spaceId of [SPACE, OTHER]) aged(core, 5, HOUR / 2, spaceId);
  for (const spaceId of [SPACE, OTHER]) aged(core, 300, 2 * HOUR, spaceId);
  const before = countIn(core, OTHER);
  await core.applier.submit(changeSpace(SPACE, { settings: { retention: { events_s: 3600 } } }, false));
  const young = countIn(core, SPACE) - 300;
  await retention.settled('all');
  t.equal(countIn(core, SPACE), young);
  t.equal(countIn(core, OTHER), before);
  await core.applier.submit(changeSpace(SPACE, { settings: {} }, false));
  aged(core, 10, 2 * HOUR, SPACE);
  await retention.settled('all');
  t.equal(countIn(core, SPACE), young + 11, 'and no longer, once they do not');
});

t.test('what is overdue is found by an index', async (t) => {
  const { core } = await rig(t);
  const database = new Database(core.store.path, { readonly: true });
  t.teardown(() => database.close());
  const planOf = ({ sql, parameters = [] }: { sql: string; parameters?: readonly unknown[] }) =>
    database
      .prepare<unknown[], { detail: string }>(`explain query plan ${sql}`)
      .all(...parameters)
      .map(({ detail }) => detail)
      .join('; ');

  for (const query of [
    overdueQuery({ table: 'events', before: 1 }, 1),
    overdueQuery({ table: 'events', before: 1, spaceId: SPACE }, 1),
    overdueOfSpace(SPACE, 1, 1, 1),
  ]) {
    t.notMatch(planOf(query), /SCAN events(?! USING INTEGER PRIMARY KEY)|TEMP B-TREE/, query.sql);
  }
  t.match(planOf(overdueQuery({ table: 'events', before: 1 }, 1)), /SEARCH events USING COVERING INDEX events_at/);
  t.match(planOf(overdueQuery({ table: 'sessions', before: 1 }, 1)), /sessions_terminated/);
  t.match(planOf({ sql: `select id from spaces where ${HAS_RETENTION}` }), /spaces_retention/);
});

t.test('a deleted session is kept while its messages are still being removed', async (t) => {
  const { core, retention } = await rig(t);
  await core.applier.submit(removeSession(S, 'deleted'));
  const database = new Database(core.store.path);
  database.exec(`update sessions set terminated_at = 1; delete from tombstones; insert into backlog values ('${S}', null, 1)`);
  await retention.settled('all');
  t.ok(core.store.view.get('sessions', S));
  database.exec('delete from backlog');
  database.close();
  await retention.settled('all');
  t.equal(core.store.view.get('sessions', S), undefined);
});

t.test('the events of a session are numbered without a gap, also after all of them were removed', async (t) => {
  const { core, retention } = await rig(t);
  const numbers = async () => (await core.store.events.after(0, { limit: 1000, maxBytes: 2 ** 30 }, S)).events.map((e) => e.sessionNumber);
  const post = () => core.applier.submit(postMessage(newMessage(S, 'hi')));
  await post();
  const newest = (await numbers()).at(-1) ?? 0;
  t.same(
    await numbers(),
    Array.from({ length: newest }, (_, at) => at + 1),
  );
  const database = new Database(core.store.path);
  t.teardown(() => database.close());

  database.exec('update events set at = 1 where number < (select max(number) from events)');
  await retention.settled('all');
  await post();
  t.same(await numbers(), [newest, newest + 1], 'after some were removed');

  await core.applier.submit(changeSpace(OTHER, { description: 'newest of all' }, false));
  database.exec('update events set at = 1');
  await retention.settled('all');
  t.same(await numbers(), []);
  t.ok((await core.store.events.after(0, { limit: 1, maxBytes: 1 }, S)).gap, 'readers learn that there were some');
  await post();
  t.same(await numbers(), [newest + 2], 'after all were removed');

  database.exec(`update events set at = 1; update sessions set desired = 'deleted', terminated_at = 1; delete from tombstones`);
  await core.applier.submit(changeSpace(OTHER, { description: 'newest again' }, false));
  await retention.settled('all');
  t.equal(core.store.view.get('sessions', S), undefined);
  t.same(database.prepare('select * from session_event_counts').all(), [], 'nothing is left of a session that is gone');
});

t.test('events with times of a clock that was ahead are kept until then, and hold up no others', async (t) => {
  const { core, retention } = await rig(t);
  await core.applier.submit(changeSpace(SPACE, { settings: { retention: { events_s: 3600 } } }, false));
  const [young, others] = [countIn(core, SPACE), countIn(core, OTHER)];
  aged(core, 500, 2 * HOUR, SPACE);
  aged(core, 300, -100 * 24 * HOUR, SPACE);
  aged(core, 500, 40 * 24 * HOUR, OTHER);
  await retention.settled('all');
  t.equal(countIn(core, OTHER), others);
  const left = countIn(core, SPACE) - young;
  t.ok(left >= 300 && left < 300 + 64, `${left} are left`);
});
