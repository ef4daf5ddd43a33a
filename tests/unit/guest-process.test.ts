/** The bundled guest as a process of its own, on a real disk and socket, killed at known steps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildGuest } from '../../scripts/build-guest.ts';
import { Bench } from './guest-bench.ts';

const bundled = buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
t.teardown(async () => rmSync((await bundled).directory, { recursive: true, force: true }));

async function bench(t: Test): Promise<Bench> {
  const made = new Bench(join((await bundled).directory, 'guest.mjs'));
  t.teardown(() => made.close());
  return made;
}

t.test('the bundle is the same for the same sources', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'raworc-bundle-'));
  t.teardown(() => rmSync(other, { recursive: true }));
  t.equal((await buildGuest(other)).version, (await bundled).version);
});

t.test('it waits for its host, comes back when the host does, and the worker stays the same', async (t) => {
  const host = await bench(t);
  host.start();
  await host.listen();
  t.match(await host.welcome(), { value: { protocolVersion: 1, sessionId: 'session', acceptedSeq: 0, unsettled: 0 } });
  host.deliver(1);
  const first = (await host.next('answer')).value;
  t.match(first, { messageId: 'm1', outcome: 'REPLY', content: /^hello from \d+$/ });
  await host.hangUp();
  await host.listen();
  t.match(await host.welcome(), { value: { acceptedSeq: 1, unsettled: 1 } });
  t.match(await host.next('answer'), { value: { messageId: 'm1', content: first.content } }, 'not settled, so it is said again');
  host.deliver(2);
  t.match(await host.next('answer'), { value: { messageId: 'm2', content: first.content } }, 'the same process answers');
});

t.test('killed between taking a message and acknowledging it, it runs it once after the restart', async (t) => {
  const host = await bench(t);
  await host.listen();
  host.start();
  await host.welcome();
  const { reached, release } = host.hold('guest.taken');
  host.deliver(1);
  await reached;
  await host.kill();
  release();
  host.start();
  t.match(await host.welcome(), { value: { acceptedSeq: 1, unsettled: 0 } });
  t.match(await host.next('answer'), { value: { messageId: 'm1', outcome: 'REPLY' } });
});

t.test('killed in a run, it says that the agent died; killed after it, it gives the reply', async (t) => {
  const host = await bench(t);
  await host.listen();
  host.start();
  await host.welcome();
  for (const [seq, barrier, outcome, reason] of [
    [1, 'guest.run-started', 'ERROR', 'agent_died'],
    [2, 'guest.answered', 'REPLY', ''],
  ] as const) {
    const { reached, release } = host.hold(barrier);
    host.deliver(seq);
    await reached;
    await host.kill();
    release();
    host.start();
    await host.welcome();
    for (;;) {
      const { value } = await host.next('answer');
      if (value.messageId !== `m${seq}`) continue;
      t.match(value, { outcome, reason });
      break;
    }
  }
});
