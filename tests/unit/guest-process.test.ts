/** The bundled guest as a process of its own, on a real disk and socket, killed at known steps. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { guestFrames, hostFrames } from '../../proto/codec.ts';
import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import { framedLink } from '../../proto/framed-link.ts';
import type { Link } from '../../proto/link.ts';
import { buildGuest } from '../../scripts/build-guest.ts';
import { systemClock } from '../../seams/system.ts';

type Heard = GuestFrame | { readonly kind: 'closed' };

/** A host that listens on the session's socket, and the guest that it starts and kills. */
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'raworc-guest-'));
  readonly #bundle: string;
  #server: Server | undefined;
  #link: Link<HostFrame, GuestFrame> | undefined;
  #heard: Heard[] = [];
  #waiting: (() => void) | undefined;
  child: ChildProcess | undefined;

  constructor(bundle: string) {
    this.#bundle = bundle;
    for (const name of ['session', 'agents/echo', 'barriers', 'run']) mkdirSync(join(this.directory, name), { recursive: true });
    const source = 'import os\ndef process_message(message, context):\n    return f"{message} from {os.getpid()}"\n';
    writeFileSync(join(this.directory, 'agents', 'echo', 'main.py'), source);
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => {
      const link = framedLink(socket, { encode: hostFrames, decode: guestFrames, clock: systemClock });
      this.#link = link;
      link.onMessage((frame) => this.#hear(frame));
      link.onClose(() => this.#hear({ kind: 'closed' }));
    }).listen(join(this.directory, 'run', 'guest.sock'));
    await once(this.#server, 'listening');
  }

  async hangUp(): Promise<void> {
    this.#link?.close();
    this.#server?.close();
    await this.next('closed');
  }

  start(): void {
    const { directory } = this;
    this.child = spawn(process.execPath, [this.#bundle], {
      stdio: 'ignore',
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        RAWORC_SESSION_ID: 'session',
        RAWORC_SOCKET: join(directory, 'run', 'guest.sock'),
        RAWORC_SESSION_DIR: join(directory, 'session'),
        RAWORC_AGENTS_DIR: join(directory, 'agents'),
        RAWORC_BARRIERS: join(directory, 'barriers'),
        RAWORC_AGENT_UID: 'self',
      },
    });
  }

  async kill(): Promise<void> {
    const gone = this.child && once(this.child, 'exit');
    this.child?.kill('SIGKILL');
    await gone;
    await this.next('closed');
  }

  /** The next frame of that kind; what comes before it is passed over. */
  async next<Kind extends Heard['kind']>(kind: Kind): Promise<Extract<Heard, { kind: Kind }>> {
    for (;;) {
      const frame = this.#heard.shift();
      if (frame && isOf(frame, kind)) return frame;
      if (!frame) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
      }
    }
  }

  async welcome(): Promise<Extract<Heard, { kind: 'hello' }>> {
    const hello = await this.next('hello');
    const agents = [{ name: 'echo', runtime: 'PYTHON', handler: '', idempotent: false } as const];
    const value = { protocolVersion: 1, sessionId: 'session', generation: 3, space: 'default', agents: [...agents], environment: {} };
    this.#link?.send({ kind: 'welcome', value });
    return hello;
  }

  deliver(seq: number): void {
    const value = {
      sessionId: 'session',
      generation: 3,
      seq,
      afterSeq: 0,
      messageId: `m${seq}`,
      agent: 'echo',
      content: 'hello',
      contextJson: '',
    };
    this.#link?.send({ kind: 'deliver', value });
  }

  hold(barrier: string): { reached: Promise<void>; release: () => void } {
    const directory = join(this.directory, 'barriers');
    const reachedFile = join(directory, `${barrier}.reached`);
    rmSync(reachedFile, { force: true });
    writeFileSync(join(directory, `${barrier}.hold`), '');
    const reached = new Promise<void>((resolve) => {
      const watcher = watch(directory, () => {
        if (!existsSync(reachedFile)) return;
        watcher.close();
        resolve();
      });
    });
    return { reached, release: () => rmSync(join(directory, `${barrier}.hold`)) };
  }

  close(): void {
    this.child?.kill('SIGKILL');
    this.#server?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #hear(frame: Heard): void {
    this.#heard.push(frame);
    this.#waiting?.();
  }
}

function isOf<Kind extends Heard['kind']>(frame: Heard, kind: Kind): frame is Extract<Heard, { kind: Kind }> {
  return frame.kind === kind;
}

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
