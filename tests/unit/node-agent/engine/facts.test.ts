import type Docker from 'dockerode';
import t from 'tap';
import { readFacts } from '../../../../node-agent/engine/docker/facts.ts';

const INFO = {
  ...{ ID: 'engine', Name: 'host', OSType: 'linux', Architecture: 'x86_64', DefaultRuntime: 'runc' },
  Runtimes: { runc: { path: 'runc' }, runsc: { path: '/usr/bin/runsc' }, safe: { path: '/opt/gvisor/runsc' } },
  SecurityOptions: ['name=seccomp,profile=default'],
};
const facts = (info: object, runtime?: string) =>
  readFacts({ info: async () => ({ ...INFO, ...info }) } as unknown as Docker, runtime, new AbortController().signal);

t.test('what keeps sessions from the host follows from the runtime and the options of the engine', async (t) => {
  t.match(await facts({}), { isolation: 'container' });
  t.match(await facts({}, 'runsc'), { isolation: 'gvisor' });
  t.match(await facts({}, 'safe'), { isolation: 'gvisor' }, 'by its program, whatever its name is');
  t.match(await facts({ DefaultRuntime: 'runsc' }), { isolation: 'gvisor' });
  const remapped = { SecurityOptions: ['name=seccomp,profile=default', 'name=userns'] };
  t.match(await facts(remapped), { isolation: 'user-namespace' });
  t.match(await facts(remapped, 'runsc'), { isolation: 'gvisor' }, 'the stronger one is named');
  t.match(await facts({ SecurityOptions: null, Runtimes: null }), { isolation: 'container' }, 'an engine that says little');
});

t.test('a runtime that Docker does not know is an error for the operator', async (t) => {
  await t.rejects(facts({}, 'kata'), /no runtime kata \(RAWORC_SESSION_RUNTIME\), but runc, runsc, safe/);
});
