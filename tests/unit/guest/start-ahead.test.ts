/** Agents' processes that start with the guest, before there is a message. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildGuest } from '../../../scripts/build-guest.ts';
import { Bench } from './bench.ts';

async function bench(t: Test): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-bundle-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  await buildGuest(directory);
  const host = new Bench(join(directory, 'guest.mjs'));
  t.teardown(() => host.close());
  host.startsWorkers = true;
  await host.listen();
  return host;
}

t.test('when asked, a guest starts its agents as soon as it is welcomed, and the first message finds them running', async (t) => {
  const host = await bench(t);
  host.start();
  await host.welcome();
  t.match((await host.next('workers')).value.workers, [{ agent: 'echo' }]);
  host.deliver(1);
  t.match((await host.next('answer')).value, { outcome: 'REPLY', content: /^hello from \d+$/ });
});

t.test('an agent that was stopped since stays so, whatever a later welcome says', async (t) => {
  const host = await bench(t);
  const [echo] = host.agents;
  if (echo === undefined) throw new Error('no agent');
  cpSync(join(host.directory, 'agents', 'echo'), join(host.directory, 'agents', 'other'), { recursive: true });
  host.agents = [echo, { ...echo, name: 'other' }];
  host.start();
  await host.welcome();
  await host.next('workers');
  host.send({ kind: 'stopAgent', value: { spaceId: '', agent: 'echo', interrupt: false, sessionId: '' } });
  host.welcomeAgain();
  host.deliver(1, 'hello', 'other');
  t.match((await host.next('answer')).value, { outcome: 'REPLY' });
  host.welcomeAgain();
  const { workers } = (await host.next('workers')).value;
  t.strictSame(
    workers.map(({ agent }) => agent),
    ['other'],
  );
});
