import t from 'tap';
import { repositoryName } from '../../../cli/builds/agent-repository.ts';
import { fakeServer, frame, stream, world } from './world.ts';

const AGENTS = '/spaces/default/agents';
const agent = { name: 'helper', space: 'default', status: 'building', source_repo: null, source_branch: 'main' };
const commit = 'a'.repeat(40);
const built = (status: string) => ({
  ...{ id: 'b1', space: 'default', status, image_tag: 'image:b1', error: status === 'failed' ? 'No access.' : null },
  sources: [{ agent: 'helper', digest: 'sha256:0', repo: 'owner/helper', branch: 'HEAD', commit }],
});
const routes = (before: object, status = 'completed') => ({
  [`POST ${AGENTS}`]: { status: 201, body: agent },
  [`GET ${AGENTS}/helper`]: { body: before },
  [`PUT ${AGENTS}/helper`]: { body: { ...agent, source_repo: 'owner/helper', source_branch: 'HEAD' } },
  [`POST ${AGENTS}/helper/deploy`]: { body: agent },
  [`DELETE ${AGENTS}/helper`]: { status: 204 },
  'GET /spaces/default/build/latest': { body: built('pending') },
  'GET /events': stream(frame('build.state', { build: built(status) }, 'e1')),
});

t.test('a repository is built at its default branch, and the commit is shown', async (t) => {
  const server = await fakeServer(t, routes(agent));
  const { run } = await world(t, server);
  const { code, err } = await run('agent', 'deploy', 'owner/helper');
  t.equal(code, 0);
  t.match(err, /Repository owner\/helper: default branch/);
  t.match(err, /commit aaaaaaaaaaaa\b/);
  const sent = server.asked.find(({ method }) => method === 'PUT')?.json;
  t.same(sent, { source_repo: 'owner/helper', source_branch: 'HEAD', source_directory: null, source_secret: null });
});

t.test('what is not given stays as it is for the same repository', async (t) => {
  const server = await fakeServer(t, routes({ ...agent, source_repo: 'owner/helper', source_branch: 'next', source_secret: 'KEY' }));
  const { run } = await world(t, server);
  t.equal((await run('agent', 'deploy', 'owner/helper', '--branch', 'v1')).code, 0);
  const sent = server.asked.find(({ method }) => method === 'PUT')?.json;
  t.same(sent, { source_repo: 'owner/helper', source_branch: 'v1' });
});

t.test('a first deploy that fails leaves no agent', async (t) => {
  const server = await fakeServer(t, routes(agent, 'failed'));
  const { run } = await world(t, server);
  t.match(await run('agent', 'deploy', 'owner/helper', '--secret', 'KEY'), { code: 1, err: /No access/ });
  t.ok(server.asked.some(({ method }) => method === 'DELETE'));
});

t.test('options of repositories are refused for a directory', async (t) => {
  const server = await fakeServer(t, {});
  const { run } = await world(t, server);
  t.match(await run('agent', 'deploy', '.', '--branch', 'main'), { code: 1, err: /--branch is for repositories/ });
  t.match(await run('agent', 'deploy', './nowhere'), { code: 1, err: /not a directory/ });
});

t.test('the name of an agent is that of its repository, or of the directory in it', async (t) => {
  t.equal(repositoryName('owner/helper', undefined), 'helper');
  t.equal(repositoryName('https://git.example.com/a/b/helper.git/', undefined), 'helper');
  t.equal(repositoryName('git@git.example.com:helper.git', undefined), 'helper');
  t.equal(repositoryName('owner/agents', 'python/helper/'), 'helper');
});
