/** Commands that a stream starts, with real processes. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { execStream } from '../../../guest/streams/exec.ts';
import { prepareVolume } from '../../../guest/volume/volume.ts';
import { Processes } from '../../../guest/workers/processes.ts';
import { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { ExecDecoder, type ExecEnd, type ExecRequest, START } from '../../../proto/streams/exec-stream.ts';
import type { StreamFrame } from '../../../proto/streams/stream-frame.ts';
import { systemClock } from '../../../seams/system.ts';
import { linkPair } from '../../hollow/link-pair.ts';
import { isRunning, path, workersDirectory } from './stage.ts';

function session(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-exec-'));
  const sessionDirectory = join(directory, 'session');
  prepareVolume({ directory: sessionDirectory, agentsDirectory: join(directory, 'agents'), user: undefined });
  const places = { sessionId: 's', sessionDirectory, agentsDirectory: join(directory, 'agents'), path };
  const processes = new Processes({ places, user: undefined, workersDirectory, clock: systemClock });
  t.teardown(() => {
    processes.close();
    rmSync(directory, { recursive: true, force: true });
  });
  /** The reader's end of a command's stream. */
  const open = (request: Partial<ExecRequest> & Pick<ExecRequest, 'argv'>, window = 256 * 1024, starts = true): ByteStream => {
    const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
    const guest = new ByteStream(far, { credit: window, lost: 'node_lost' });
    guest.on('error', () => undefined);
    const handler = execStream(processes.startCommand, systemClock);
    const run = handler(guest, { cwd: '', env: {}, asRoot: false, timeoutMs: 10_000, hasInput: true, ...request });
    Promise.resolve(run).catch((error: Error) => guest.destroy(error));
    const stream = new ByteStream(near, { window, granted: window, lost: 'guest_lost' });
    if (starts) stream.write(START);
    return stream;
  };
  return { workspace: join(sessionDirectory, 'workspace'), open };
}

interface Heard {
  readonly stdout: string;
  readonly stderr: string;
  readonly ends: readonly ExecEnd[];
}

async function all(stream: ByteStream): Promise<Heard> {
  const decoder = new ExecDecoder();
  const heard = { stdout: '', stderr: '', ends: [] as ExecEnd[] };
  for await (const bytes of stream)
    for (const frame of decoder.decode(bytes as Buffer)) {
      if (frame.kind === 'end') heard.ends.push(frame.end);
      else heard[frame.kind] += frame.bytes.toString();
    }
  return heard;
}

async function run(t: Test, request: Partial<ExecRequest> & Pick<ExecRequest, 'argv'>, stdin = ''): Promise<Heard> {
  const stream = session(t).open(request);
  stream.end(stdin);
  return all(stream);
}
const sh = (script: string) => ['/bin/sh', '-c', script];

t.test('a command gets its input, arguments, directory and environment, and its end is said once', async (t) => {
  const { stdout, stderr, ends } = await run(
    t,
    { argv: [...sh('cat; echo "$0 $WORD $RAWORC_SESSION_ID"; pwd; echo wrong >&2; exit 3'), 'x'], env: { WORD: 'a b' } },
    'typed ',
  );
  t.match(stdout, /^typed x a b s\n\/.*\/session\/workspace\n$/);
  t.equal(stderr, 'wrong\n');
  t.match(ends, [{ exitCode: 3, signal: null, timedOut: false, fault: '' }]);
  t.equal(ends.length, 1);
});

t.test('a command without input reads an empty one', async (t) => {
  const { stdout, ends } = await run(t, { argv: sh('cat; readlink /proc/self/fd/0'), hasInput: false });
  t.equal(stdout, '/dev/null\n');
  t.match(ends, [{ exitCode: 0 }]);
});

t.test('what cannot be started says why', async (t) => {
  const cases: readonly [request: Partial<ExecRequest> & Pick<ExecRequest, 'argv'>, fault: RegExp, exitCode?: number][] = [
    [{ argv: ['nowhere-to-be-found'] }, /^There is no program nowhere-to-be-found\.$/, 127],
    [{ argv: ['/etc/passwd'] }, /permission denied/],
    [{ argv: ['true'], cwd: 'nowhere' }, /^There is no directory \/.*nowhere\.$/],
    [{ argv: ['true', 'x'.repeat(200_000)] }, /too long/],
    [{ argv: ['true'], cwd: 'x'.repeat(100_000) }, /^There is no directory \/.{499}…\.$/],
    [{ argv: ['x'.repeat(100_000)] }, /^x{500}… cannot be started: ENAMETOOLONG\.$/],
  ];
  for (const [request, fault, exitCode = 126] of cases) t.match((await run(t, request)).ends, [{ exitCode, fault }]);
  await t.rejects(run(t, { argv: ['nul\0'] }), /invalid/);
  await t.rejects(run(t, { argv: [] }), /invalid/);
});

