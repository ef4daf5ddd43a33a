import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { packFolder } from '../../../archive/pack-folder.ts';
import { PathFolder } from '../../../archive/path-folder.ts';
import { testDirectory } from '../../test-directory.ts';
import { type Asked, fakeServer, send, world } from './world.ts';

const SESSION = '01234567-89ab-7def-8123-456789abcdef';

t.test('a directory is not copied through a link that an earlier copy brought', async (t) => {
  const all = testDirectory(t, { source: { sub: { 'keys.txt': 'of the session' } }, mine: {}, target: { plain: {} } });
  const [source, mine, target] = [join(all, 'source'), join(all, 'mine'), join(all, 'target')];
  symlinkSync(mine, join(target, 'sub'));
  const server = await fakeServer(t, {
    [`GET /sessions/${SESSION}/files`]: (response, { path }) => {
      if (path.includes('stat=')) return send(response, 200, { name: 'sub', path: '/sub', type: 'directory', size: 0 });
      response.writeHead(200, { 'content-type': 'application/x-tar' });
      for (const piece of packFolder(new PathFolder(join(source, 'sub')))) response.write(piece);
      response.end();
    },
  });
  const { run } = await world(t, server);
  t.match(await run('cp', `${SESSION}:/sub`, target), { code: 1, err: /is a link/ });
  t.same(readdirSync(mine), []);
  t.match(await run('cp', `${SESSION}:/sub`, join(target, 'plain')), { code: 0 });
  t.equal(readFileSync(join(target, 'plain', 'sub', 'keys.txt'), 'utf8'), 'of the session');
});

/** More than a piece of what the client reads at once, and no multiple of it. */
const LARGE = Buffer.alloc(2_500_001, 'large ');

t.test('a large file arrives whole, both ways, with its mode', async (t) => {
  const here = testDirectory(t, { large: LARGE.toString(), empty: '' });
  chmodSync(join(here, 'large'), 0o750);
  const sent: Asked[] = [];
  const server = await fakeServer(t, {
    [`PUT /sessions/${SESSION}/files`]: (response, asked) => {
      sent.push(asked);
      send(response, 200, { size: asked.body.byteLength });
    },
    [`GET /sessions/${SESSION}/files`]: (response, { path }) => {
      if (path.includes('path=new')) return send(response, 404, { error: { code: 'NOT_FOUND', message: 'nothing there' } });
      if (path.includes('stat=')) return send(response, 200, { name: 'large', path: '/large', type: 'file', size: LARGE.byteLength });
      response.writeHead(200, { 'content-length': LARGE.byteLength, 'x-raworc-mode': '0640' });
      response.end(LARGE);
    },
  });
  const { run } = await world(t, server);
  t.match(await run('cp', join(here, 'large'), `${SESSION}:new`), { code: 0 });
  t.match(await run('cp', join(here, 'empty'), `${SESSION}:new`), { code: 0 });
  t.ok(sent[0]?.body.equals(LARGE));
  t.match(sent[0]?.path, /mode=750/);
  t.equal(sent[1]?.body.byteLength, 0);
  t.match(await run('cp', `${SESSION}:/large`, join(here, 'back')), { code: 0 });
  t.ok(readFileSync(join(here, 'back')).equals(LARGE));
  t.equal(statSync(join(here, 'back')).mode & 0o777, 0o640);
});

t.test('a copy that breaks off leaves the old file, and nothing beside it', async (t) => {
  const here = testDirectory(t, { mine: 'old' });
  const server = await fakeServer(t, {
    [`GET /sessions/${SESSION}/files`]: (response, { path }) => {
      if (path.includes('stat=')) return send(response, 200, { name: 'large', path: '/large', type: 'file', size: LARGE.byteLength });
      response.writeHead(200, { 'content-length': LARGE.byteLength });
      response.write(LARGE.subarray(0, LARGE.byteLength - 1), () => response.destroy());
    },
  });
  const { run } = await world(t, server);
  t.match(await run('cp', `${SESSION}:/large`, join(here, 'mine')), { code: 1, err: /connection ended before/ });
  t.equal(readFileSync(join(here, 'mine'), 'utf8'), 'old');
  t.same(readdirSync(here), ['mine']);
});

t.test('an upload that is refused before its end says why', async (t) => {
  const here = testDirectory(t, { large: LARGE.toString() });
  const server = createServer((request, response) => {
    if (request.method === 'GET') return send(response, 404, { error: { code: 'NOT_FOUND', message: 'nothing there' } });
    request.once('data', () => send(response, 507, { error: { code: 'INSUFFICIENT_STORAGE', message: 'The disk is full.' } }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { run } = await world(t, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  t.match(await run('cp', join(here, 'large'), `${SESSION}:new`), { code: 1, err: /The disk is full/ });
});
