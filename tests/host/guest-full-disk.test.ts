import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { DISK_FULL_EXIT } from '../../guest/volume/disk-full.ts';
import { buildGuest } from '../../scripts/build-guest.ts';
import { Bench } from '../unit/guest/bench.ts';

/** Fills the volume on request; otherwise echoes. */
const AGENT = `
def process_message(message, context):
    if message != "fill":
        return message
    written = 0
    try:
        with open("ballast", "wb", buffering=0) as ballast:
            while True:
                written += ballast.write(bytes(4096))
    except OSError as error:
        return f"{error.errno} after {written}"
`;
const VOLUME_BYTES = 10 * 1024 * 1024;
const LARGE = 'x'.repeat(400_000);

const bundled = buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
t.teardown(async () => rmSync((await bundled).directory, { recursive: true, force: true }));

t.setTimeout(120_000);
t.test('on a full volume every message still gets one answer, at least disk_full', async (t) => {
  const bench = new Bench(join((await bundled).directory, 'guest.mjs'), AGENT);
  const session = join(bench.directory, 'session');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${VOLUME_BYTES}`, 'tmpfs', session]);
  t.teardown(async () => {
    await bench.kill().catch(() => undefined);
    // The agent's process may still be on its way out.
    execFileSync('umount', ['-l', session]);
    bench.close();
  });
  await bench.listen();
  bench.start();
  await bench.welcome();
  bench.deliver(1, 'fill');
  t.match((await bench.next('answer')).value, { outcome: 'REPLY', content: /^28 after \d{6,}$/ }, 'the agent meets the end of the volume');

  // None of them is settled, so that all are kept.
  const answers = new Map<string, string>();
  for (let seq = 2; seq <= 20; seq += 1) {
    bench.deliver(seq, seq % 2 === 0 ? LARGE : 'small');
    const { messageId, reason, outcome } = (await bench.next('answer')).value;
    t.equal(messageId, `m${seq}`);
    answers.set(messageId, reason || outcome);
  }
  t.equal(answers.get('m3'), 'REPLY', 'what was set aside beforehand is still there');

  // It runs once the answer before it is on the disk.
  bench.deliver(21, 'small');
  await bench.next('answer');
  await bench.kill();
  bench.start();
  t.match(await bench.welcome(), { value: { acceptedSeq: 21 } });
  const kinds = new Set<string>();
  for (let count = 1; count <= 21; count += 1) {
    const { messageId, reason, outcome } = (await bench.next('answer')).value;
    const kind = reason || outcome;
    kinds.add(kind);
    // A reply is sent before it is known whether it fits.
    const sent = answers.get(messageId);
    if (messageId !== 'm1' && messageId !== 'm21')
      t.ok(kind === sent || (kind === 'disk_full' && sent === 'REPLY'), `${messageId}: ${sent}, after a kill ${kind}`);
    if (messageId === 'm2') t.equal(kind, 'REPLY', 'the first reply fits');
    bench.settle(Number(messageId.slice(1)));
  }
  t.ok(kinds.has('disk_full'), [...kinds].join());
  bench.deliver(22, LARGE);
  t.match((await bench.next('answer')).value, { messageId: 'm22', outcome: 'REPLY' }, 'there is room again once they are settled');
});

t.test('on a volume without room for its mailbox the guest exits with a code that says so', async (t) => {
  const bench = new Bench(join((await bundled).directory, 'guest.mjs'), AGENT);
  const session = join(bench.directory, 'session');
  for (const size of ['1m', '4k']) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', session]);
    try {
      bench.start();
      t.same(bench.child && (await once(bench.child, 'exit')), [DISK_FULL_EXIT, null], size);
    } finally {
      execFileSync('umount', ['-l', session]);
    }
  }
  bench.close();
});
