import t from 'tap';
import type { BuildRow } from '../../../../controller/domain/builds/rows.ts';
import type { AgentId, BuildId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { sqlLists } from '../../../../controller/store/sqlite/lists/sql-lists.ts';
import { Reader } from '../../../../controller/store/sqlite/reader/reader.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemClock } from '../../../../seams/system.ts';
import { NODE, newSession, node, openCore, SPACE, silent } from '../core.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const build = (id: string, createdAt: number, letter: string, status: BuildRow['status'] = 'completed'): BuildRow => ({
  ...{
    id: id as BuildId,
    spaceId: SPACE,
    status,
    image: `image:${id}`,
    imageId: null,
    baseImage: 'base',
    unfetched: [],
    stages: [],
    nodeId: null,
  },
  agents: [{ id: 'agent' as AgentId, name: 'a', digest: digest(letter), runtime: 'python', handler: 'main.f', idempotent: false }],
  ...{ error: null, createdAt, completedAt: createdAt, createdBy: 'admin' },
});

t.test(
  'a source is needed by its agent, by open builds, by the newest build of a space, and by builds that sessions are pinned to',
  async (t) => {
    const core = await openCore({ nodes: [node(NODE)] });
    const reader = new Reader({ path: core.store.path, clock: systemClock, log: silent, metrics: silentMetrics });
    t.teardown(async () => {
      await reader.close();
      core.close();
    });
    const { sourceInUse } = sqlLists(reader);
    const keep = (...rows: BuildRow[]) =>
      core.applier.apply({
        name: 'keep-builds',
        decide: () => ({ mutations: rows.map((row) => put('builds', row)), events: [], result: undefined }),
      });

    const pinned = 'pinned-session' as SessionId;
    t.match(await core.applier.submit(newSession({ id: pinned })), { ok: true });
    await keep(build('pinned', 1, 'a'));
    await core.applier.apply({
      name: 'pin',
      decide({ view }) {
        const row = view.get('sessions', pinned);
        if (row === undefined) throw new Error('the session is not there');
        return {
          mutations: [put('sessions', { ...row, image: 'image:pinned', buildId: 'pinned' as BuildId })],
          events: [],
          result: undefined,
        };
      },
    });
    await keep(build('passed', 2, 'b'), build('failed', 3, 'c', 'failed'), build('newest', 4, 'd'), build('open', 5, 'e', 'pending'));

    t.equal(await sourceInUse(digest('a')), true, 'a session is pinned to its build');
    t.equal(await sourceInUse(digest('b')), false, 'nobody starts from an older build any more');
    t.equal(await sourceInUse(digest('c')), false, 'a failed build makes no image');
    t.equal(await sourceInUse(digest('d')), true, 'new sessions start from the newest');
    t.equal(await sourceInUse(digest('e')), true, 'it is about to be built');
    t.equal(await sourceInUse(digest('f')), false, 'nobody has heard of it');

    await core.applier.submit(removeSession(pinned, 'deleted'));
    t.equal(await sourceInUse(digest('a')), false, 'the session is gone');
  },
);
