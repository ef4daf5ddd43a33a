/** Files of E2B's SDKs, unmodified, in containers. */
import { hash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import t from 'tap';
import { loadSdk, type SdkVersion } from '../sdks.ts';
import { startSandboxes } from './sandboxes.ts';

t.setTimeout(600_000);
const { template } = await startSandboxes(t);

for (const version of ['first', 'second'] satisfies SdkVersion[]) {
  const { Sandbox, FileNotFoundError, InvalidArgumentError, FilesystemEventType } = (await loadSdk(version))('e2b');
  const sandbox = await Sandbox.create(template);
  const { files, commands } = sandbox;
  const out = async (command: string): Promise<string> => (await commands.run(command)).stdout;

  t.test(`${version}: reading and writing`, async (t) => {
    t.match(await files.write('a.txt', 'hello'), { name: 'a.txt', path: '/home/user/a.txt', type: 'file' }, 'relative to the home');
    t.equal(await out('stat -c "%U %G %a" ~/a.txt; cat a.txt'), 'user user 644\nhello');
    t.equal(await files.read('~/a.txt'), 'hello');
    await files.write('/tmp/new/sub/b.txt', 'parents are made');
    t.equal(await out('stat -c %U /tmp/new/sub /tmp/new/sub/b.txt'), 'user\nuser\n');
    await files.write('a.txt', '');
    t.equal(await files.read('a.txt'), '', 'empty');
    t.same(await files.read('a.txt', { format: 'bytes' }), new Uint8Array());
    const bytes = new Uint8Array(randomBytes(3_000_000));
    await files.write('b.bin', bytes.buffer);
    t.equal(Buffer.compare(await files.read('b.bin', { format: 'bytes' }), bytes), 0);
    t.equal((await files.read('b.bin', { format: 'blob' })).size, 3_000_000);
    const written = await files.write([
      { path: '/tmp/m/1', data: 'one' },
      { path: '/tmp/m/2', data: new Blob(['two']) },
    ]);
    t.same(
      written.map(({ path }: { path: string }) => path),
      ['/tmp/m/1', '/tmp/m/2'],
    );
    const odd = '/tmp/m/ä b%20\'"&?#+.txt';
    await files.write(odd, 'odd');
    t.equal(await files.read(odd), 'odd');
    await t.rejects(files.read('/no/such'), FileNotFoundError);
    await t.rejects(files.read('/tmp'), InvalidArgumentError);
    await t.rejects(files.write('/tmp', 'x'));
    await files.write('z', 'packed', { gzip: true });
    t.same([await files.read('z'), await files.read('z', { gzip: true }), await out('cat z')], ['packed', 'packed', 'packed']);
    t.match(await files.read('/proc/self/status'), /^Name:/, 'whose size is not known');
  });

  t.test(`${version}: as root`, async (t) => {
    await t.rejects(files.write('/etc/of-user', 'x'), 'not as user');
    await files.write('/etc/of-root', 'x', { user: 'root' });
    t.equal(await out('stat -c %U /etc/of-root'), 'root\n');
    await files.write('mine', 'x', { user: 'root' });
    t.equal(await files.exists('/root/mine', { user: 'root' }), true, 'relative to its home');
    await t.rejects(files.write('x', 'x', { user: 'nobody-here' }), { message: /nobody-here/ });
  });

  t.test(`${version}: listing and changing`, async (t) => {
    await commands.run('mkdir -p /tmp/l/d/e && cd /tmp/l && echo abc > f && ln -s d to-d && ln -s none broken && chmod 600 f');
    t.match(await files.list('/tmp/l'), [
      { name: 'd', type: 'dir', path: '/tmp/l/d' },
      { name: 'f', type: 'file', size: 4, permissions: '-rw-------', mode: 0o600, owner: 'user', group: 'user' },
      { name: 'to-d', type: 'dir', symlinkTarget: '/tmp/l/d' },
    ]);
    const deep = await files.list('/tmp/l', { depth: 2 });
    t.ok(deep.some(({ path }: { path: string }) => path === '/tmp/l/d/e'));
    t.match(await files.getInfo('/tmp/l/f'), { name: 'f', size: 4, modifiedTime: Date });
    t.same([await files.makeDir('/tmp/l/x/y'), await files.makeDir('/tmp/l/x/y')], [true, false]);
    t.match(await files.rename('/tmp/l/f', '/tmp/l/x/g'), { path: '/tmp/l/x/g' });
    t.same([await files.exists('/tmp/l/f'), await files.exists('/tmp/l/x/g')], [false, true]);
    await files.remove('/tmp/l');
    await files.remove('/tmp/l');
    t.equal(await files.exists('/tmp/l'), false);
    await t.rejects(files.list('/tmp/l'), FileNotFoundError);
    await t.rejects(files.getInfo('/tmp/l'), FileNotFoundError);
    await t.rejects(files.list('~/a.txt'), InvalidArgumentError);
  });

  t.test(`${version}: watching`, async (t) => {
    await files.makeDir('/tmp/w');
    const seen: { name: string; type: string }[] = [];
    const changed = new EventEmitter();
    const has = async (name: string, type: string) => {
      while (!seen.some((event) => event.name === name && event.type === type))
        await once(changed, 'event', { signal: AbortSignal.timeout(10_000) }).catch(() => {
          throw new Error(`no ${type} of ${name} in ${JSON.stringify(seen)}`);
        });
    };
    const watch = async (path: string, options: object) =>
      files.watchDir(
        path,
        (event: { name: string; type: string }) => {
          seen.push(event);
          changed.emit('event');
        },
        options,
      );
    const handle = await watch('/tmp/w', { recursive: true, timeoutMs: 0 });
    await files.write('/tmp/w/a', '1');
    await has('a', FilesystemEventType.WRITE);
    await commands.run('mkdir /tmp/w/d');
    await has('d', FilesystemEventType.CREATE);
    await files.write('/tmp/w/d/b', '2');
    await has('d/b', FilesystemEventType.WRITE);
    await commands.run('chmod 600 /tmp/w/a');
    await has('a', FilesystemEventType.CHMOD);
    await files.rename('/tmp/w/a', '/tmp/w/c');
    await Promise.all([has('a', FilesystemEventType.RENAME), has('c', FilesystemEventType.CREATE)]);
    await files.remove('/tmp/w/c');
    await has('c', FilesystemEventType.REMOVE);
    await handle.stop();
    await t.rejects(watch('/no/such', {}), FileNotFoundError);
  });

  t.test(`${version}: large files, and signed URLs`, async (t) => {
    const mib = randomBytes(1024 * 1024);
    const whole = Buffer.concat(Array.from({ length: 64 }, () => mib));
    await files.write('/tmp/large', new Blob([whole]));
    const sum = hash('sha256', whole);
    t.equal(await out('sha256sum < /tmp/large'), `${sum}  -\n`);
    const parts: Uint8Array[] = [];
    for await (const part of await files.read('/tmp/large', { format: 'stream' })) parts.push(part);
    t.equal(hash('sha256', Buffer.concat(parts)), sum);

    const form = new FormData();
    form.append('file', new Blob(['by url']), 'u.txt');
    const upload = await sandbox.uploadUrl('/tmp/u.txt', { useSignatureExpiration: 60_000 });
    t.equal((await fetch(upload, { method: 'POST', body: form })).status, 200);
    const asRoot = await fetch(await sandbox.uploadUrl('u.txt', { user: 'root' }), { method: 'POST', body: form });
    t.same(await asRoot.json(), [{ name: 'u.txt', path: '/root/u.txt', type: 'file' }]);
    const get = async (url: string) => {
      const { status, ...answer } = await fetch(url).then(async (all) => ({ status: all.status, text: await all.text() }));
      return [status, answer.text];
    };
    t.same(await get(await sandbox.downloadUrl('/tmp/u.txt')), [200, 'by url']);
    t.same(await get(await sandbox.downloadUrl('/tmp/u.txt', { user: 'root' })), [200, 'by url']);
    const wrong = (await sandbox.downloadUrl('/tmp/u.txt')).replace('u.txt', 'v.txt');
    t.match(await get(wrong), [401, /invalid signature/]);
    const past = await sandbox.downloadUrl('/tmp/u.txt', { useSignatureExpiration: -120 });
    t.same(await get(past), [401, '{"code":401,"message":"signature is already expired"}']);
    t.match(await get(upload), [401, /invalid signature/], 'another operation');
    const [from] = await Promise.all([fetch(await sandbox.downloadUrl('/tmp/u.txt'), { headers: { range: 'bytes=3-4' } })]);
    t.same([from.status, await from.text()], [206, 'ur']);
    await sandbox.kill();
    t.match(await get(upload), [401, /invalid signature/], 'its sandbox is gone');
  });
}
