/** Files of a session, through everything between the controller's service and the disk. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { bytesOf } from '../../../../proto/streams/files-paths.ts';
import { filesWorld, value } from './files-world.ts';

const BAD_NAME = Buffer.from([0x61, 0xff, 0x0a, 0xfe]).toString('latin1');

t.test('a file is written in one step, read whole and in parts, and keeps its mode', async (t) => {
  const world = await filesWorld(t);
  t.match(value(await world.write('a.txt', 'hello')), { created: true, entry: { type: 'file', size: 5, mode: 0o644 } });
  t.equal(String(await world.read('a.txt')), 'hello');
  t.equal(String(await world.read(join(world.workspace, 'a.txt'), { range: { start: 1, end: 3 } })), 'el');
  t.equal(String(await world.read('a.txt', { range: { last: 2 } })), 'lo');
  t.match(await world.files.read(world.to, { path: 'a.txt', range: { start: 5 } }), {
    ok: false,
    refusal: { code: 'RANGE_NOT_SATISFIABLE', details: { size: 5 } },
  });
  chmodSync(join(world.workspace, 'a.txt'), 0o751);
  const before = statSync(join(world.workspace, 'a.txt')).ino;
  t.match(value(await world.write('a.txt', '')), { created: false, entry: { size: 0, mode: 0o751 } });
  t.not(statSync(join(world.workspace, 'a.txt')).ino, before, 'another file took its name');
  t.equal((await world.read('a.txt')).byteLength, 0);
  t.same(readdirSync(world.workspace), ['a.txt'], 'nothing is left beside it');
  t.equal(world.spawned, 1, 'one helper does it all');
});

t.test('contents of any size and names of any bytes', async (t) => {
  const world = await filesWorld(t);
  const large = randomBytes(5 * 1024 * 1024 + 7);
  await world.write('large', large);
  t.ok((await world.read('large')).equals(large));
  value(await world.files.write(world.to, { path: BAD_NAME, parents: false, isNew: false }, Readable.from([Buffer.from('x')])));
  t.ok(existsSync(Buffer.concat([Buffer.from(`${world.workspace}/`), Buffer.from(BAD_NAME, 'latin1')])));
  const { entries } = value(await world.files.list(world.to, { path: '', depth: 1, limit: 10 }));
  t.same(
    entries.map(({ path }) => path.slice(world.workspace.length + 1)),
    [BAD_NAME, 'large'],
  );
});

t.test('conditions hold against the file as it is', async (t) => {
  const world = await filesWorld(t);
  const { entry } = value(await world.write('a', 'one'));
  t.match(await world.write('a', 'two', { isNew: true }), { refusal: { code: 'PRECONDITION_FAILED' } });
  t.match(value(await world.write('a', 'two', { ifMatch: entry.tag })), { created: false });
  t.match(await world.write('a', 'three', { ifMatch: entry.tag }), { refusal: { code: 'PRECONDITION_FAILED' } });
  t.match(await world.write('b', 'x', { ifMatch: '*' }), { refusal: { code: 'PRECONDITION_FAILED' } });
  t.match(value(await world.write('c', 'x', { isNew: true })), { created: true });
  t.equal(String(await world.read('a', { range: { start: 0, end: 1 }, ifRange: 'another' })), 'two');
  t.equal(String(await world.read('a')), 'two');
});

t.test('a list goes on where it ended, each directory before what is in it', async (t) => {
  const world = await filesWorld(t);
  for (const path of ['b/c/d', 'a', 'b.', 'b/a', 'z']) value(await world.write(path, 'x', { parents: true }));
  const all: string[] = [];
  let after: string | undefined;
  do {
    const page = value(await world.files.list(world.to, { path: '', depth: 3, limit: 2, ...(after === undefined ? {} : { after }) }));
    t.ok(page.entries.length <= 2);
    all.push(...page.entries.map(({ path }) => path.slice(world.workspace.length + 1)));
    after = page.next;
  } while (after !== undefined);
  t.same(all, ['a', 'b', 'b/a', 'b/c', 'b/c/d', 'b.', 'z']);
  const flat = value(await world.files.list(world.to, { path: '', depth: 1, limit: 100 }));
  t.same(
    flat.entries.map(({ path }) => path.slice(world.workspace.length + 1)),
    ['a', 'b', 'b.', 'z'],
  );
  t.match(await world.files.list(world.to, { path: 'a', depth: 1, limit: 1 }), { refusal: { code: 'CONFLICT' } });
  t.match(await world.files.list(world.to, { path: 'none', depth: 1, limit: 1 }), { refusal: { code: 'NOT_FOUND' } });
});

t.test('directories are made, moved, changed and removed', async (t) => {
  const world = await filesWorld(t);
  const change = (request: Parameters<typeof world.files.change>[1]) => world.files.change(world.to, request);
  t.match(await change({ op: 'mkdir', path: 'a/b', parents: false }), { refusal: { code: 'NOT_FOUND' } });
  t.match(value(await change({ op: 'mkdir', path: 'a/b', parents: true })), { created: true, entry: { type: 'directory' } });
  t.match(value(await change({ op: 'mkdir', path: 'a/b', parents: true })), { created: false });
  t.match(await change({ op: 'mkdir', path: 'a/b', parents: false }), { refusal: { code: 'CONFLICT' } });
  await world.write('a/b/c', 'x');
  t.match(await change({ op: 'move', path: 'a/b/c', to: 'd/e', parents: false, overwrite: false }), { refusal: { code: 'NOT_FOUND' } });
  t.match(value(await change({ op: 'move', path: 'a/b/c', to: 'd/e', parents: true, overwrite: false })), { created: true });
  await world.write('f', 'y');
  t.match(await change({ op: 'move', path: 'f', to: 'd/e', parents: false, overwrite: false }), { refusal: { code: 'CONFLICT' } });
  t.match(value(await change({ op: 'move', path: 'f', to: 'd/e', parents: false, overwrite: true })), { created: false });
  t.match(value(await change({ op: 'chmod', path: 'd/e', mode: 0o700 })), { entry: { mode: 0o700 } });
  t.match(await change({ op: 'remove', path: 'd', recursive: false }), { refusal: { code: 'CONFLICT', message: /not empty/ } });
  t.match(await change({ op: 'remove', path: 'd', recursive: true }), { ok: true });
  t.match(await change({ op: 'remove', path: 'd', recursive: true }), { refusal: { code: 'NOT_FOUND' } });
  symlinkSync('/', join(world.workspace, 'root'));
  t.match(await change({ op: 'remove', path: 'root', recursive: true }), { ok: true });
  t.ok(existsSync('/etc'), 'a link is removed, not what it leads to');
});

t.test('links are shown with where they lead, and followed by a write', async (t) => {
  const world = await filesWorld(t);
  mkdirSync(join(world.workspace, 'd'));
  symlinkSync('d/real', join(world.workspace, 'link'));
  t.match(value(await world.files.change(world.to, { op: 'stat', path: 'link' })), {
    entry: { type: 'symlink', link: { text: 'd/real' } },
  });
  value(await world.write('link', 'through'));
  t.equal(readFileSync(join(world.workspace, 'd/real'), 'utf8'), 'through');
  t.match(value(await world.files.change(world.to, { op: 'stat', path: 'link' })), {
    entry: { link: { target: bytesOf(join(world.workspace, 'd/real')), type: 'file', size: 7, mode: 0o644 } },
  });
  symlinkSync('loop', join(world.workspace, 'loop'));
  t.match(await world.write('loop', 'x'), { refusal: { code: 'CONFLICT', message: /too many links/ } });
  t.match(await world.files.read(world.to, { path: 'loop' }), { refusal: { code: 'CONFLICT' } });
});

t.test("the guest's directory stays closed, by every way to it", async (t) => {
  const world = await filesWorld(t);
  writeFileSync(join(world.session, '.raworc/mailbox'), 'secret');
  symlinkSync('../.raworc', join(world.workspace, 'way'));
  symlinkSync('../.raworc/mailbox', join(world.workspace, 'box'));
  for (const path of ['../.raworc/mailbox', 'way/mailbox', 'box', '/proc/self/root/../proc/self/cwd/..']) {
    const read = await world.files.read(world.to, { path });
    t.notOk(read.ok, path);
    const wrote = await world.write(path, 'mine');
    t.notOk(wrote.ok, path);
  }
  t.match(await world.files.change(world.to, { op: 'move', path: '../.raworc', to: 'mine', parents: false, overwrite: true }), {
    ok: false,
  });
  t.match(await world.files.change(world.to, { op: 'remove', path: '../.raworc', recursive: true }), { ok: false });
  t.match(await world.files.change(world.to, { op: 'mkdir', path: '../.raworc/x/y', parents: true }), { ok: false });
  t.equal(readFileSync(join(world.session, '.raworc/mailbox'), 'utf8'), 'secret');
});
