/** Agents' processes that start with the guest, before there is a message. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildGuest } from '../../../scripts/build-guest.ts';
import { Bench } from './bench.ts';

t.test('a guest that is told to starts its agents with the welcome, and the first message finds them', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-bundle-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  await buildGuest(directory);
  const host = new Bench(join(directory, 'guest.mjs'));
  t.teardown(() => host.close());
  host.startsWorkers = true;
  await host.listen();
  host.start();
  await host.welcome();
  t.match((await host.next('workers')).value.workers, [{ agent: 'echo' }]);
  host.deliver(1);
  t.match((await host.next('answer')).value, { outcome: 'REPLY', content: /^hello from \d+$/ });
});
