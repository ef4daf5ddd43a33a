/** Files that want to hang, fool or fill the process that reads and writes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { bytesOf } from '../../../../proto/streams/files-paths.ts';
import { type FilesWorld, filesWorld, value } from './files-world.ts';

t.setTimeout(120_000);
const helperOf = ({ session }: FilesWorld): number => Number(execFileSync('pgrep', ['-f', `main.ts ${session}$`]));
const NEW = { parents: false, isNew: false };

t.test('pipes, sockets, devices and directories have no content, and nothing waits for them', async (t) => {
  const world = await filesWorld(t);
  execFileSync('mkfifo', [join(world.workspace, 'pipe')]);
  // By a relative path: the absolute one is too long for a socket.
  const listen = "require('node:net').createServer().listen('socket', () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ['-e', listen], { cwd: world.workspace });
  symlinkSync('/dev/zero', join(world.workspace, 'zero'));
  symlinkSync('pipe', join(world.workspace, 'way'));
  for (const path of ['pipe', 'socket', 'zero', 'way', '/dev/tty', '.', '/proc/self/fd/3']) {
    t.match(await world.files.read(world.to, { path }), { ok: false, refusal: { code: /CONFLICT|NOT_FOUND/ } }, path);
    t.match(await world.write(path, 'x'), { ok: false, refusal: { code: /CONFLICT|NOT_FOUND/ } }, path);
  }
  t.match(value(await world.files.change(world.to, { op: 'stat', path: 'pipe' })), { entry: { type: 'fifo' } });
  const listed = value(await world.files.list(world.to, { path: '', depth: 2, limit: 10 }));
  t.same(listed.entries.map(({ type }) => type).sort(), ['fifo', 'socket', 'symlink', 'symlink']);
});

t.test('the memory of the helper cannot be read or written, and files of /proc are read to their end', async (t) => {
  const world = await filesWorld(t);
  t.match(await world.files.read(world.to, { path: '/proc/self/mem' }), { refusal: { code: 'CONFLICT' } });
  t.match(await world.files.read(world.to, { path: '/proc/self/mem', range: { start: 4_194_304, end: 4_194_404 } }), {
    refusal: { code: 'RANGE_NOT_SATISFIABLE' },
  });
  t.notOk((await world.write('/proc/self/mem', 'x')).ok);
  const status = value(await world.files.read(world.to, { path: '/proc/self/status' }));
  t.equal(status.length, null);
  t.match(String(await buffer(status.bytes)), /^Name:/);
});

t.test('a file that grows ends where it ended, and one that shrinks is an error', async (t) => {
  const world = await filesWorld(t);
  const at = join(world.workspace, 'grows');
  writeFileSync(at, Buffer.alloc(3_000_000, 'a'));
  const grows = value(await world.files.read(world.to, { path: 'grows' }));
  appendFileSync(at, Buffer.alloc(3_000_000, 'b'));
  t.equal((await buffer(grows.bytes)).byteLength, 3_000_000);
  const shrinks = value(await world.files.read(world.to, { path: 'grows' }));
  truncateSync(at, 100);
  await t.rejects(buffer(shrinks.bytes), { message: /became shorter/ });
});

t.test('a directory that is swapped for a link during a write leads nowhere else', async (t) => {
  const world = await filesWorld(t);
  mkdirSync(join(world.workspace, 'd'));
  mkdirSync(join(world.session, 'other'));
  writeFileSync(join(world.session, 'other/f'), 'theirs');
  const body = new PassThrough();
  const writing = world.files.write(world.to, { path: 'd/f', ...NEW }, body);
  body.write('first');
  while (readdirSync(join(world.workspace, 'd')).length === 0) await new Promise((resolve) => setImmediate(resolve));
  renameSync(join(world.workspace, 'd'), join(world.workspace, 'moved'));
  symlinkSync('../other', join(world.workspace, 'd'));
  body.end('second');
  t.match(await writing, { ok: true });
  t.equal(String(await world.read('moved/f')), 'firstsecond');
  t.same(readdirSync(join(world.session, 'other')), ['f']);
  t.equal(String(await world.read('../other/f')), 'theirs');
});

t.test('an upload that is cut off changes nothing and leaves nothing', async (t) => {
  const world = await filesWorld(t);
  await world.write('f', 'old');
  const body = new PassThrough();
  const writing = world.files.write(world.to, { path: 'f', ...NEW }, body);
  body.write('new');
  while (readdirSync(world.workspace).length < 2) await new Promise((resolve) => setImmediate(resolve));
  body.destroy(new Error('the client has gone'));
  t.match(await writing, { refusal: { code: 'UNAVAILABLE' } });
  while (readdirSync(world.workspace).length > 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal(String(await world.read('f')), 'old');
  const ending = new AbortController();
  const aborted = world.files.write(world.toWith(ending.signal), { path: 'f', ...NEW }, new PassThrough());
  ending.abort();
  t.match(await aborted, { ok: false });
  while (world.path.left() > 0) await new Promise((resolve) => setImmediate(resolve));
});

t.test('a slow reader holds little of a large file, and an early end frees it', async (t) => {
  const world = await filesWorld(t);
  writeFileSync(join(world.workspace, 'large'), Buffer.alloc(30_000_000, 'z'));
  const { bytes } = value(await world.files.read(world.to, { path: 'large' }));
  let read = 0;
  for await (const piece of bytes) {
    read += piece.byteLength;
    if (read > 2_000_000) break;
  }
  while (world.path.left() > 0) await new Promise((resolve) => setImmediate(resolve));
  t.pass('nothing is open');
});

t.test('a download goes on where it was when the processes of a session freeze in the middle, as in a pause', async (t) => {
  const world = await filesWorld(t);
  const content = Buffer.alloc(20_000_000, 'some bytes of a period that no frame has');
  writeFileSync(join(world.workspace, 'large'), content);
  const { bytes } = value(await world.files.read(world.to, { path: 'large' }));
  const pieces: Buffer[] = [];
  const feed = bytes[Symbol.asyncIterator]();
  const next = async () => {
    const { value: piece } = await feed.next();
    if (piece !== undefined) pieces.push(piece);
    return piece;
  };
  await next();
  const helper = helperOf(world);
  process.kill(helper, 'SIGSTOP');
  // What was sent before still comes. Then the reader waits, and nothing fails.
  let waiting = next();
  const isFrozen = () => Promise.race([waiting.then(() => false), new Promise<true>((resolve) => setTimeout(resolve, 300, true))]);
  while (!(await isFrozen())) waiting = next();
  t.ok(Buffer.concat(pieces).byteLength < content.byteLength, 'in the middle');
  process.kill(helper, 'SIGCONT');
  while ((await waiting) !== undefined) waiting = next();
  t.ok(Buffer.concat(pieces).equals(content), 'every byte once');
});

t.test('a helper that is killed or stopped is replaced', async (t) => {
  const world = await filesWorld(t);
  await world.write('f', 'x');
  const reading = value(await world.files.read(world.to, { path: '/proc/self/status' }));
  process.kill(helperOf(world), 'SIGKILL');
  await buffer(reading.bytes).catch(() => undefined);
  const again = await world.files.read(world.to, { path: 'f' });
  if (!again.ok) t.equal(again.refusal.code, 'UNAVAILABLE');
  t.equal(String(await world.read('f')), 'x');
  t.equal(world.spawned, 2);
});

t.test('a large directory is listed in pages without being held', async (t) => {
  const world = await filesWorld(t);
  const many = join(world.workspace, 'many');
  mkdirSync(many);
  for (let n = 0; n < 5000; n += 1) writeFileSync(join(many, `f${n}`), '');
  const seen = new Set<string>();
  let after: string | undefined;
  do {
    const page = value(await world.files.list(world.to, { path: 'many', depth: 1, limit: 700, ...(after === undefined ? {} : { after }) }));
    for (const { path } of page.entries) seen.add(path);
    after = page.next;
  } while (after !== undefined);
  t.equal(seen.size, 5000);
  rmSync(many, { recursive: true });
});

t.test('changes are told as they happen, and what is lost is said', async (t) => {
  const world = await filesWorld(t);
  mkdirSync(join(world.workspace, 'd'));
  const { lines } = value(await world.files.watch(world.to, { path: '', recursive: true }));
  const feed = lines[Symbol.asyncIterator]();
  const next = async () => (await feed.next()).value;
  const until = async (wanted: (line: Exclude<Awaited<ReturnType<typeof next>>, undefined>) => boolean) => {
    for (;;) {
      const line = await next();
      if (line === undefined) throw new Error('the watch ended');
      if (wanted(line)) return line;
    }
  };
  t.equal(await next(), 'ready');
  const change = (kind: string, path: string) => until((line) => typeof line === 'object' && line.change === kind && line.path === path);
  writeFileSync(join(world.workspace, 'd/a'), 'x');
  t.match(await change('created', 'd/a'), { entry: { type: 'file' } });
  execFileSync('chmod', ['700', join(world.workspace, 'd/a')]);
  t.match(await change('attributes', 'd/a'), { entry: { mode: 0o700 } });
  mkdirSync(join(world.workspace, 'n/e/w'), { recursive: true });
  writeFileSync(join(world.workspace, 'n/e/w/f'), 'x');
  await change('created', 'n/e/w/f');
  renameSync(join(world.workspace, 'd/a'), join(world.workspace, 'n/b'));
  t.match(await change('removed', 'd/a'), { renamedTo: 'n/b' }, 'a rename');
  t.match(await change('created', 'n/b'), { entry: { mode: 0o700 } });
  renameSync(join(world.workspace, 'n/e'), join(world.workspace, 'n/o'));
  t.match(await change('removed', 'n/e'), { renamedTo: 'n/o' }, 'of a directory');
  await change('created', 'n/o/w/f');
  renameSync(join(world.workspace, 'n/o/w/f'), join(world.workspace, 'n/o/w/g'));
  t.match(await change('removed', 'n/o/w/f'), { renamedTo: 'n/o/w/g' }, 'what is below is followed under its new name');
  rmSync(join(world.workspace, 'n/b'));
  writeFileSync(join(world.workspace, 'n/c'), 'x');
  t.same(await change('removed', 'n/b'), { change: 'removed', path: 'n/b' }, 'a removal before a creation is none');
  await change('created', 'n/c');
  writeFileSync(join(world.workspace, 'd/a'), 'x');
  await change('created', 'd/a');
  rmSync(join(world.workspace, 'd/a'));
  await change('removed', 'd/a');
  const helper = helperOf(world);
  process.kill(helper, 'SIGSTOP');
  for (let n = 0; n < 7000; n += 1) writeFileSync(join(world.workspace, `n/${n}${'x'.repeat(180)}`), '');
  process.kill(helper, 'SIGCONT');
  // More than fits into what a reader can be behind. When these are answered, all of it was seen.
  for (let n = 0; n < 3; n += 1) value(await world.files.change(world.to, { op: 'stat', path: 'n' }));
  await until((line) => line === 'lost');
  await feed.return?.(undefined);
  t.pass('told that changes were lost');
});

t.test('a path that is no path is refused', async (t) => {
  const world = await filesWorld(t);
  t.match(await world.files.read(world.to, { path: 'x'.repeat(300) }), { refusal: { code: 'BAD_REQUEST' } });
  t.match(await world.files.write(world.to, { path: '/', ...NEW }, Readable.from([])), { refusal: { code: 'CONFLICT' } });
  t.match(await world.files.read(world.to, { path: bytesOf('none/\u202e') }), { refusal: { code: 'NOT_FOUND', message: /^[^\u202e]*$/ } });
});
