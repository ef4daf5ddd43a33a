import t from 'tap';
import { HandClock } from '../../hand-clock.ts';
import { NODE, node, openCore } from '../core.ts';
import { converse, runningSessions } from './messages-written.ts';
import { countFrames } from './wal-frames.ts';

const SESSIONS = 20;
const ROUNDS = 5;
/** For a message with its answer, in two commits. */
const MAX_PAGES = 22;

t.test('a message and its answer write few pages', async (t) => {
  // Nothing becomes due by itself, so that each message takes two commits.
  const core = await openCore({ nodes: [node(NODE)], clock: new HandClock() });
  t.teardown(core.close);
  const sessions = await runningSessions(core, SESSIONS);
  for (const session of sessions) await converse(core, session);
  const written = countFrames(core.store.path);
  for (let round = 0; round < ROUNDS; round += 1) for (const session of sessions) await converse(core, session);
  const { commits, byTree } = written();

  const messages = ROUNDS * SESSIONS;
  t.equal(commits, 2 * messages);
  const pages = [...byTree].map(([tree, count]): [string, number] => [tree, count / messages]).sort(([, a], [, b]) => b - a);
  const sum = pages.reduce((total, [, count]) => total + count, 0);
  const table = pages.map(([tree, count]) => `${count.toFixed(2)} ${tree}`).join('\n');
  t.comment(`${sum.toFixed(2)} pages for each message:\n${table}`);
  t.ok(sum <= MAX_PAGES, `${sum} pages for each message:\n${table}`);
});
