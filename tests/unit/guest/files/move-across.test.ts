/** Moves between file systems, and what writes leave behind whose helper was killed. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { type FilesWorld, filesWorld, value } from './files-world.ts';

t.setTimeout(120_000);

/** A directory in memory, which is another file system. */
function elsewhere(t: Test): string {
  const path = mkdtempSync('/dev/shm/raworc-');
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const mover =
  ({ files, to }: FilesWorld) =>
  (path: string, target: string, overwrite = false) =>
    files.change(to, { op: 'move', path, to: target, parents: false, overwrite });

t.test('files, links and directories move to another file system, whole or not at all', async (t) => {
  const world = await filesWorld(t);
  const [there, move] = [elsewhere(t), mover(world)];
  const at = (path: string) => join(world.workspace, path);
  writeFileSync(at('f'), 'content', { mode: 0o640 });
  t.match(value(await move('f', `${there}/g`)), { created: true, entry: { type: 'file', size: 7, mode: 0o640 } });
  t.equal(readFileSync(join(there, 'g'), 'utf8'), 'content');
  writeFileSync(at('f'), 'other');
  t.match(await move('f', `${there}/g`), { refusal: { code: 'CONFLICT' } });
  t.match(value(await move('f', `${there}/g`, true)), { created: false });
  t.equal(readFileSync(join(there, 'g'), 'utf8'), 'other');

  mkdirSync(at('d/e'), { recursive: true });
  writeFileSync(at('d/e/large'), Buffer.alloc(3_000_000, 'x'));
  execFileSync('ln', [at('d/e/large'), at('d/second')]);
  symlinkSync('e/large', at('d/link'));
  chmodSync(at('d'), 0o2750);
  t.match(value(await move('d', `${there}/d`)), { entry: { type: 'directory', mode: 0o2750 } });
  t.equal(statSync(join(there, 'd/e/large')).size, 3_000_000);
  t.equal(statSync(join(there, 'd/second')).ino, statSync(join(there, 'd/e/large')).ino);
  t.equal(readlinkSync(join(there, 'd/link')), 'e/large');
  symlinkSync('/etc', at('way'));
  await move('way', `${there}/way`);
  t.ok(lstatSync(join(there, 'way')).isSymbolicLink(), 'a link itself is moved');

  mkdirSync(at('p'));
  writeFileSync(at('p/f'), '');
  execFileSync('mkfifo', [at('p/pipe')]);
  t.match(await move('p', `${there}/p`), { refusal: { code: 'CONFLICT', message: /pipe \(not a file\)/ } });
  t.match(await move('/proc/self/status', `${there}/s`), { ok: false });
  t.same(readdirSync(world.workspace), ['p'], 'nothing else is left where they were');
  t.same(readdirSync(at('p')).sort(), ['f', 'pipe']);
  t.same(readdirSync(there).sort(), ['d', 'g', 'way'], 'nor a part of it where it was to go');
});

t.test('what root moves or replaces does not become a program with its rights', { skip: process.geteuid?.() !== 0 }, async (t) => {
  const world = await filesWorld(t);
  const [there, move] = [elsewhere(t), mover(world)];
  const at = (path: string) => join(world.workspace, path);
  const ofUser = (path: string, mode: number) => {
    writeFileSync(at(path), '#!/bin/sh');
    chownSync(at(path), 1000, 1001);
    chmodSync(at(path), mode);
  };
  const shownAt = (path: string) => {
    const { uid, gid, mode } = lstatSync(path);
    return { uid, gid, mode: mode & 0o7777 };
  };
  ofUser('f', 0o4755);
  value(await move('f', `${there}/f`));
  t.same(shownAt(join(there, 'f')), { uid: 1000, gid: 1001, mode: 0o4755 });
  mkdirSync(at('d/e'), { recursive: true });
  for (const path of ['d', 'd/e']) chownSync(at(path), 1000, 1001);
  ofUser('d/e/f', 0o2755);
  symlinkSync('e/f', at('d/link'));
  lchownSync(at('d/link'), 1000, 1001);
  value(await move('d', `${there}/d`));
  for (const path of ['d', 'd/e', 'd/e/f', 'd/link']) t.match(shownAt(join(there, path)), { uid: 1000, gid: 1001 }, path);
  t.equal(shownAt(join(there, 'd/e/f')).mode, 0o2755);

  ofUser('g', 0o6711);
  value(await world.write('g', 'of root'));
  t.same(shownAt(at('g')), { uid: 0, gid: 0, mode: 0o711 });
  chmodSync(at('g'), 0o4711);
  value(await world.write('g', 'of root again'));
  t.same(shownAt(at('g')), { uid: 0, gid: 0, mode: 0o4711 }, 'its own file keeps its mode');
});

t.test('the directory that the guest has its own in can be neither moved nor removed, also by root', async (t) => {
  const world = await filesWorld(t);
  const there = elsewhere(t);
  writeFileSync(join(world.workspace, 'f'), 'content');
  const denied = { refusal: { message: /holds what belongs to Raworc/ } };
  t.match(await mover(world)(world.session, `${there}/s`), denied);
  t.match(await world.files.change(world.to, { op: 'remove', path: world.session, recursive: true }), denied);
  symlinkSync(world.session, join(there, 'way'));
  t.match(await world.files.change(world.to, { op: 'remove', path: `${there}/way`, recursive: true }), { ok: true }, 'but a link to it');
  t.same(readdirSync(world.session).sort(), ['.raworc', 'workspace']);
  t.same(readdirSync(world.workspace), ['f']);
  t.same(readdirSync(there), []);
});

t.test('what a write left whose helper was killed goes with the next write to that directory', async (t) => {
  const world = await filesWorld(t);
  const ours = `.raworc-${'0'.repeat(16)}.tmpl`;
  writeFileSync(join(world.workspace, ours), 'not of a helper');
  const body = new PassThrough();
  const writing = world.files.write(world.to, { path: 'f', parents: false, isNew: false }, body);
  body.write('half');
  while (readdirSync(world.workspace).length < 2) await new Promise((resolve) => setImmediate(resolve));
  process.kill(Number(execFileSync('pgrep', ['-f', `main.ts ${world.session}$`])), 'SIGKILL');
  t.match(await writing, { ok: false });
  t.equal(readdirSync(world.workspace).length, 2, 'a kill cannot be prepared for');
  const slow = new PassThrough();
  const other = world.files.write(world.to, { path: 'g', parents: false, isNew: false }, slow);
  slow.write('half');
  value(await world.write('f', 'whole'));
  slow.end();
  t.match(await other, { ok: true }, 'what is being written stays');
  t.same(readdirSync(world.workspace).sort(), [ours, 'f', 'g']);
});
