import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import type { SourceLimits } from '../../../../controller/services/agents/source-archive.ts';
import { checkSource } from '../../../../controller/services/agents/source-check.ts';
import type { Disk } from '../../../../seams/disk.ts';
import { systemDisk } from '../../../../seams/system.ts';
import { archiveOf, type Item, main, tarOf } from './source-archives.ts';

let directory = '';
t.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'raworc-source-'));
});
t.after(() => rm(directory, { recursive: true }));

const MIB = 1024 * 1024;
const LIMITS: SourceLimits = { maxPackedBytes: 4 * MIB, maxUnpackedBytes: 40 * MIB, maxFiles: 20 };
const packedPath = () => join(directory, 'packed.tar.gz');

function check(body: Readable | Uint8Array, limits = LIMITS) {
  const stream = body instanceof Readable ? body : Readable.from([body]);
  return checkSource(stream, systemDisk, { spoolPath: join(directory, 'spool'), packedPath: packedPath() }, limits);
}

async function listed(bytes: Uint8Array) {
  const extract = tar.extract();
  extract.end(gunzipSync(bytes));
  const found: string[] = [];
  for await (const item of extract) {
    const { name, type, mode, uid, gid, linkname, mtime } = item.header;
    let size = 0;
    for await (const chunk of item) size += (chunk as Uint8Array).byteLength;
    found.push(`${type} ${name}${linkname ? ` -> ${linkname}` : ''} ${mode?.toString(8)} ${uid}:${gid} ${mtime?.getTime()} ${size}`);
  }
  return found;
}

