/** The bundled guest as a process of its own, on a real disk and socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { whenTagged } from '../../../node-agent/guests/first-frame.ts';
import { guestFrames, hostFrames } from '../../../proto/codec.ts';
import type { GuestFrame, HostFrame } from '../../../proto/frame.ts';
import { framedLink } from '../../../proto/framed-link.ts';
import type { AgentSpec__Output as AgentSpec } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Router__Output as Router } from '../../../proto/generated/raworc/v0/Router.ts';
import type { Link } from '../../../proto/link.ts';
import { ByteStream, DEFAULT_WINDOW_BYTES } from '../../../proto/streams/byte-stream.ts';
import { LOGS, LogDecoder, type Logged } from '../../../proto/streams/log-stream.ts';
import { OPEN_TAG, streamFrames } from '../../../proto/streams/stream-frame.ts';
import { systemClock } from '../../../seams/system.ts';

const ECHO = 'import os\ndef process_message(message, context):\n    return f"{message} from {os.getpid()}"\n';

type Heard = GuestFrame | { readonly kind: 'closed' };

/** A host that listens on the session's socket, and the guest that it starts and kills. */
export class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'raworc-guest-'));
  readonly #bundle: string;
  #server: Server | undefined;
  #link: Link<HostFrame, GuestFrame> | undefined;
  #heard: Heard[] = [];
  #waiting: (() => void) | undefined;
  readonly #streams = new Map<string, (stream: ByteStream) => void>();
  child: ChildProcess | undefined;
  startsWorkers = false;
  /** Of the session, as the welcome says. Their files are below agents/. */
  agents: AgentSpec[] = [{ name: 'echo', runtime: 'PYTHON', handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0 }];

  constructor(bundle: string, agent = ECHO) {
    this.#bundle = bundle;
    for (const name of ['session', 'agents/echo', 'barriers', 'run']) mkdirSync(join(this.directory, name), { recursive: true });
    writeFileSync(join(this.directory, 'agents', 'echo', 'main.py'), agent);
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => whenTagged(socket, systemClock, (tag) => this.#accept(socket, tag)));
    this.#server.listen(join(this.directory, 'run', 'guest.sock'));
    await once(this.#server, 'listening');
  }

  #accept(socket: Socket, tag: number | undefined): void {
    if (tag === OPEN_TAG) {
      const link = framedLink(socket, { encode: streamFrames, decode: streamFrames, clock: systemClock });
      link.onMessage((frame) => {
        if (frame.kind !== 'open') return;
        const stream = new ByteStream(link, { window: DEFAULT_WINDOW_BYTES, granted: DEFAULT_WINDOW_BYTES, lost: 'guest_lost' });
        this.#streams.get(frame.ticket)?.(stream);
      });
    } else {
      const link = framedLink(socket, { encode: hostFrames, decode: guestFrames, clock: systemClock });
      this.#link = link;
      link.onMessage((frame) => this.#hear(frame));
      link.onClose(() => this.#hear({ kind: 'closed' }));
    }
  }

  /** A byte stream to what the guest connects it to. */
  openStream(kind: string, parameters: object): Promise<ByteStream> {
    const ticket = `ticket-${this.#streams.size}`;
    const opened = new Promise<ByteStream>((resolve) => this.#streams.set(ticket, resolve));
    const value = {
      sessionId: 'session',
      generation: 3,
      ticket,
      kind,
      parametersJson: JSON.stringify(parameters),
      credit: DEFAULT_WINDOW_BYTES,
    };
    this.send({ kind: 'openStream', value });
    return opened;
  }

  /** The lines that an agent has printed, as a stream of logs brings them. */
  async logs(agent: string, stream: 'stdout' | 'stderr' | 'all', limit: number): Promise<readonly Logged[]> {
    const opened = await this.openStream(LOGS, { agent, stream, limit, sinceMs: 0, follow: false });
    opened.end();
    return new LogDecoder().decode(await buffer(opened));
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
    this.welcomeAgain();
    return hello;
  }

  /** As when the session's agents have changed. */
  welcomeAgain(): void {
    const value = {
      protocolVersion: 1,
      sessionId: 'session',
      generation: 3,
      space: 'default',
      agents: this.agents,
      drain: null,
      settledSeq: 0,
      cancelled: [],
      startWorkers: this.startsWorkers,
    };
    this.#link?.send({ kind: 'welcome', value });
  }

  deliver(seq: number, content = 'hello', agent = 'echo', contextJson = '', secretsVersion = 0, router: Router | null = null): void {
    const value = {
      sessionId: 'session',
      generation: 3,
      seq,
      messageId: `m${seq}`,
      agent,
      content,
      contextJson,
      afterSeq: 0,
      secretsVersion,
      agents: [],
      router,
    };
    this.#link?.send({ kind: 'deliver', value });
  }

  send(frame: HostFrame): void {
    this.#link?.send(frame);
  }

  settle(seq: number): void {
    this.#link?.send({ kind: 'settled', value: { sessionId: 'session', messageId: `m${seq}`, upToSeq: 0 } });
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
