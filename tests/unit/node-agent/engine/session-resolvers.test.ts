/** Docker's name server is blocked in each container, or the node says that it is not. */
import t from 'tap';
import { Conditions } from '../../../../node-agent/conditions.ts';
import { RESOLV_CONF } from '../../../../node-agent/engine/docker/container.ts';
import type { SessionContainers } from '../../../../node-agent/engine/docker/containers/session-containers.ts';
import { SessionResolvers } from '../../../../node-agent/engine/docker/session-resolvers.ts';
import { systemClock } from '../../../../seams/system.ts';
import { silent } from '../../controller/core.ts';

const running = { Id: 'c', State: { Running: true, Pid: 42 }, Mounts: [{ Destination: RESOLV_CONF }] };
const containers = {
  on: (_session: string, ask: (container: { inspect(): Promise<unknown> }) => unknown) => ask({ inspect: async () => running }),
} as unknown as SessionContainers;
const seen = { container: { id: 'c', state: 'running', generation: 1, isolation: undefined }, space: 's', image: 'i' } as const;

t.test('a name server that cannot be blocked is a condition, until it is blocked in a session', async (t) => {
  const conditions = new Conditions(systemClock, silent);
  let isMissing = true;
  const asked: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    if (isMissing) throw new Error('nsenter: not found');
    asked.push([program, ...args].join(' '));
    return '';
  };
  const resolvers = new SessionResolvers({ containers, log: silent, conditions, run });
  const { signal } = new AbortController();
  t.ok(resolvers.isOpen('one', seen));
  await resolvers.close('one', signal);
  t.match(conditions.all(), [
    { type: 'DockerDnsOpen', message: /in a session: nsenter: not found\. Install iproute2/, unschedulable: false },
  ]);
  t.notOk(resolvers.isOpen('one', seen), 'its agents start all the same');
  isMissing = false;
  await resolvers.close('two', signal);
  t.match(asked, [/^nsenter --net=\/proc\/42\/ns\/net ip route replace unreachable 127\.0\.0\.11\/32/]);
  t.same(conditions.all(), []);
});
