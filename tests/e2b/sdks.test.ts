/** E2B's own SDKs, unmodified, against a controller with a pretended node. */
import t from 'tap';
import { openTarget } from '../contract/target.ts';
import { loadSdk, type SdkVersion } from './sdks.ts';

t.setTimeout(600_000);

t.before(async () => {
  const target = await openTarget(t, { e2b: true });
  await target.rest.call('PATCH', '/spaces/default', { settings: { profiles: ['locked', 'workstation'] } });
  const { body } = await target.rest.call('POST', '/api-keys', { name: 'sdk' });
  process.env.E2B_API_KEY = (body as { e2b_key: string }).e2b_key;
  process.env.E2B_API_URL = target.e2b;
  process.env.E2B_SANDBOX_URL = target.e2b;
});

const noMore = async (listed: { nextItems(): Promise<readonly unknown[]>; hasNext: boolean }) => {
  const items = await listed.nextItems();
  return [items.length, listed.hasNext];
};

for (const version of ['first', 'second'] satisfies SdkVersion[]) {
  t.test(`the SDK of the ${version} version: life cycle, lists and copies`, async (t) => {
    const { Sandbox, SandboxError } = (await loadSdk(version))('e2b');
    const metadata = { of: version, 'a b&c': 'x=1%' };
    const sandbox = await Sandbox.create({ metadata, timeoutMs: 60_000 });
    t.equal(await sandbox.isRunning(), true);
    t.equal(sandbox.getHost(3000), `3000-${sandbox.sandboxId}.sbx.test:3443`);
    t.match(await sandbox.getInfo(), { state: 'running', metadata });
    await sandbox.setTimeout(30_000);
    t.same(await noMore(Sandbox.list({ query: { metadata, state: ['running'] } })), [1, false]);
    t.same([await sandbox.pause(), await sandbox.pause(), await sandbox.isRunning()], [true, false, false]);
    t.same(await noMore(Sandbox.list({ query: { metadata, state: ['paused'] } })), [1, false]);
    const again = await Sandbox.connect(sandbox.sandboxId);
    t.equal(await again.isRunning(), true);
    const { snapshotId } = await again.createSnapshot();
    const copy = await Sandbox.create(snapshotId);
    t.equal(await copy.kill(), true);
    t.same([await again.kill(), await again.kill()], [true, false]);
    await t.rejects(Sandbox.create({ allowInternetAccess: false }), SandboxError);
    await t.rejects(Sandbox.create('unheard-of'), { message: /404/ });
    t.equal(await Sandbox.kill('nonexistingsandbox'), false);
  });

  t.test(`the SDK of the ${version} version: files, and signed URLs`, async (t) => {
    const { Sandbox, FileNotFoundError } = (await loadSdk(version))('e2b');
    const sandbox = await Sandbox.create();
    const at = `/tmp/of-${version}`;
    t.match(await sandbox.files.write(`${at}/a.txt`, 'hello'), { name: 'a.txt', path: `${at}/a.txt` });
    t.equal(await sandbox.files.read(`${at}/a.txt`), 'hello');
    t.match(await sandbox.files.list(at), [{ name: 'a.txt', type: 'file', path: `${at}/a.txt`, size: 5 }]);
    t.same([await sandbox.files.makeDir(`${at}/d`), await sandbox.files.makeDir(`${at}/d`)], [true, false]);
    t.match(await sandbox.files.rename(`${at}/a.txt`, `${at}/d/b.txt`), { path: `${at}/d/b.txt` });
    t.same([await sandbox.files.exists(`${at}/a.txt`), await sandbox.files.exists(`${at}/d/b.txt`)], [false, true]);
    await sandbox.files.remove(`${at}/d`);
    await t.rejects(sandbox.files.read(`${at}/d/b.txt`), FileNotFoundError);
    const form = new FormData();
    form.append('file', new Blob(['by url']), 'u.txt');
    const upload = await sandbox.uploadUrl(`${at}/u.txt`, { useSignatureExpiration: 60_000 });
    t.equal((await fetch(upload, { method: 'POST', body: form })).status, 200);
    t.equal(await (await fetch(await sandbox.downloadUrl(`${at}/u.txt`))).text(), 'by url');
    await sandbox.kill();
  });

  t.test(`the SDK of the ${version} version: commands`, async (t) => {
    const { Sandbox } = (await loadSdk(version))('e2b');
    const sandbox = await Sandbox.create();
    t.match(await sandbox.commands.run('true'), { exitCode: 0 });
    t.same(await sandbox.commands.list(), []);
    await sandbox.kill();
    await t.rejects(sandbox.commands.run('true'), { message: /not running|not found|killed/i });
  });
}

t.test('ComputeSDK and the code interpreter', async (t) => {
  const load = await loadSdk('second');
  const provider = load('@computesdk/e2b').e2b({ apiKey: process.env.E2B_API_KEY });
  const sandbox = await provider.sandbox.create({ timeout: 300_000 });
  t.match(sandbox.sandboxId, /^[0-9a-f-]{36}$/);
  await provider.sandbox.destroy(sandbox.sandboxId);
  const { Sandbox } = load('@e2b/code-interpreter');
  await t.rejects(Sandbox.create(), { message: /code-interpreter-v1 does not exist/ }, 'its image must be allowed first');
});
