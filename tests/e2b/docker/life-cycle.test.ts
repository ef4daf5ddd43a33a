/** The life of sandboxes by E2B's SDKs, unmodified, in containers. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { loadSdk, type SdkVersion } from '../sdks.ts';
import { startSandboxes } from './sandboxes.ts';

t.setTimeout(900_000);
const { template, cluster } = await startSandboxes(t);

interface Listed {
  readonly sandboxId: string;
  readonly state: string;
}

for (const version of ['first', 'second'] satisfies SdkVersion[]) {
  const load = await loadSdk(version);
  const { Sandbox, NotFoundError, SandboxError } = load('e2b');
  type SandboxObject = InstanceType<typeof Sandbox>;

  async function untilState(sandbox: SandboxObject, state: string): Promise<void> {
    while ((await sandbox.getInfo().catch(() => ({ state: 'gone' }))).state !== state) await delay(100);
  }
  async function listed(query: object): Promise<Listed[]> {
    const pages = Sandbox.list({ limit: 1, query });
    const all: Listed[] = [];
    while (pages.hasNext) all.push(...(await pages.nextItems()));
    return all;
  }
  const COUNTER = 'i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.05; done';
  const ticks = async (sandbox: SandboxObject): Promise<number> => Number((await sandbox.commands.run('cat /tmp/count')).stdout);

  t.test(`${version}: create, connect, list by pages, and kill`, async (t) => {
    const metadata = { of: version, 'a b&c': 'x=1%ü' };
    const made: SandboxObject[] = [];
    for (let count = 0; count < 3; count += 1) made.push(await Sandbox.create(template, { metadata, timeoutMs: 60_000 }));
    const ids = made.map(({ sandboxId }) => sandboxId);
    const [first, second] = made;
    await second.pause();
    const idsOf = async (query: object) => (await listed(query)).map(({ sandboxId }) => sandboxId);
    t.same(await idsOf({ metadata }), ids.toReversed(), 'the newest first');
    t.same(await idsOf({ metadata, state: ['running'] }), [ids[2], ids[0]]);
    t.same(await idsOf({ metadata, state: ['paused'] }), [ids[1]]);
    t.same(await idsOf({ metadata: { of: 'nobody' } }), []);
    const info = await first.getInfo();
    t.match(info, { state: 'running', metadata, templateId: template, cpuCount: Number, memoryMB: Number, startedAt: Date });
    t.ok(info.endAt - info.startedAt >= 60_000 && info.endAt - Date.now() <= 60_000);
    const again = await Sandbox.connect(ids[0], { timeoutMs: 120_000 });
    t.equal((await again.commands.run('echo connected')).stdout, 'connected\n');
    const later = await first.getInfo();
    t.ok(later.endAt - info.endAt > 55_000, 'connecting extends');
    for (const one of made) t.equal(await one.kill(), true);
    t.equal(await first.kill(), false);
    t.same([await idsOf({ metadata }), await first.isRunning()], [[], false]);
    await t.rejects(Sandbox.connect(ids[0]), NotFoundError);
  });

  t.test(`${version}: pause freezes processes, and resume has them alive`, async (t) => {
    const sandbox = await Sandbox.create(template);
    const process = await sandbox.commands.run(COUNTER, { background: true, timeoutMs: 0 });
    while ((await ticks(sandbox).catch(() => 0)) < 3);
    const before = await ticks(sandbox);
    t.same([await sandbox.pause(), await sandbox.pause(), await sandbox.isRunning()], [true, false, false]);
    await t.rejects(sandbox.commands.run('true'));
    await delay(2000);
    const again = await Sandbox.connect(sandbox.sandboxId);
    const after = await ticks(again);
    t.ok(after >= before && after < before + 30, `it stood still: ${before}, ${after}`);
    while ((await ticks(again)) <= after);
    t.match(await again.commands.list(), [{ pid: process.pid }]);
    t.equal(await again.commands.kill(process.pid), true);
    await again.kill();
  });

  t.test(`${version}: the end of its time kills or pauses it, and a request resumes it`, async (t) => {
    const killed = await Sandbox.create(template, { timeoutMs: 2000 });
    await untilState(killed, 'gone');
    await t.rejects(killed.commands.run('true'));

    const pausing = await Sandbox.create(template, { timeoutMs: 60_000, lifecycle: { onTimeout: 'pause', autoResume: true } });
    await pausing.files.write('/tmp/kept', 'kept');
    await pausing.commands.run(COUNTER, { background: true, timeoutMs: 0 });
    await pausing.setTimeout(1000);
    await untilState(pausing, 'paused');
    t.equal(await pausing.files.read('/tmp/kept'), 'kept', 'a request for a file resumes it');
    t.equal((await pausing.getInfo()).state, 'running');
    t.match(await pausing.commands.list(), [{ args: ['-l', '-c', COUNTER] }]);
    await pausing.pause();
    t.match(await pausing.commands.run('cat /tmp/kept'), { stdout: 'kept' }, 'a command, too');
    await pausing.kill();
  });

  t.test(`${version}: forks and snapshots have the files`, async (t) => {
    const sandbox = await Sandbox.create(template, { metadata: { of: 'snapshot' }, envs: { KEPT: 'env' } });
    await sandbox.files.write('/home/user/f', 'original');
    const { snapshotId } = await sandbox.createSnapshot();
    await sandbox.files.write('/home/user/f', 'changed');
    const copy = await Sandbox.create(snapshotId);
    t.equal((await copy.commands.run('cat ~/f')).stdout, 'original');
    await copy.files.write('/home/user/f', 'of the copy');
    t.equal(await sandbox.files.read('/home/user/f'), 'changed');
    const pages = sandbox.listSnapshots();
    t.match(await pages.nextItems(), [{ snapshotId }]);
    t.same([await Sandbox.deleteSnapshot(snapshotId), await Sandbox.deleteSnapshot(snapshotId)], [true, false]);
    await t.rejects(Sandbox.create(snapshotId), { message: /404/ });
    if (typeof sandbox.fork === 'function') {
      const forks = await sandbox.fork({ count: 2 });
      t.equal(forks.length, 2);
      for (const fork of forks) {
        t.equal((await fork.commands.run('cat ~/f; echo $KEPT')).stdout, 'changedenv\n');
        t.equal(await fork.kill(), true);
      }
    }
    await copy.kill();
    await sandbox.kill();
  });

  t.test(`${version}: metrics`, async (t) => {
    const sandbox = await Sandbox.create(template);
    const [now, ...more] = await sandbox.getMetrics();
    t.same(more, []);
    t.match(now, { timestamp: Date, cpuCount: Number, cpuUsedPct: Number, memUsed: Number, memTotal: Number, diskUsed: Number });
    t.ok(now.memUsed > 1e6 && now.memUsed < now.memTotal && now.diskTotal > now.diskUsed, JSON.stringify(now));
    const hour = 3_600_000;
    t.same(await sandbox.getMetrics({ start: new Date(Date.now() - 2 * hour), end: new Date(Date.now() - hour) }), []);
    await sandbox.kill();
  });

  t.test(`${version}: a pause without memory keeps only the disk`, async (t) => {
    const sandbox = await Sandbox.create(template);
    await sandbox.files.write('/home/user/f', 'kept');
    await sandbox.commands.run('sleep 1000', { background: true, timeoutMs: 0 });
    await sandbox.pause({ keepMemory: false });
    t.match(await sandbox.getInfo(), { state: 'paused' });
    const again = await Sandbox.connect(sandbox.sandboxId);
    t.same([await again.files.read('/home/user/f'), await again.commands.list()], ['kept', []]);
    await again.kill();
  });

  t.test(`${version}: a controller that restarts loses no time limit and no process`, async (t) => {
    const sandbox = await Sandbox.create(template, { timeoutMs: 30_000 });
    const { endAt } = await sandbox.getInfo();
    const limited = await sandbox.commands.run('exec sleep 4444', { background: true, timeoutMs: 5000 });
    const free = await sandbox.commands.run('exec sleep 4445', { background: true, timeoutMs: 0 });
    for (const handle of [limited, free]) handle.wait().catch(() => undefined);
    await cluster.controller.end('SIGKILL');
    await cluster.startController();
    const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 1000 });
    t.same((await again.getInfo()).endAt, endAt);
    // Until its node has connected again, nothing answers.
    const pids = async (): Promise<number[]> =>
      again.commands.list().then(
        (found: { pid: number }[]) => found.map(({ pid }) => pid),
        () => [],
      );
    while ((await pids()).length !== 1) await delay(100);
    t.same(await pids(), [free.pid], 'the limit of a command holds');
    await untilState(again, 'gone');
    t.ok(Date.now() - endAt > -500, 'it ends when it was to end');
  });

  t.test(`${version}: what Raworc does not keep is refused`, async (t) => {
    await t.rejects(Sandbox.create(template, { allowInternetAccess: false }), { message: /400/ });
    await t.rejects(Sandbox.create(template, { network: { denyOut: ['10.0.0.0/8'] } }), { message: /400/ });
    await t.rejects(Sandbox.create(template, { network: { allowPublicTraffic: false } }), { message: /400/ });
    await t.rejects(Sandbox.create('unheard-of'), SandboxError);
  });
}

t.test('ports, by header and by host', async (t) => {
  const { Sandbox } = (await loadSdk('second'))('e2b');
  const sandbox = await Sandbox.create(template);
  await sandbox.files.write('/tmp/www/index.html', 'served');
  await sandbox.commands.run('exec python3 -m http.server 8000 --bind 127.0.0.1 -d /tmp/www', { background: true, timeoutMs: 0 });
  const url = new URL(process.env.E2B_SANDBOX_URL ?? '');
  const byHeader = (port: number) => fetch(url, { headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'e2b-sandbox-port': String(port) } });
  for (;;) {
    const found = await byHeader(8000);
    if (found.status === 200) {
      t.equal(await found.text(), 'served');
      break;
    }
    t.same(
      [found.status, await found.json()],
      [502, { sandboxId: sandbox.sandboxId, message: 'The sandbox is running but the port is not open', port: 8000, code: 502 }],
    );
  }
  const { request } = await import('node:http');
  const host = sandbox.getHost(8000);
  t.equal(host, `8000-${sandbox.sandboxId}.sbx.test:${url.port}`);
  const status = await new Promise((resolve, reject) => {
    request({ host: url.hostname, port: url.port, headers: { host } }, ({ statusCode }) => resolve(statusCode))
      .on('error', reject)
      .end();
  });
  t.equal(status, 200);
  await sandbox.kill();
  t.equal((await byHeader(8000)).status, 502);
});

t.test("ComputeSDK's measure: create, `node -v`, destroy", async (t) => {
  const { e2b } = (await loadSdk('second'))('@computesdk/e2b');
  const provider = e2b({ apiKey: process.env.E2B_API_KEY });
  const sandbox = await provider.sandbox.create({ timeout: 300_000, templateId: template });
  t.match(await sandbox.runCommand('node -v'), { exitCode: 0, stdout: /^v\d+/ });
  await provider.sandbox.destroy(sandbox.sandboxId);
});
