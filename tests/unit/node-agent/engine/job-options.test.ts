import t from 'tap';
import { JOB_LIMITS, jobOptions, stepOptions } from '../../../../node-agent/engine/docker/builds/job-options.ts';

t.test('programs of builds yield to sessions, which have the default share of 1024', async (t) => {
  const plan = { buildId: 'b', space: 's', image: 'i', command: ['x'], environment: {}, input: (async function* () {})() };
  const places = { limits: JOB_LIMITS, guest: '/guest', npm: '/npm', settings: { environment: {}, certificates: undefined } };
  const owner = { clusterId: 'c', nodeId: 'n' };
  for (const options of [jobOptions(owner, plan, places), stepOptions(owner, plan, places)])
    t.match(options.HostConfig, { CpuShares: 256, NanoCpus: 1e9 });
});
