/** An agent can tell from its context whether the memory of before is still there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildGuest } from '../../../scripts/build-guest.ts';
import { Bench } from './bench.ts';

const AGENT = `
import os
def process_message(message, context):
    if message == "die": os._exit(1)
    return "%s.%s %s" % (context["session_life"], context["worker_life"], context.get("space"))
`;

t.test('a message names the start number of its session and of its worker', async (t) => {
  const { directory } = await buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const host = new Bench(join(directory, 'guest.mjs'), AGENT);
  t.teardown(() => host.close());
  await host.listen();
  host.start();
  t.match(await host.welcome(), { value: { life: 1 } });
  let seq = 0;
  const ask = async (content: string, contextJson = '{}') => {
    seq += 1;
    host.deliver(seq, content, 'echo', contextJson);
    for (;;) {
      const { value } = await host.next('answer');
      host.settle(Number(value.messageId.slice(1)));
      if (value.messageId === `m${seq}`) return value.content;
    }
  };
  t.equal(await ask('x'), '1.1 None');
  t.equal(await ask('x', ' {\n"space": "lab"}'), '1.1 lab');
  await ask('die');
  t.equal(await ask('x'), '1.2 None', 'another process in the same container');
  for (const life of [2, 3]) {
    await host.kill();
    host.start();
    t.match(await host.welcome(), { value: { life } });
    t.equal(await ask('x'), `${life}.1 None`, 'another container');
  }
});
