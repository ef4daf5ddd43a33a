import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packFolder } from '../../../archive/pack-folder.ts';
import { PathFolder } from '../../../archive/path-folder.ts';
import { testDirectory } from '../../test-directory.ts';
import { fakeServer, send, world } from './world.ts';

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
