/** A build that is cancelled or late ends its container at once, not when its program ends. */
import { Duplex } from 'node:stream';
import t from 'tap';
import { DockerBuilds, type DockerBuildsDeps } from '../../../../node-agent/engine/docker/builds/docker-builds.ts';

t.test('an aborted job is removed, and whatever reads its output goes on', async (t) => {
  const removed: unknown[] = [];
  const container = {
    id: 'c1',
    attach: async () => new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }),
    start: async () => undefined,
    inspect: async () => ({ State: { Running: true, Pid: 1 } }),
    wait: () => new Promise<never>(() => undefined),
    remove: async (options: unknown) => void removed.push(options),
  };
  const calls = { createContainer: async () => container, getContainer: () => container };
  const warnings: unknown[] = [];
  const deps = {
    ...{
      clients: { calls, streams: calls, probe: calls },
      owner: { clusterId: 'c', nodeId: 'n' },
      npm: { directory: '/npm', version: '1' },
    },
    ...{ guestDirectory: '/guest', settings: { environment: {}, certificates: undefined }, cgroupParent: () => undefined },
    log: { warn: (...line: unknown[]) => warnings.push(line) },
  };
  const builds = new DockerBuilds(deps as unknown as DockerBuildsDeps);
  const ending = new AbortController();
  const input = (async function* () {})();
  const plan = { buildId: 'b', space: 's', image: 'i', command: ['sleep'], environment: {}, input };
  const job = await builds.start(plan, ending.signal);
  ending.abort(new Error('cancelled'));
  t.equal(await job.began, false);
  await t.rejects(job.ended, { message: 'cancelled' });
  await job.close();
  t.same(removed, [{ force: true, v: true }], 'once');
  t.same(warnings, []);
});
