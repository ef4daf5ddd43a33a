/** What is around a guest, simulated: time, a host that may come and go, agents that do as they are told. All by seed. */

import { Guest } from '../../../guest/guest.ts';
import type { HostDialer, HostLink } from '../../../guest/host/dialer.ts';
import type { RunnerDeps } from '../../../guest/runs/runner-deps.ts';
import type { Peers, RunOutput, RunRequest, Setup, Worker, WorkerEnd, WorkerHost } from '../../../guest/runs/worker-host.ts';
import type { GuestFrame, HostFrame } from '../../../proto/frame.ts';
import type { AgentSpec__Output as AgentSpec } from '../../../proto/generated/raworc/v0/AgentSpec.ts';
import type { Answer__Output as Answer } from '../../../proto/generated/raworc/v0/Answer.ts';
import type { Router__Output as Router } from '../../../proto/generated/raworc/v0/Router.ts';
import { noBarriers } from '../../../seams/barrier.ts';
import { pause } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { HandClock } from '../hand-clock.ts';
import { SimulatedDisk, seeded } from '../journal/simulated-disk.ts';

/** What an agent does with a message, and whom it asks meanwhile. */
export type Script = (message: string, ask: Peers['ask']) => WorkerEnd | Promise<WorkerEnd>;
export type Behaviour = (request: RunRequest, output: RunOutput) => WorkerEnd | Promise<WorkerEnd> | undefined;

export interface Ran {
  readonly life: number;
  readonly message: string;
  readonly runId: string;
  /** The hop that it works on. */
  readonly hop: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** One session's guest, through several lives, and everything that the host heard of it. */
export class World {
  readonly clock = new HandClock();
  readonly disk = new SimulatedDisk();
  readonly fraction: () => number;
  /** What the host should have answered, by seq. */
  readonly posted: { seq: number; id: string; agent: string; content: string; secretsVersion?: number; router?: Router | null }[] = [];
  readonly heard: GuestFrame[] = [];
  /** Agents with a live worker, as last heard. */
  live: string[] = [];
  readonly answers = new Map<string, Answer[]>();
  readonly ran: Ran[] = [];
  readonly faults: unknown[] = [];
  agents: AgentSpec[] = [
    { name: 'once', runtime: 'PYTHON', handler: '', idempotent: false, timeoutS: 0, memoryBytes: 0, concurrency: 0 },
    { name: 'again', runtime: 'PYTHON', handler: '', idempotent: true, timeoutS: 0, memoryBytes: 0, concurrency: 0 },
  ];
  /** Of the space, now: what is posted from now on names this version. */
  secrets: { readonly version: number; readonly values: Record<string, string>; readonly withheld?: string[] } = { version: 0, values: {} };
  /** Whether a guest that asks for them gets them. */
  givesSecrets = true;
  behaviour: Behaviour = ({ message }) => ({ outcome: 'reply', content: `re: ${message}` });
  /** By agent, instead of `behaviour`. */
  scripts: Readonly<Record<string, Script>> = {};
  readonly contexts: string[] = [];
  /** Of a frame that it is not taken, and of a link that it is cut with the next frame. */
  refusal = 0;
  cut = 0;
  /** What asks the model of the space. */
  model: NonNullable<RunnerDeps['model']> = () => {
    throw new Error('this test has no model');
  };
  settleAnswers = true;
  /** What a welcome says of it. */
  drain: { readonly graceMs: number } | null = null;
  settledSeq = 0;
  cancelled: { sessionId: string; messageId: string; seq: number; graceMs: number }[] = [];
  running = 0;
  maxRunning = 0;
  started = 0;
  /** How often the guest asked for room for another process, and how long that takes. */
  roomAsked = 0;
  roomMs = 0;
  mailboxBytes = 4096;
  contextJson = '{}';
  sessionId = 'session';
  /** Names of active agents, of which each delivery tells. */
  active: string[] = [];
  guest: Guest | undefined;
  #life = 0;
  #link: SimulatedLink | undefined;
  highestAccepted = 0;
  broken: string[] = [];

  constructor(seed: number) {
    this.fraction = seeded(seed);
  }

