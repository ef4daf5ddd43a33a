import t from 'tap';
import { ControllerLink } from '../../../../node-agent/control/controller-link.ts';
import { makesProgress, STALLED_MS } from '../../../../node-agent/stalled.ts';
import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import type { Link } from '../../../../proto/link.ts';
import type { Log } from '../../../../seams/log.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { linkPair } from '../../../hollow/link-pair.ts';
import { HandClock } from '../../hand-clock.ts';

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
const MINUTE = 60_000;

t.test('a stream that answers heartbeats while a frame hangs is stalled, and one that takes frames in is not', async (t) => {
  const clock = new HandClock();
  let hangs = false;
  let controller: Link<ControllerFrame, NodeFrame> | undefined;
  const link = new ControllerLink({
    clock,
    random: systemRandom,
    log: quiet,
    clusterId: 'c',
    conditions: { raise: () => undefined, clear: () => undefined },
    dialer: {
      async dial() {
        const [node, other] = linkPair<NodeFrame, ControllerFrame>(clock);
        controller = other;
        other.onMessage((frame) => {
          const { number = 0 } = frame.kind === 'heartbeat' ? frame.value : {};
          if (number > 0) other.send({ kind: 'heartbeatAck', value: { number, leaseMs: 15_000, nowMs: 0, caDigest: '' } });
        });
        return node;
      },
      stream: () => Promise.reject(new Error('no byte streams')),
      fetchSource: () => (async function* () {})(),
      putSource: () => Promise.reject(new Error('no sources')),
    },
    greeting: () => ({
      hello: { kind: 'shutdownDone', value: {} },
      inventory: [{ kind: 'shutdownDone', value: {} } as const][Symbol.iterator](),
    }),
    connected: async () => undefined,
    drained: () => undefined,
    removed: async () => undefined,
    disconnected: () => t.fail('the lease holds'),
    take: () => (hangs ? new Promise(() => undefined) : undefined),
  });
  t.equal(link.stalledMs(), 0, 'before it starts');
  link.start();
  await clock.advance(100);
  controller?.send({
    kind: 'welcome',
    value: { protocolVersion: 1, controllerVersion: '', clusterId: 'c', epoch: 1, leaseMs: 15_000, heartbeatMs: 3000, nodeId: 'n' },
  });
  await clock.advance(10 * MINUTE);
  t.ok(link.stalledMs() <= 3000, 'heartbeats are progress');
  hangs = true;
  controller?.send({ kind: 'imageGone', value: { image: 'i', reason: '' } });
  await clock.advance(10 * MINUTE);
  t.ok(link.stalledMs() >= 9 * MINUTE, 'but not while a frame waits');
});

t.test('a stream without progress for five minutes is logged, and keeps the watchdog from hearing that all is well', (t) => {
  const logged: object[] = [];
  const log = { error: (event: string, fields?: object) => void logged.push({ event, ...fields }) };
  t.ok(makesProgress({ stalledMs: STALLED_MS - 1 }, log));
  t.same(logged, []);
  t.notOk(makesProgress({ stalledMs: STALLED_MS + 0.4 }, log));
  t.same(logged, [{ event: 'node.stalled', stalled_ms: STALLED_MS }]);
  t.end();
});