t.test('a signal is said, and the time limit ends everything that was started', async (t) => {
  t.match((await run(t, { argv: sh('kill -TERM $$') })).ends, [{ exitCode: null, signal: 'SIGTERM', timedOut: false }]);
  const late = await run(t, { argv: sh('sleep 60 & echo $!; wait'), timeoutMs: 200 });
  t.match(late.ends, [{ exitCode: null, signal: 'SIGKILL', timedOut: true }]);
  t.notOk(isRunning(late.stdout.trim()));
});

t.test('a reader that goes ends the command and its children', async (t) => {
  const stream = session(t).open({ argv: sh('sleep 60 & echo $!; wait') });
  const decoder = new ExecDecoder();
  const pid = await new Promise<string>((resolve) =>
    stream.on('data', (bytes: Buffer) => {
      for (const frame of decoder.decode(bytes)) if (frame.kind === 'stdout') resolve(frame.bytes.toString().trim());
    }),
  );
  t.ok(isRunning(pid));
  stream.destroy();
  while (isRunning(pid)) await new Promise((resolve) => setImmediate(resolve));
});

t.test('what a command leaves in the background continues, and does not keep its end', async (t) => {
  const { stdout, ends } = await run(t, { argv: sh('sleep 60 & echo $!') });
  t.match(ends, [{ exitCode: 0, timedOut: false }]);
  t.ok(isRunning(stdout.trim()));
  process.kill(Number(stdout.trim()), 'SIGKILL');
});

t.test('a slow reader holds a command up, and loses nothing', async (t) => {
  const stream = session(t).open({ argv: sh('head -c 5000000 /dev/zero | tr "\\0" x') }, 64 * 1024);
  stream.end();
  const decoder = new ExecDecoder();
  let bytes = 0;
  let ends = 0;
  for await (const piece of stream) {
    t.ok(stream.unreadBytes <= 64 * 1024, 'bounded');
    for (const frame of decoder.decode(piece as Buffer)) {
      if (frame.kind === 'stdout') bytes += frame.bytes.byteLength;
      else ends += 1;
    }
    if (bytes % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  t.same([bytes, ends], [5_000_000, 1]);
});

t.test('input that the command does not read is dropped', async (t) => {
  t.match((await run(t, { argv: ['true'] }, 'x'.repeat(1_000_000))).ends, [{ exitCode: 0 }]);
});

t.test('nothing starts before the first byte', async (t) => {
  const { open, workspace } = session(t);
  const stream = open({ argv: sh('touch started') }, undefined, false);
  stream.end();
  await t.rejects(all(stream), { reason: 'cancelled' } as Error & { reason: string });
  t.notOk(existsSync(join(workspace, 'started')));
});

t.test('output that comes after the end of its command is sent before that end is said', async (t) => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [near, far] = linkPair<StreamFrame, StreamFrame>(systemClock);
  const guest = new ByteStream(far, { credit: 256 * 1024, lost: 'node_lost' });
  const ended = Promise.resolve({ exitCode: 0, signal: null, fault: '' });
  const nothing = () => undefined;
  const command = { pid: 1, stdin: new PassThrough(), stdout, stderr, ended, signal: nothing, kill: nothing, leave: nothing };
  const request = { argv: ['x'], cwd: '', env: {}, asRoot: false, timeoutMs: 10_000, hasInput: false };
  void execStream(() => command, systemClock)(guest, request);
  const stream = new ByteStream(near, { window: 256 * 1024, granted: 256 * 1024, lost: 'guest_lost' });
  stream.write(START);
  const heard = all(stream);
  for (const text of ['one ', 'two ', 'three']) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    stdout.write(text);
  }
  stdout.end();
  stderr.end();
  t.match(await heard, { stdout: 'one two three', ends: [{ exitCode: 0 }] });
});