  async start(): Promise<void> {
    this.#life += 1;
    const life = this.#life;
    const { clock, disk, fraction, sessionId, mailboxBytes } = this;
    let ids = 0;
    const guest = await Guest.open({
      ...{ sessionId, clock, disk, mailboxBytes, log: silent, barriers: noBarriers, version: 'test', directory: '/session/.raworc' },
      random: {
        uuid: () => {
          ids += 1;
          return `run-${life}-${ids}`;
        },
        bytes: (length) => Uint8Array.from({ length }, () => Math.floor(fraction() * 256)),
        fraction,
      },
      dialer: this.#dialer(life),
      workers: this.#workers(life),
      model: (task, secrets) => this.model(task, secrets),
    });
    this.guest = guest;
    guest.run().catch((fault: unknown) => {
      if (life === this.#life) this.faults.push(fault);
    });
  }

  /** The container is gone at once; what was not synced may be too. */
  crash(power: boolean): void {
    this.#life += 1;
    if (power) this.disk.cutPower(this.fraction);
    else this.disk.killProcess();
    this.#link?.end();
    this.guest?.stop();
    this.guest = undefined;
    this.running = 0;
  }

  cutLink(): void {
    this.#link?.end(new Error('cut'));
  }

  post(agent: string, content?: string, router: Router | null = null): void {
    const seq = (this.posted.at(-1)?.seq ?? 0) + 1 + Math.floor(this.fraction() * 2);
    const message = { seq, id: `m${seq}`, agent, content: content ?? `m${seq}`, secretsVersion: this.secrets.version, router };
    this.posted.push(message);
    this.deliver(message);
  }

  deliver({ seq, id, agent, content, secretsVersion = 0, router = null }: World['posted'][number], afterSeq?: number): void {
    const { sessionId, contextJson } = this;
    const before = this.posted.findLast((one) => one.seq < seq && !this.answers.has(one.id));
    const value = {
      ...{ sessionId, generation: 1, seq, messageId: id, agent, content, contextJson, secretsVersion, agents: this.active, router },
      afterSeq: afterSeq ?? before?.seq ?? 0,
    };
    this.#link?.toGuest({ kind: 'deliver', value });
  }

  /** Asks the guest to drain, or takes it back. */
  drainWithin(graceMs: number | undefined): void {
    const { sessionId, agents } = this;
    this.drain = graceMs === undefined ? null : { graceMs };
    if (graceMs !== undefined) this.#link?.toGuest({ kind: 'drain', value: { graceMs } });
    else {
      const value = {
        protocolVersion: 1,
        sessionId,
        generation: 1,
        space: 'space',
        agents,
        drain: null,
        settledSeq: this.settledSeq,
        cancelled: this.cancelled,
        startWorkers: false,
      };
      this.#link?.toGuest({ kind: 'welcome', value });
    }
  }

  stopAgent(agent: string, interrupt: boolean): void {
    this.#link?.toGuest({ kind: 'stopAgent', value: { spaceId: 'space', agent, interrupt, sessionId: '' } });
  }

  /** Cancels the message that was posted at this place: said now, and with each welcome from now on. */
  cancel(at: number, graceMs = 0): void {
    const { id: messageId, seq } = this.posted[at] ?? { id: '', seq: 0 };
    const value = { sessionId: this.sessionId, messageId, seq, graceMs };
    this.cancelled.push(value);
    this.#link?.toGuest({ kind: 'cancelMessage', value });
  }

  settle(id: string): void {
    this.#link?.toGuest({ kind: 'settled', value: { sessionId: this.sessionId, messageId: id, upToSeq: 0 } });
  }

  /** No message up to there waits for an answer: said now, and with each welcome from now on. */
  settleUpTo(seq: number): void {
    this.settledSeq = seq;
    this.#link?.toGuest({ kind: 'settled', value: { sessionId: this.sessionId, messageId: '', upToSeq: seq } });
  }

  /** As an answer to a guest's question, or whenever else a test says so. */
  tellSecrets(sessionId = this.sessionId): void {
    this.#link?.toGuest({ kind: 'secrets', value: { sessionId, withheld: [], ...this.secrets } });
  }

  outstanding(): string[] {
    return this.posted.filter(({ id }) => !this.answers.has(id)).map(({ id }) => id);
  }

  #hear(frame: GuestFrame): void {
    if (frame.kind === 'workers') {
      this.live = frame.value.workers.map(({ agent }) => agent);
      return;
    }
    this.heard.push(frame);
    if (frame.kind === 'hello') {
      const { sessionId, agents } = this;
      if (frame.value.acceptedSeq < this.highestAccepted)
        this.broken.push(`accepted ${this.highestAccepted}, then only ${frame.value.acceptedSeq}`);
      this.#link?.toGuest({
        kind: 'welcome',
        value: {
          ...{ protocolVersion: 1, sessionId, generation: 1, space: 'space', agents },
          ...{ drain: this.drain, settledSeq: this.settledSeq, cancelled: this.cancelled, startWorkers: false },
        },
      });
      for (const message of this.posted) {
        const again = message.seq > frame.value.acceptedSeq ? !this.answers.has(message.id) : this.fraction() < 0.1;
        if (again) this.deliver(message);
      }
    } else if (frame.kind === 'secretsRequest') {
      if (this.givesSecrets) this.tellSecrets();
    } else if (frame.kind === 'accepted') this.highestAccepted = Math.max(this.highestAccepted, frame.value.seq);
    else if (frame.kind === 'answer') {
      const { messageId } = frame.value;
      this.answers.set(messageId, [...(this.answers.get(messageId) ?? []), frame.value]);
      if (this.settleAnswers) this.settle(messageId);
    }
  }

  #dialer(life: number): HostDialer {
    return {
      connect: async () => {
        if (life !== this.#life) throw new Error('another life');
        if (this.fraction() < this.cut) throw new Error('nobody listens');
        this.#link = new SimulatedLink(this, (frame) => life === this.#life && this.#hear(frame));
        return this.#link;
      },
      opened: () => new Promise(() => undefined),
    };
  }

  #workers(life: number): WorkerHost {
    return {
      start: (agent, setup) => this.#worker(life, agent, setup),
      makeRoom: () => {
        this.roomAsked += 1;
        return this.roomMs === 0 ? undefined : pause(this.clock, this.roomMs);
      },
      close: () => undefined,
    };
  }

  get life(): number {
    return this.#life;
  }

  #worker(life: number, { name }: AgentSpec, setup: Setup): Worker {
    this.started += 1;
    let end: (end: WorkerEnd) => void = () => undefined;
    let alive = true;
    const { promise: ended, resolve: gone } = Promise.withResolvers<void>();
    const kill = () => {
      alive = false;
      gone();
      end({ outcome: 'error', reason: 'agent_died', content: 'killed' });
    };
    return {
      ended,
      get alive() {
        return alive;
      },
      run: (request, output, peers) => {
        const { message, runId, contextJson } = request;
        this.contexts.push(contextJson);
        this.ran.push({ life, message, runId, hop: JSON.parse(contextJson).hop?.id, environment: setup.environment });
        this.running += 1;
        this.maxRunning = Math.max(this.maxRunning, this.running);
        return new Promise((resolve) => {
          end = (value) => {
            if (life === this.#life) this.running -= 1;
            end = () => undefined;
            resolve(value);
          };
          const script = this.scripts[name];
          const done = script === undefined ? this.behaviour(request, output) : script(message, (...asked) => peers.ask(...asked));
          Promise.resolve(done).then((value) => {
            if (value?.outcome === 'error' && value.canStartAgain) {
              alive = false;
              gone();
            }
            if (value) end(value);
          });
        });
      },
      kill,
      interrupt: kill,
    };
  }
}