t.test('the same files make the same archive, however they were packed', async (t) => {
  const items: Item[] = [
    main,
    { name: 'bin/tool', content: '#!/bin/sh\n', mode: 0o4751 },
    { name: 'bin/', type: 'directory', mode: 0o700 },
    { name: 'alias', type: 'symlink', linkname: 'bin/../main.py' },
    { name: `long/${'n'.repeat(200)}/ü.txt`, content: 'x' },
  ];
  const first = await check(await archiveOf(items));
  const bytes = await readFile(packedPath());
  t.match(first, {
    ok: true,
    value: { files: 4, sizeBytes: bytes.byteLength, manifest: { runtime: 'python', handler: 'main.process_message' } },
  });
  t.equal(first.ok && first.value.digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  t.same(await listed(bytes), [
    'symlink alias -> bin/../main.py 777 0:0 0 0',
    'directory bin 755 0:0 0 0',
    'file bin/tool 755 0:0 0 10',
    'directory long 755 0:0 0 0',
    `directory long/${'n'.repeat(200)} 755 0:0 0 0`,
    `file long/${'n'.repeat(200)}/ü.txt 644 0:0 0 1`,
    'file main.py 644 0:0 0 58',
  ]);
  const dotted = [
    { name: './', type: 'directory' as const },
    ...items.reverse().map((item) => ({ ...item, name: `./${item.name}`, mtime: new Date(5000), uid: 7 })),
  ];
  const second = await check(await archiveOf(dotted));
  t.same(second, first);
  t.same(await readdir(directory), ['packed.tar.gz']);
});

t.test('a hard link inside becomes a file of its own, large files come through whole', async (t) => {
  const content = Buffer.from(new Uint8Array(3 * MIB).map((_, at) => (at * 7919) >> 8));
  const checked = await check(await archiveOf([main, { name: 'a/big', content }, { name: 'b', type: 'link', linkname: 'a/big' }]));
  t.ok(checked.ok);
  const all = await listed(await readFile(packedPath()));
  t.match(all, ['directory a', `file a/big 644 0:0 0 ${content.byteLength}`, `file b 644 0:0 0 ${content.byteLength}`, /main/]);
  t.ok(gunzipSync(await readFile(packedPath())).includes(content));
});

t.test('files are packed in small steps, however well they pack, to the bytes of a single one', async (t) => {
  const steps = { written: 0, read: 0 };
  const disk: Disk = {
    ...systemDisk,
    async open(path) {
      const file = await systemDisk.open(path);
      return {
        size: () => file.size(),
        allocate: (length) => file.allocate(length),
        read(position, length) {
          steps.read = Math.max(steps.read, length);
          return file.read(position, length);
        },
        write(position, bytes) {
          if (path === packedPath()) steps.written = Math.max(steps.written, bytes.byteLength);
          return file.write(position, bytes);
        },
        writeDurably: (position, bytes) => file.writeDurably(position, bytes),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
  const text = Buffer.from(Array.from({ length: 100_000 }, (_, at) => `line ${at}\n`).join(''));
  const body = Readable.from([await archiveOf([main, { name: 'text', content: text }, { name: 'noise', content: randomBytes(MIB) }])]);
  t.match(await checkSource(body, disk, { spoolPath: join(directory, 'spool'), packedPath: packedPath() }, LIMITS), { ok: true });
  t.ok(steps.written <= 32 * 1024 && steps.read <= 64 * 1024, `at most ${steps.written} bytes packed and ${steps.read} read at once`);
  const packed = await readFile(packedPath());
  t.ok(packed.equals(gzipSync(gunzipSync(packed))));
});

const refusals: Record<string, { items?: Item[]; body?: () => Promise<Uint8Array>; expect: RegExp }> = {
  'a path with ..': { items: [main, { name: 'a/../../x' }], expect: /^UNPROCESSABLE_ENTITY .*"\.\."/ },
  'a path with .. that stays inside': { items: [main, { name: 'a/../x' }], expect: /^UNPROCESSABLE_ENTITY/ },
  'an absolute path': { items: [main, { name: '/etc/passwd' }], expect: /^UNPROCESSABLE_ENTITY .*absolute/ },
  'a backslash': { items: [main, { name: 'a\\b' }], expect: /^UNPROCESSABLE_ENTITY/ },
  'a control character': { items: [main, { name: 'a\u001bb' }], expect: /^UNPROCESSABLE_ENTITY/ },
  'a long name': { items: [main, { name: 'n'.repeat(256) }], expect: /^UNPROCESSABLE_ENTITY .*255/ },
  'a long path': { items: [main, { name: 'n/'.repeat(600) }], expect: /^UNPROCESSABLE_ENTITY .*1024/ },
  'a symlink out by ..': {
    items: [main, { name: 'a/l', type: 'symlink', linkname: '../../x' }],
    expect: /^UNPROCESSABLE_ENTITY .*outside/,
  },
  'an absolute symlink': { items: [main, { name: 'l', type: 'symlink', linkname: '/etc' }], expect: /^UNPROCESSABLE_ENTITY .*outside/ },
  'a symlink out through another': {
    items: [main, { name: 'x/up', type: 'symlink', linkname: '..' }, { name: 'z', type: 'symlink', linkname: 'x/up/../y' }],
    expect: /^UNPROCESSABLE_ENTITY .*outside/,
  },
  'symlinks in a circle': {
    items: [main, { name: 'a', type: 'symlink', linkname: 'b' }, { name: 'b', type: 'symlink', linkname: 'a' }],
    expect: /^UNPROCESSABLE_ENTITY .*circular/,
  },
  'a file below a symlink': {
    items: [main, { name: 'd', type: 'symlink', linkname: '.' }, { name: 'd/x' }],
    expect: /^UNPROCESSABLE_ENTITY .*not a directory/,
  },
  'a file below a file': { items: [main, { name: 'main.py/x' }], expect: /^UNPROCESSABLE_ENTITY .*not a directory/ },
  'a hard link outside': { items: [main, { name: 'h', type: 'link', linkname: '../x' }], expect: /^UNPROCESSABLE_ENTITY .*link/ },
  'a hard link to nothing': { items: [main, { name: 'h', type: 'link', linkname: 'x' }], expect: /^UNPROCESSABLE_ENTITY .*link/ },
  'the same name twice': { items: [main, { name: './/main.py' }], expect: /^UNPROCESSABLE_ENTITY .*twice/ },
  'a device': { items: [main, { name: 'd', type: 'character-device' }], expect: /^UNPROCESSABLE_ENTITY .*device/ },
  'a pipe': { items: [main, { name: 'd', type: 'fifo' }], expect: /^UNPROCESSABLE_ENTITY .*fifo/ },
  'too many files': { items: [main, ...Array.from({ length: 20 }, (_, at) => ({ name: `f${at}` }))], expect: /^PAYLOAD_TOO_LARGE .*files/ },
  'no agent in it': { items: [{ name: 'readme' }], expect: /^UNPROCESSABLE_ENTITY .*main\.py/ },
  nothing: { body: async () => new Uint8Array(), expect: /^UNPROCESSABLE_ENTITY/ },
  'no gzip': { body: async () => Buffer.from('hello, world'), expect: /^UNPROCESSABLE_ENTITY .*gzipped/ },
  'gzip of no tar': { body: async () => gzipSync(Buffer.alloc(2048, 'x')), expect: /^UNPROCESSABLE_ENTITY .*gzipped/ },
  'a plain tar': { body: () => tarOf([main]), expect: /^UNPROCESSABLE_ENTITY .*gzipped/ },
  'a gzip cut off': { body: async () => (await archiveOf([main])).subarray(0, 60), expect: /^UNPROCESSABLE_ENTITY .*gzipped/ },
  'a tar cut off': {
    body: async () => gzipSync((await tarOf([{ name: 'main.py', content: 'x'.repeat(4000) }])).subarray(0, 2000)),
    expect: /^UNPROCESSABLE_ENTITY .*gzipped/,
  },
  'a broken checksum': {
    body: async () => {
      const bytes = await tarOf([main]);
      bytes[0] = 0x21;
      return gzipSync(bytes);
    },
    expect: /^UNPROCESSABLE_ENTITY .*gzipped/,
  },
  'too much unpacked': {
    items: [
      main,
      { name: 'z', content: Buffer.from(Array.from({ length: 64 * 1024 }, (_, at) => (at * 7919) >> 6)) },
      ...Array.from({ length: 10 }, (_, at) => ({ name: `h${at}`, type: 'link' as const, linkname: 'z' })),
    ],
    expect: /^PAYLOAD_TOO_LARGE .*unpacked/,
  },
};

for (const [name, { items, body, expect }] of Object.entries(refusals)) {
  t.test(`refused and nothing left: ${name}`, async (t) => {
    const stream = Readable.from([body ? await body() : await archiveOf(items ?? [])]);
    const checked = await check(stream, {
      ...LIMITS,
      maxUnpackedBytes: name.startsWith('too much') ? 300 * 1024 : LIMITS.maxUnpackedBytes,
    });
    t.match(checked.ok ? 'taken' : `${checked.refusal.code} ${checked.refusal.message}`, expect);
    t.same(await readdir(directory).then((left) => left.filter((one) => one !== 'packed.tar.gz')), []);
    t.equal(await systemDisk.exists(packedPath()), false);
    t.ok(stream.destroyed);
  });
}

t.test('a bomb is stopped by its ratio, and one that tells its size before anything of it is read', async (t) => {
  const limits = { ...LIMITS, maxUnpackedBytes: 512 * MIB };
  const zeroes = gzipSync(await tarOf([main, { name: 'zeroes', content: Buffer.alloc(48 * MIB) }]), { level: 1 });
  t.match(await check(zeroes, limits), { ok: false, refusal: { code: 'PAYLOAD_TOO_LARGE', details: { what: 'ratio' } } });
  const told = (await tarOf([{ name: 'zeroes', content: Buffer.alloc(513) }])).subarray(0, 512);
  told.write('77777777777', 124);
  let sum = 8 * 32;
  for (const [at, byte] of told.entries()) if (at < 148 || at >= 156) sum += byte;
  told.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  let written = 0;
  const disk = {
    ...systemDisk,
    async open(path: string) {
      const file = await systemDisk.open(path);
      return {
        ...file,
        write: (position: number, bytes: Uint8Array) => {
          written += bytes.byteLength;
          return file.write(position, bytes);
        },
      };
    },
  };
  const paths = { spoolPath: join(directory, 'spool'), packedPath: packedPath() };
  const checked = await checkSource(Readable.from([gzipSync(Buffer.concat([told, Buffer.alloc(MIB)]))]), disk, paths, limits);
  t.match(checked, { ok: false, refusal: { code: 'PAYLOAD_TOO_LARGE' } });
  t.equal(written, 0);
  t.same(await readdir(directory), []);
});

t.test('more than the packed bound is refused while it comes', async (t) => {
  let sent = 0;
  const start = gzipSync(await tarOf([{ name: 'noise', content: randomBytes(6 * MIB) }]), { level: 0 });
  function* slices() {
    for (; sent < start.byteLength; sent += 65_536) yield start.subarray(sent, sent + 65_536);
  }
  t.match(await check(Readable.from(slices())), { ok: false, refusal: { code: 'PAYLOAD_TOO_LARGE', details: { what: 'packed' } } });
  t.ok(sent < 5 * MIB, 'and the rest is not asked for');
});

t.test('an upload that is cut off is a fault and no refusal, and leaves nothing', async (t) => {
  const bytes = await archiveOf([main, { name: 'x', content: randomBytes(100_000) }]);
  const body = new Readable({ read() {} });
  body.push(bytes.subarray(0, 1000));
  setImmediate(() => body.destroy(Object.assign(new Error('cut'), { code: 'ECONNABORTED' })));
  await t.rejects(check(body), { code: 'ECONNABORTED' });
  t.same(await readdir(directory), []);
});

t.test('a disk that is full is a fault, and leaves nothing', async (t) => {
  const disk = {
    ...systemDisk,
    open: async (path: string) => ({
      ...(await systemDisk.open(path)),
      write: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
    }),
  };
  const paths = { spoolPath: join(directory, 'spool'), packedPath: packedPath() };
  await t.rejects(checkSource(Readable.from([await archiveOf([main])]), disk, paths, LIMITS), { code: 'ENOSPC' });
  t.same(await readdir(directory), []);
});
