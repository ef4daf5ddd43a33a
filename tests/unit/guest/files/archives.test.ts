/** Directories as tar, both ways, against the tar of the system. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import tar from 'tar-stream';
import { type FilesWorld, filesWorld, value } from './files-world.ts';

const LONG = 'n'.repeat(200);
const BAD = Buffer.from([0x62, 0xff, 0x0a]);

const pack = async ({ files, to }: FilesWorld, path: string) => buffer(value(await files.pack(to, { path })).bytes);
const unpack = ({ files, to }: FilesWorld, path: string, archive: Buffer) => files.unpack(to, { path }, Readable.from([archive]));

function fill(directory: string): void {
  mkdirSync(join(directory, 'd/e'), { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'd/run'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(directory, 'd/secret'), 'x'.repeat(1000), { mode: 0o600 });
  writeFileSync(join(directory, 'd/large'), 'y'.repeat(700_000));
  linkSync(join(directory, 'd/large'), join(directory, 'd/other'));
  symlinkSync('../d/run', join(directory, 'd/e/link'));
  symlinkSync(LONG, join(directory, 'far'));
  mkdirSync(join(directory, LONG));
  writeFileSync(join(directory, LONG, LONG), 'deep');
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), BAD]), 'bytes');
  execFileSync('mkfifo', [join(directory, 'pipe')]);
}

function isSame(t: import('tap').Test, directory: string): void {
  t.equal(statSync(join(directory, 'd/run')).mode & 0o777, 0o755);
  t.equal(statSync(join(directory, 'd/secret')).mode & 0o777, 0o600);
  t.equal(readFileSync(join(directory, 'd/large')).byteLength, 700_000);
  t.equal(statSync(join(directory, 'd/large')).ino, statSync(join(directory, 'd/other')).ino, 'one file with two names');
  t.equal(readlinkSync(join(directory, 'd/e/link')), '../d/run');
  t.equal(readlinkSync(join(directory, 'far')), LONG);
  t.equal(readFileSync(join(directory, LONG, LONG), 'utf8'), 'deep');
  t.equal(readFileSync(Buffer.concat([Buffer.from(`${directory}/`), BAD]), 'utf8'), 'bytes');
}

t.test('the tar of a session is one that tar unpacks, and leaves out what is no file', async (t) => {
  const world = await filesWorld(t);
  mkdirSync(join(world.workspace, 'all'));
  fill(join(world.workspace, 'all'));
  const archive = await pack(world, 'all');
  const out = join(world.session, 'out');
  mkdirSync(out);
  execFileSync('tar', ['xpf', '-', '-C', out], { input: archive });
  isSame(t, out);
  t.notOk(existsSync(join(out, 'pipe')));
  t.match(archive.toString('latin1'), /comment=raworc left out 1: pipe \(not a file\)/);
  const alone = await pack(world, 'all/d/run');
  t.equal(execFileSync('tar', ['tf', '-'], { input: alone }).toString(), 'run\n');
});

t.test('the session unpacks what tar makes, in either format', async (t) => {
  for (const format of ['gnu', 'pax', 'ustar']) {
    const world = await filesWorld(t);
    const directory = join(world.session, format);
    mkdirSync(directory);
    fill(directory);
    const skip = format === 'ustar' ? ['--exclude', LONG, '--exclude', 'far'] : [];
    const archive = execFileSync('tar', ['cf', '-', `--format=${format}`, '--exclude=pipe', ...skip, '-C', directory, '.'], {
      maxBuffer: 1e8,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.match(value(await unpack(world, 'to/here', archive)), { files: format === 'ustar' ? 4 : 5, bytes: Number });
    if (format !== 'ustar') isSame(t, join(world.workspace, 'to/here'));
    t.match(value(await unpack(world, 'to/here', archive)), { files: Number }, 'again over it');
  }
});

type Entry = { readonly name: string; readonly type?: string; readonly linkname?: string; readonly content?: string };

const packed = async (...entries: readonly Entry[]) => {
  const made = tar.pack();
  for (const { content = '', ...header } of entries) made.entry({ ...header, mtime: new Date(0) } as tar.Header, content);
  made.finalize();
  return buffer(made);
};

t.test('nothing leaves the directory that an archive is unpacked into', async (t) => {
  const world = await filesWorld(t);
  writeFileSync(join(world.session, 'outside'), 'as it was');
  mkdirSync(join(world.workspace, 'in'));
  symlinkSync('..', join(world.workspace, 'in/up'));
  const cases: readonly (readonly [readonly Entry[], string])[] = [
    [[{ name: '../outside', content: 'x' }], 'BAD_REQUEST'],
    [[{ name: 'a/../../outside', content: 'x' }], 'BAD_REQUEST'],
    [[{ name: 'up/../outside', content: 'x' }], 'BAD_REQUEST'],
    [[{ name: 'up/made', content: 'x' }], 'NOT_FOUND'],
    [
      [
        { name: 'way', type: 'symlink', linkname: world.session },
        { name: 'way/outside', content: 'x' },
      ],
      'NOT_FOUND',
    ],
    [[{ name: 'hard', type: 'link', linkname: '../../outside' }], 'BAD_REQUEST'],
    [[{ name: 'hard', type: 'link', linkname: 'up' }], 'BAD_REQUEST'],
    [[{ name: 'pipe', type: 'fifo' }], 'BAD_REQUEST'],
    [[{ name: 'device', type: 'character-device' }], 'BAD_REQUEST'],
  ];
  for (const [entries, code] of cases)
    t.match(await unpack(world, 'in', await packed(...entries)), { ok: false, refusal: { code } }, JSON.stringify(entries));
  t.equal(readFileSync(join(world.session, 'outside'), 'utf8'), 'as it was');
  t.notOk(existsSync(join(world.workspace, 'made')));
  const absolute = await packed({ name: '/etc/made', content: 'x' });
  t.match(await unpack(world, 'in', absolute), { ok: true }, 'an absolute name is below the directory');
  t.ok(existsSync(join(world.workspace, 'in/etc/made')));
  t.match(await unpack(world, '..', await packed({ name: '.raworc/x', content: 'x' })), { ok: false });
  t.same(readdirSync(join(world.session, '.raworc')), []);
});

t.test('what is no tar, or is cut off, is refused', async (t) => {
  const world = await filesWorld(t);
  t.match(await unpack(world, '', Buffer.from('x'.repeat(5000))), { refusal: { code: 'BAD_REQUEST', message: /not a tar/ } });
  const whole = await packed({ name: 'a', content: 'x'.repeat(2000) });
  t.match(await unpack(world, '', whole.subarray(0, 1500)), { refusal: { code: 'BAD_REQUEST', message: /cut off/ } });
  t.match(value(await unpack(world, '', Buffer.alloc(1024))), { files: 0 });
  symlinkSync('elsewhere', join(world.workspace, 'l'));
  t.match(value(await unpack(world, '', await packed({ name: 'l', content: 'x' }))), { files: 1 }, 'a link is replaced, not followed');
  t.ok(lstatSync(join(world.workspace, 'l')).isFile());
});
