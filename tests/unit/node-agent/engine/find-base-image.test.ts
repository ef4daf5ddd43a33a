/** Names of images that agents begin with. */
import t from 'tap';
import { digestFor, findBaseImage } from '../../../../node-agent/engine/docker/builds/find-base-image.ts';
import type { DockerClients } from '../../../../node-agent/engine/docker/client.ts';

t.test('the engine is asked only about names of images', async (t) => {
  const asked: string[] = [];
  const getImage = (name: string) => ({
    async inspect() {
      asked.push(name);
      return { Id: 'sha256:1', Config: {} };
    },
  });
  const calls = { getImage };
  const clients = { calls, streams: calls } as unknown as DockerClients;
  const { signal } = new AbortController();
  const allowed = ['team/*', 'registry.example.com:5000/*', 'debian'];
  const find = async (name: string) => (await findBaseImage(clients, allowed, name, signal)).ok;
  const digest = `team/x@sha256:${'a'.repeat(64)}`;
  const good = ['team/x', 'team/x:1.2-slim', digest, 'registry.example.com:5000/a/b_c:1', 'debian:latest'];
  for (const name of good) t.ok(await find(name), name);
  // The engine redirects to where these lead, and its client ends the process at some redirects.
  const bad = [
    'team/../../info',
    'team/..',
    'team/x/../../y',
    'team/./x',
    'team//x',
    'team/x?all=1',
    'team/x#y',
    'team/%2e%2e/x',
    'team/x/',
  ];
  for (const name of [...bad, 'other', 'debian:12']) t.notOk(await find(name), name);
  t.same(asked, good);
});

t.test('an image of several repositories has the digest of the one that was asked', async (t) => {
  const [a, b] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
  const table: readonly (readonly [name: string, known: readonly string[], digest: string | undefined])[] = [
    ['team/x:1', [`other/x@${a}`, `team/x@${b}`], `team/x@${b}`],
    ['registry.example.com:5000/x', [`x@${a}`, `registry.example.com:5000/x@${b}`], `registry.example.com:5000/x@${b}`],
    ['docker.io/library/python:3.12', [`mirror/python@${a}`, `python@${b}`], `python@${b}`],
    [`team/x@${b}`, [`team/x@${a}`, `team/x@${b}`], `team/x@${b}`],
    ['team/x', [`team/y@${a}`], `team/y@${a}`],
    ['team/x', [], undefined],
  ];
  for (const [name, known, digest] of table) t.equal(digestFor(name, known), digest, name);
});
