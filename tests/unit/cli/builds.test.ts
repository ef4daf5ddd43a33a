/** `raworc build`, and what `raworc agent deploy` shows of a build. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { fakeServer, frame, stream, world } from './world.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const build = (status: string, more: object = {}) => ({
  ...{ id: ID, space: 'default', status, image_tag: null, error: null, waiting_reason: null, agents_deployed: ['a'], created_by: 'admin' },
  ...{ started_at: '2026-01-01T00:00:00.000Z', completed_at: null, stages: [], ...more },
});
const line = (stage: string | null, text: string) => ({ type: 'log', stage, line: text, timestamp: '2026-01-01T00:00:01.000Z' });
const SPACE = '/spaces/default';

t.test('builds are listed, shown and cancelled', async (t) => {
  const stages = [{ name: 'install', status: 'failed', duration_ms: 1500 }];
  const failed = build('failed', { stages, error: 'no\nsuch package', completed_at: '2026-01-01T00:00:02.000Z' });
  const server = await fakeServer(t, {
    [`GET ${SPACE}/builds?limit=100`]: { body: [failed, build('completed', { id: OTHER })] },
    [`GET ${SPACE}/build/${ID}`]: { body: failed },
    [`GET ${SPACE}/build/latest`]: { body: build('pending', { waiting_reason: 'No node is connected.' }) },
    [`DELETE ${SPACE}/build/${ID}`]: { body: build('cancelled') },
  });
  const { run } = await world(t, server);
  t.match(await run('build', 'list'), { code: 0, out: /11111111-.* failed +.*2\.0 s.*\n22222222/ });
  t.match(await run('build', 'get', '1111'), { code: 0, out: /install +failed +1\.5 s\nerror\n {2}no\n {2}such package/ });
  t.match(await run('build', 'get'), { code: 0, out: /waits +No node is connected\./ });
  t.match(await run('build', 'get', '3333'), { code: 1, err: /There is no build "3333"/ });
  t.match(await run('build', 'cancel'), { code: 0, out: `${ID} is cancelled\n` });
});

t.test('the log of a build is followed to its end', async (t) => {
  const server = await fakeServer(t, {
    [`GET ${SPACE}/build/latest`]: { body: build('building') },
    [`GET ${SPACE}/build/${ID}/logs?follow=true`]: stream(
      frame('log', line(null, 'Queued'), '1'),
      frame('log', line('install', 'done'), '2'),
      frame('end', { build: build('failed') }),
    ),
  });
  const { run } = await world(t, server);
  const { code, out, err } = await run('build', 'logs', '--follow');
  t.equal(code, 1);
  t.equal(out, '2026-01-01T00:00:01.000Z  -        Queued\n2026-01-01T00:00:01.000Z  install  done\n');
  t.match(err, /The build failed/);
});

t.test('deploy says at once why its build waits, and prints the log on demand', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'raworc-agent-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await writeFile(join(root, 'main.py'), '');
  const server = await fakeServer(t, {
    [`POST ${SPACE}/agents`]: { status: 201, body: { name: 'a', space: 'default', status: 'configured' } },
    [`PUT ${SPACE}/agents/a/source`]: { status: 201, body: { runtime: 'python', handler: 'main.f' } },
    [`POST ${SPACE}/agents/a/deploy`]: { body: { name: 'a', space: 'default', status: 'building' } },
    [`GET ${SPACE}/build/latest`]: { body: build('pending', { waiting_reason: 'No node is connected.' }) },
    [`GET ${SPACE}/build/${ID}/logs?follow=true`]: stream(
      frame('log', line('install', 'pip says hello'), '1'),
      frame('end', { build: build('completed') }),
    ),
    'GET /events': stream(frame('build.state', { build: build('completed', { image_tag: 'i' }) }, 'e1')),
  });
  const { run } = await world(t, server);
  const { code, err } = await run('agent', 'deploy', root, '--name', 'a', '--logs');
  t.equal(code, 0);
  t.match(err, /waits: No node is connected\./);
  t.match(err, /install: pip says hello/);
});