class SimulatedLink implements HostLink {
  readonly #world: World;
  readonly #toHost: (frame: GuestFrame) => void;
  #message: (frame: HostFrame) => void = () => undefined;
  #drain: () => void = () => undefined;
  #close: (fault: Error | undefined) => void = () => undefined;
  #ended = false;
  #full = false;
  #paused = false;
  #held: HostFrame[] = [];

  constructor(world: World, toHost: (frame: GuestFrame) => void) {
    this.#world = world;
    this.#toHost = toHost;
  }

  send(frame: GuestFrame): boolean {
    const { clock, fraction, refusal, cut } = this.#world;
    if (this.#ended || this.#full) return false;
    if (fraction() < refusal) {
      this.#full = true;
      clock.after(1 + fraction() * 20, () => {
        this.#full = false;
        if (!this.#ended) this.#drain();
      });
      return false;
    }
    if (fraction() < cut) this.end(new Error('cut'));
    else clock.after(1, () => this.#ended || this.#toHost(frame));
    return true;
  }

  toGuest(frame: HostFrame): void {
    this.#world.clock.after(1, () => {
      if (this.#ended) return;
      if (this.#paused) this.#held.push(frame);
      else this.#message(frame);
    });
  }

  onMessage(listener: (frame: HostFrame) => void): void {
    this.#message = listener;
  }
  onDrain(listener: () => void): void {
    this.#drain = listener;
  }
  onClose(listener: (fault: Error | undefined) => void): void {
    this.#close = listener;
  }
  close(fault?: Error): void {
    this.end(fault);
  }
  end(fault?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#world.clock.soon(() => this.#close(fault));
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#world.clock.soon(() => {
      while (!this.#paused && !this.#ended) {
        const frame = this.#held.shift();
        if (!frame) return;
        this.#message(frame);
      }
    });
  }
}
