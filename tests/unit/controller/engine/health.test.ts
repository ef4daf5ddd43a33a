import t from 'tap';
import { healthService } from '../../../../controller/services/engine/health.ts';

function rig() {
  const state = { readable: true, bus: 0, nodes: 0 };
  const logged: string[] = [];
  const note = (event: string) => void logged.push(event);
  const health = healthService({
    checkStore() {
      if (!state.readable) throw new Error('disk I/O error at /var/lib/secret-place');
    },
    degradations: { bus: () => state.bus, nodes_unschedulable: () => state.nodes },
    log: { debug: note, info: note, warn: note, error: note },
  });
  return { state, logged, health };
}

t.test('a controller that lacks nothing is ok', async (t) => {
  t.same(rig().health.check(), { status: 'ok', checks: { store: 'ok' }, degraded: {} });
});

t.test('what costs latency or capacity degrades, and is counted by kind', async (t) => {
  const { state, health } = rig();
  Object.assign(state, { bus: 1, nodes: 3 });
  t.same(health.check(), { status: 'degraded', checks: { store: 'ok' }, degraded: { bus: 1, nodes_unschedulable: 3 } });
  Object.assign(state, { bus: 0, nodes: 0 });
  t.equal(health.check().status, 'ok', 'and it recovers by itself');
});

t.test('a store that cannot be read fails, and the public answer does not say where it is', async (t) => {
  const { state, health, logged } = rig();
  state.readable = false;
  const { status, checks } = health.check();
  t.equal(status, 'failing');
  t.notMatch(JSON.stringify(checks), /secret-place/);
  t.same(logged, ['store.unreadable']);
});
