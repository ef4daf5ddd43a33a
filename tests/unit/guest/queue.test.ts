/** A long queue in a guest, on a real disk. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildGuest } from '../../../scripts/build-guest.ts';
import { Bench } from './bench.ts';

t.setTimeout(240_000);
t.test('1,000 messages of 10 KB are all answered in order, even if the guest is killed with many in its journal', async (t) => {
  const { directory } = await buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const host = new Bench(join(directory, 'guest.mjs'), 'def process_message(message, context):\n    return message\n');
  t.teardown(() => host.close());
  await host.listen();
  host.start();
  await host.welcome();
  const content = (seq: number) => `${seq} ${'ü'.repeat(5000)}`;
  // Less than the test's own link holds for a guest that does not read.
  let sent = 0;
  const deliver = (upTo: number) => {
    for (; sent < Math.min(1000, upTo); sent += 1) host.deliver(sent + 1, content(sent + 1));
  };
  deliver(600);
  const order: number[] = [];
  const wrong: string[] = [];
  let cutOff = 0;
  while (order.length < 1000) {
    const { messageId, outcome, reason, content: answer } = (await host.next('answer')).value;
    const seq = Number(messageId.slice(1));
    host.settle(seq);
    if (order.includes(seq)) continue;
    order.push(seq);
    if (outcome === 'ERROR' && reason === 'agent_died') cutOff += 1;
    else if (outcome !== 'REPLY' || answer !== content(seq)) wrong.push(`${messageId}: ${outcome} ${answer.slice(0, 80)}`);
    if (order.length !== 400) {
      deliver(order.length + 600);
      continue;
    }
    await host.kill();
    host.start();
    const { acceptedSeq } = (await host.welcome()).value;
    t.ok(acceptedSeq < 1000, `it had taken ${acceptedSeq}, and left the others to its host`);
    sent = seq;
    deliver(order.length + 600);
  }
  t.same(wrong, []);
  t.ok(cutOff <= 1, 'only the one that ran was cut off');
  t.same(
    order,
    Array.from({ length: 1000 }, (_one, index) => index + 1),
  );
  const mailbox = join(host.directory, 'session', '.raworc');
  const bytes = readdirSync(mailbox).reduce((sum, name) => sum + statSync(join(mailbox, name)).size, 0);
  t.ok(bytes < 48 * 1024 * 1024, `the journal's two files grew to ${bytes} bytes, for 10 MB of messages and as much of answers`);
});
