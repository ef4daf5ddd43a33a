/** What an installer wrote becomes part of an image, whatever it is. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import tar, { type Header } from 'tar-stream';
import { InstallRoom, packInstalled } from '../../../../node-agent/images/pack-installed.ts';

type Item = readonly [header: Partial<Header> & { name: string }, content?: string];

async function packed(items: readonly Item[]): Promise<Record<string, Partial<Header>>> {
  const written = tar.pack();
  for (const [header, content] of items) written.entry(header, content ?? '');
  written.finalize();
  const pack = tar.pack();
  const whole = buffer(pack);
  whole.catch(() => undefined);
  try {
    await packInstalled(
      pack,
      { owner: 'the agent a', key: 'KEY', room: new InstallRoom() },
      written as AsyncIterable<unknown> as AsyncIterable<Uint8Array>,
    );
  } catch (error) {
    pack.destroy();
    throw error;
  }
  pack.finalize();
  const found: Record<string, Partial<Header>> = {};
  for await (const entry of Readable.from([await whole]).pipe(tar.extract())) {
    found[entry.header.name.replace(/\/$/, '')] = entry.header;
    entry.resume();
  }
  return found;
}

t.test('files belong to root, keep their times and lose special bits', async (t) => {
  const mtime = new Date(1_700_000_000_000);
  const found = await packed([
    [{ name: './', type: 'directory', mode: 0o700 }],
    [{ name: './bin/x', mode: 0o4711, uid: 10_001, mtime }, 'content'],
    [{ name: './y', mode: 0o600 }, ''],
    [{ name: './link', type: 'symlink', linkname: '/usr/bin/python3' }],
    [{ name: './hard', type: 'link', linkname: './bin/x' }],
  ]);
  t.match(found, {
    'deps/KEY': { type: 'directory', mode: 0o755, uid: 0 },
    'deps/KEY/bin/x': { type: 'file', mode: 0o755, uid: 0, gid: 0, size: 7, mtime },
    'deps/KEY/y': { mode: 0o644 },
    'deps/KEY/link': { type: 'symlink', linkname: '/usr/bin/python3' },
    'deps/KEY/hard': { type: 'link', linkname: 'deps/KEY/bin/x' },
  });
});

t.test('what could leave the directory or be a device is refused', async (t) => {
  const refused: readonly (readonly [Item, RegExp])[] = [
    [[{ name: '../x' }, ''], /path outside/],
    [[{ name: '/etc/x' }, ''], /path outside/],
    [[{ name: 'x', type: 'link', linkname: '/etc/passwd' }], /path outside/],
    [[{ name: 'x', type: 'character-device' }], /character-device/],
    [[{ name: 'x', type: 'fifo' }], /fifo/],
  ];
  for (const [item, reason] of refused) await t.rejects(packed([item]), { name: 'BadSource', message: reason });
});

t.test('what all agents of an image have is bounded', (t) => {
  const room = new InstallRoom();
  for (let gib = 0; gib < 6; gib += 1) t.equal(room.take(2 ** 30), undefined);
  t.match(room.take(1), /more than 6 GiB with those of the other agents/);
  t.end();
});

t.test('nothing is written through a link, which could lead to the Dockerfile of the image', async (t) => {
  const file: Item = [{ name: 'x/Dockerfile' }, 'FROM other'];
  for (const linkname of ['../..', '/', '.', 'y'])
    await t.rejects(packed([[{ name: 'x', type: 'symlink', linkname }], file]), /a path through a link/, linkname);
  const replaced: Item = [{ name: './x', type: 'symlink', linkname: '../..' }];
  await t.rejects(packed([[{ name: 'x/', type: 'directory' }], replaced, [{ name: 'x/a/b/c' }]]), /a path through a link/);
  await t.rejects(packed([replaced, [{ name: 'y', type: 'link', linkname: 'x/Dockerfile' }]]), /a path through a link/);
  t.strictSame(Object.keys(await packed([replaced, [{ name: 'xy/z' }]])), ['deps/KEY/x', 'deps/KEY/xy/z']);
});
