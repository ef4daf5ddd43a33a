import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { onceUnlocked, whileLocked } from '../../../systemd/upgrade/lock.ts';

t.test('of two upgrades of one daemon at once, the second is refused; another daemon can be upgraded', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'raworc-upgrade-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const locked = (daemon: 'controller' | 'node-agent', run: () => Promise<string>) => whileLocked(daemon, run, root);
  const first = Promise.withResolvers<string>();
  const began = Promise.withResolvers<void>();
  const running = locked('controller', () => {
    began.resolve();
    return first.promise;
  });
  await began.promise;
  await t.rejects(
    locked('controller', async () => 'second'),
    /another upgrade of this controller is running. Wait until it ends/,
  );
  t.equal(await locked('node-agent', async () => 'other'), 'other');
  first.resolve('first');
  t.equal(await running, 'first');
  await t.rejects(
    locked('controller', () => Promise.reject(new Error('broken'))),
    { message: 'broken' },
  );
  t.equal(await locked('controller', async () => 'next'), 'next', 'one that failed holds nothing');
});

t.test('the guard of an upgrade waits for it, and goes on if it was killed', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'raworc-upgrade-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const file = join(root, 'node-agent.upgrade.lock');
  // It prints once it has the lock, which ends with it.
  const upgrading = spawn('sh', ['-c', 'exec 3>>"$1"; flock -x 3; echo locked; exec sleep 600', 'sh', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => upgrading.kill('SIGKILL'));
  await once(upgrading.stdout, 'data');
  let goesOn = false;
  const guard = onceUnlocked('node-agent', async () => goesOn, root);
  await t.rejects(
    whileLocked('node-agent', async () => 'second', root),
    /another upgrade/,
  );
  goesOn = true;
  upgrading.kill('SIGKILL');
  t.equal(await guard, true, 'not before');
});
