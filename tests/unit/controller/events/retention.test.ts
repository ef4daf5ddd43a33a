import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import { PRUNED_AT_ONCE, prune } from '../../../../controller/domain/engine/prune.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { changeSpace, createSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { historyRetentionLoop } from '../../../../controller/services/engine/history-retention-loop.ts';
import type { Loop } from '../../../../controller/services/engine/loop.ts';
import { overdueSql } from '../../../../controller/store/sqlite/pruning.ts';
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
  for (const spaceId of [SPACE, OTHER]) {
    aged(core, 300, 2 * HOUR, spaceId);
    aged(core, 5, HOUR / 2, spaceId);
  }
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
  const planOf = (text: string, ...parameters: unknown[]) =>
    database
      .prepare<unknown[], { detail: string }>(`explain query plan ${text}`)
      .all(...parameters)
      .map(({ detail }) => detail)
      .join('; ');

  t.match(planOf(overdueSql('events', true), SPACE, 1, 1), /events_space/);
  t.match(planOf(overdueSql('events', false), 1, 1), /events_at/);
  t.match(planOf(overdueSql('sessions', false), 1, 1), /sessions_terminated/);
  t.match(planOf(`select id from spaces where ${HAS_RETENTION}`), /spaces_retention/);
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
