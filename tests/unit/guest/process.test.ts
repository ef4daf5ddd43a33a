/** The bundled guest as a process of its own, on a real disk and socket, killed at known steps. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { ByteStream, DEFAULT_WINDOW_BYTES } from '../../../proto/streams/byte-stream.ts';
import { Channels } from '../../../proto/streams/channels.ts';
import { EXEC, ExecDecoder, START } from '../../../proto/streams/exec-stream.ts';
import { filesParameters } from '../../../proto/streams/files-request.ts';
import { FILES, FILES_START, headIn } from '../../../proto/streams/files-stream.ts';
import { encodeSharedOpen, SHARED, SHARED_CREDIT_BYTES } from '../../../proto/streams/shared-stream.ts';
import { buildGuest } from '../../../scripts/build-guest.ts';
import { systemClock } from '../../../seams/system.ts';
import { Bench } from './bench.ts';

const bundled = buildGuest(mkdtempSync(join(tmpdir(), 'raworc-bundle-')));
t.teardown(async () => rmSync((await bundled).directory, { recursive: true, force: true }));

async function bench(t: Test, agent?: string): Promise<Bench> {
  const made = new Bench(join((await bundled).directory, 'guest.mjs'), agent);
  t.teardown(() => made.close());
  return made;
}

t.test('the bundle is the same for the same sources', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'raworc-bundle-'));
  t.teardown(() => rmSync(other, { recursive: true }));
  t.equal((await buildGuest(other)).version, (await bundled).version);
});

t.test('it waits for its host, reconnects when the host returns, and keeps its worker', async (t) => {
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

t.test('it holds no inotify instance while its host is away, since all guests share those of root', async (t) => {
  const host = await bench(t);
  await host.listen();
  host.start();
  await host.welcome();
  await host.hangUp();
  const watches = () => {
    const directory = `/proc/${host.child?.pid}/fd`;
    const files = readdirSync(directory).flatMap((name) => {
      try {
        return [readlinkSync(join(directory, name))];
      } catch {
        return [];
      }
    });
    if (files.length < 5) throw new Error('it does not run');
    return files.filter((file) => file.includes('inotify')).length;
  };
  let most = 0;
  // Its tries are half a second apart at most, and it waits between them.
  for (const until = performance.now() + 700; performance.now() < until; await new Promise<void>((resolve) => setImmediate(resolve)))
    most = Math.max(most, watches());
  t.equal(most, 0);
  await host.listen();
  await host.welcome();
});

t.test('a message whose guest is killed between storing and acknowledging it runs once after the restart', async (t) => {
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

t.test('a guest killed during a run reports agent_died; killed after it, it sends the reply', async (t) => {
  const host = await bench(t);
  await host.listen();
  host.start();
  await host.welcome();
  for (const [seq, barrier, outcome, reason] of [
    [1, 'guest.answered', 'REPLY', ''],
    [2, 'guest.run-started', 'ERROR', 'agent_died'],
  ] as const) {
    const { reached, release } = host.hold(barrier);
    host.deliver(seq);
    await reached;
    if (outcome === 'REPLY') t.match(await host.next('answer'), { value: { messageId: `m${seq}`, outcome } }, 'sent before it is durable');
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

t.test('it reports its live worker, stops it on request, and reads its output, also after a restart', async (t) => {
  const agent =
    'import sys\ndef process_message(message, context):\n    print("out", message)\n    print("err", file=sys.stderr)\n    return message\n';
  const host = await bench(t, agent);
  await host.listen();
  host.start();
  await host.welcome();
  host.deliver(1, 'one');
  t.match(await host.next('workers'), { value: { workers: [{ agent: 'echo', startedAtMs: Number }] } });
  const { runId } = (await host.next('answer')).value;
  t.match(await host.logs('echo', 'stdout', 9), [{ runId, stream: 'stdout', line: 'out one' }]);
  host.send({ kind: 'stopAgent', value: { spaceId: 's', agent: 'echo', interrupt: false, sessionId: '' } });
  t.same((await host.next('workers')).value.workers, []);
  host.deliver(2, 'two');
  t.match(await host.next('answer'), { value: { messageId: 'm2', outcome: 'REPLY' } }, 'what comes later starts another');
  // What a run prints can be read shortly after its answer.
  while ((await host.logs('echo', 'all', 9)).length < 4);
  await host.kill();
  host.start();
  await host.welcome();
  t.equal((await host.logs('echo', 'all', 9)).length, 4);
  t.match(await host.logs('echo', 'stdout', 1), [{ line: 'out two', dropped: 0 }]);
});

const MEETING = `
import os, time
def process_message(message, context):
    own, other = message.split()
    open(own, "w").close()
    try:
        while not os.path.exists(other): time.sleep(0.01)
    finally:
        if other == "never": open("ended", "w").close()
    return own
`;

t.test('an agent that answers several messages at once does; one of them is cancelled, and its handler cleans up', async (t) => {
  const host = await bench(t, MEETING);
  host.agents = host.agents.map((agent) => ({ ...agent, concurrency: 3 }));
  await host.listen();
  host.start();
  await host.welcome();
  host.deliver(1, 'a c');
  host.deliver(2, 'c never');
  host.deliver(3, 'b a');
  const met = [(await host.next('answer')).value, (await host.next('answer')).value];
  t.same(met.map(({ content }) => content).sort(), ['a', 'b'], 'the first waited for the second, which still runs');
  host.send({ kind: 'cancelMessage', value: { sessionId: 'session', messageId: 'm2', seq: 2, graceMs: 0 } });
  t.match((await host.next('answer')).value, { messageId: 'm2', outcome: 'ERROR', reason: 'cancelled' });
  host.deliver(4, 'd ended');
  t.match((await host.next('answer')).value, { messageId: 'm4', content: 'd' });
});

t.test('it runs commands in a shared stream, and keeps a large file', async (t) => {
  const host = await bench(t);
  await host.listen();
  host.start();
  await host.welcome();
  const channels = new Channels(await host.openStream(SHARED, {}), systemClock, {});
  const said = async (word: string) => {
    const parameters = { argv: ['/bin/echo', word], cwd: '', env: {}, asRoot: false, timeoutMs: 60_000, hasInput: false };
    const link = channels.start(encodeSharedOpen({ kind: EXEC, parametersJson: JSON.stringify(parameters) }), DEFAULT_WINDOW_BYTES);
    if (link === undefined) throw new Error('the shared stream is full');
    const window = { window: DEFAULT_WINDOW_BYTES, granted: DEFAULT_WINDOW_BYTES };
    const stream = new ByteStream(link, { credit: SHARED_CREDIT_BYTES, ...window, lost: 'guest_lost' });
    stream.write(START);
    stream.end();
    const decoder = new ExecDecoder();
    let output = '';
    for await (const bytes of stream)
      for (const frame of decoder.decode(bytes as Buffer))
        output += frame.kind === 'end' ? `exit ${frame.end.exitCode}${frame.end.fault}` : frame.bytes.toString();
    return output;
  };
  const words = Array.from({ length: 20 }, (_, at) => `word-${at}`);
  t.same(
    await Promise.all(words.map(said)),
    words.map((word) => `${word}\nexit 0`),
  );

  const content = randomBytes(40_000_000);
  const write = filesParameters({ op: 'write', path: 'large', parents: true, isNew: true }, false) as object;
  const written = await host.openStream(FILES, write);
  written.write(FILES_START);
  written.end(content);
  t.match(headIn(await buffer(written))?.head, { ok: true, created: true, entry: { size: content.byteLength } });
  const read = await host.openStream(FILES, filesParameters({ op: 'read', path: 'large' }, false) as object);
  read.end(FILES_START);
  const answer = await buffer(read);
  t.ok(answer.subarray(headIn(answer)?.length).equals(content));
});
