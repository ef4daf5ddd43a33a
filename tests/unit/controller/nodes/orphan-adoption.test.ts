import t from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { adoptOrphan } from '../../../../controller/domain/nodes/commands/orphans.ts';
import { DEFAULT_LIMITS, DEFAULT_REQUESTS } from '../../../../controller/domain/sessions/session-sizes.ts';
import { orphanOf } from '../../../../node-agent/session/status.ts';
import { ACCOUNT, NODE, openCore, SPACE } from '../core.ts';

t.test('an orphan is adopted as what it is: running, paused, or a volume alone', async (t) => {
  const core = await openCore();
  t.teardown(() => core.close());
  const adopt = async (id: string, containerId: string | null, paused: boolean) => {
    const orphan = { sessionId: id as SessionId, nodeId: NODE, generation: 3, containerId, volume: 'v', image: 'base', paused };
    const outcome = await core.applier.submit(
      adoptOrphan({
        ...{ orphan, spaceId: SPACE, requests: DEFAULT_REQUESTS, limits: DEFAULT_LIMITS, timeouts: {}, baseImage: 'base' },
        by: { accountId: ACCOUNT, user: 'admin' },
      }),
    );
    return outcome.ok ? core.session(id).desired : outcome.refusal.message;
  };
  t.equal(await adopt('runs', 'c1', false), 'running');
  t.equal(await adopt('frozen', 'c2', true), 'paused');
  t.equal(await adopt('volume', null, false), 'suspended');
});

t.test('a node tells of an orphan whether it is paused', async (t) => {
  const seen = (state: 'paused' | 'running') => ({
    container: { id: 'c', state, generation: 3 },
    volume: { name: 'v', generation: 3 },
    space: 'default',
    image: 'base',
  });
  const remembered = { assignment: undefined, tombstone: undefined };
  t.match(orphanOf('s', remembered, seen('paused')), { paused: true });
  t.match(orphanOf('s', remembered, seen('running')), { paused: false });
  t.match(orphanOf('s', remembered, { ...seen('paused'), container: undefined }), { paused: false });
});
