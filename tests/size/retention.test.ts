/** A store in which much is past its time, while messages arrive. */
import Database from 'better-sqlite3';
import t from 'tap';
import type { SessionId } from '../../controller/domain/engine/ids.ts';
import { PRUNED_AT_ONCE } from '../../controller/domain/engine/prune.ts';
import { postMessage } from '../../controller/domain/messages/commands/post-message.ts';
import { historyRetentionLoop } from '../../controller/services/engine/history-retention-loop.ts';
import { silentMetrics } from '../../seams/metrics.ts';
import { LEAST_SIZES, NODE, newMessage, newSession, node, openCore, SPACE, withAgents } from '../unit/controller/core.ts';
import { loopsOf } from '../unit/controller/loops.ts';
import { scaled, TIME_LIMIT_MS } from './scale.ts';

t.setTimeout(TIME_LIMIT_MS);

const S = 'session-1' as SessionId;
const EVENTS = scaled({ short: 20_000, long: 1_000_000 });
const SESSIONS = 20;

t.test(`${EVENTS} events are removed while messages arrive`, async (t) => {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(core.close);
  await withAgents(core, ['echo']);
  const ids = Array.from({ length: SESSIONS }, (_, at) => `${S}-${at}` as SessionId);
  for (const id of ids) await core.applier.submit(newSession({ id, ...LEAST_SIZES }));
  const database = new Database(core.store.path);
  t.teardown(() => database.close());
  const insert = database.prepare(
    `insert into events (number, type, space_id, session_id, session_number, data, at) values (?, 'node.ready', ?, null, null, ?, ?)`,
  );
  database.transaction(() => {
    for (let at = 1; at <= EVENTS; at += 1) insert.run(-at, SPACE, JSON.stringify({ filler: 'x'.repeat(300) }), EVENTS - at);
  })();
  const left = () => database.prepare<[], { count: number }>('select count(*) as count from events where number < 0').get()?.count;
  t.equal(left(), EVENTS);

  const retention = historyRetentionLoop({ loops: loopsOf(t), applier: core.applier, metrics: silentMetrics });
  /** Commits with prunes, and the most of them between a post and its answer. */
  let prunes = 0;
  core.applier.onCommitted(({ mutations }) => {
    prunes += mutations.filter(({ kind }) => kind === 'prune').length;
  });
  let done = false;
  let posted = 0;
  let waitedFor = 0;
  const posting = (async () => {
    while (!done) {
      const before = prunes;
      const session = ids[posted % SESSIONS] ?? S;
      const outcome = await core.applier.submit(postMessage(newMessage(session, 'hello', { role: 'system' })));
      if (!outcome.ok) throw new Error(outcome.refusal.message);
      waitedFor = Math.max(waitedFor, prunes - before);
      posted += 1;
    }
  })();
  await retention.settled('all');
  done = true;
  await posting;
  t.equal(left(), 0);
  t.equal(prunes, EVENTS / PRUNED_AT_ONCE);
  t.ok(waitedFor <= 2, `no message waited for more than ${waitedFor} parts of it`);
  t.ok(posted >= 0.4 * prunes, `${posted} messages were taken between ${prunes} parts`);
});
