import type { HostLink } from '../../../guest/host/dialer.ts';
import { Journal } from '../../../journal/journal.ts';
import type { Dialer } from '../../../node-agent/control/dialer.ts';
import type { Most } from '../../../node-agent/domain/session-most.ts';
import type { Transfer } from '../../../node-agent/engine/driver.ts';
import { Ledger } from '../../../node-agent/ledger/ledger.ts';
import { NodeAgent } from '../../../node-agent/node.ts';
import { guestFrames, hostFrames } from '../../../proto/codec.ts';
import type { GuestFrame, HostFrame, NodeFrame } from '../../../proto/frame.ts';
import * as lean from '../../../proto/lean-codec.ts';
import { type StreamFrame, type StreamLink, streamFrames } from '../../../proto/streams/stream-frame.ts';
import { HollowHost } from '../../hollow/hollow.ts';
import { BuildRoom } from './builds/build-room.ts';
import type { GitServer } from './builds/git-server.ts';
import { Unpacking } from './builds/unpacking.ts';
import { ProcessClock, type WallClock } from './clock.ts';
import { diskFor, Platter } from './disk.ts';
import { driverFor, type EngineTrouble, listenerFor, noTrouble } from './engine.ts';
import { startGuest } from './guest-process.ts';
import { Life } from './life.ts';
import { Connection } from './network.ts';
import { overheard } from './overhear.ts';
import type { SeededRandom } from './random.ts';
import type { Releases } from './releases.ts';
import type { Surroundings } from './surroundings.ts';

export interface MachineOptions {
  readonly around: Surroundings;
  readonly id: string;
  readonly name: string;
  /** Of its host, without a port. */
  readonly address: string;
  /** Hash of its public key. */
  readonly key: string;
  /** How often it has joined. */
  readonly incarnation: number;
  readonly clusterId: string;
  readonly image: string;
  readonly memoryBytes: number;
  /** Maximum number of sessions; 0: as many as there is room for. */
  readonly sessions: number;
  readonly bounds: { readonly processes: number; readonly diskBytes: number };
  readonly random: SeededRandom;
  readonly dialer: (machine: Machine, life: Life) => Dialer;
  /** Undefined in runs without a registry. */
  readonly transfer?: ((machine: Machine) => Transfer) | undefined;
  /** Whether its engine has the image of sessions from the start. */
  readonly hasImage: boolean;
  readonly releases: Pick<Releases, 'isPreviousNode'>;
  /** Undefined in runs without repositories. */
  readonly git: GitServer | undefined;
  readonly platform: string;
}

/** Frames that can be repeated and change rows. */
const REPEATED: ReadonlySet<string> = new Set(['report', 'accepted', 'runStarted', 'answer', 'removed']);
const FRAMES_KEPT = 60;
/** Before that, its node agent can be unaware of it. */
const WELCOME_FOR_MS = 2_000;

interface Agent {
  readonly life: Life;
  /** Of the release before this one. */
  readonly isPrevious: boolean;
  readonly most: Partial<Most>;
  ledger: Ledger | undefined;
  node: NodeAgent | undefined;
}

/** A host: its engine with containers and volumes, its disk, and its node agent's processes. */
export class Machine {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly key: string;
  /** Whether it is another machine with a copy of a node's data directory. */
  readonly isCopy: boolean = false;
  readonly host: HollowHost;
  readonly trouble: EngineTrouble = noTrouble();
  readonly wall: WallClock = { skewMs: 0 };
  readonly disk: Platter = new Platter();
  readonly builds = new BuildRoom();
  readonly unpacking: Unpacking;
  readonly volumes = new Map<string, Platter>();
  readonly guests = new Map<string, Life>();
  /** Whether it is cut off from the controller. */
  isCut = false;
  streams: Pick<Connection<never, never>, 'isOver' | 'cut' | 'silent' | 'heard'>[] = [];
  agent: Agent | undefined;
  readonly #reported: NodeFrame[] = [];
  #say: (frame: NodeFrame) => void = () => undefined;
  /** Watchers of the engine, to be asked to list everything. */
  readonly watching = new Set<() => void>();
  readonly #options: MachineOptions;
  /** By process of a guest: its newest connection, and when it was welcomed. */
  readonly #welcomes = new Map<string, { readonly sinceMs: number; readonly isOpen: () => boolean }>();
  #lives = 0;
  #isRetired = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.id = options.id;
    this.name = options.name;
    this.address = options.address;
    this.key = options.key;
    this.unpacking = new Unpacking(options.around.time);
    const { around, random, image, memoryBytes, sessions, hasImage, platform } = options;
    const copying = random.fork('copying');
    this.host = new HollowHost({
      clock: new ProcessClock(around.time, new Life(`${options.name}.engine`), this.wall),
      random: random.fork('engine'),
      capacity: { cpuMillis: 4000, memoryBytes, sessions, ...options.bounds },
      images: hasImage ? [image] : [],
      platform,
      copyMs: () => copying.mostlySmall(1, 4_000),
      inside: {
        containerIs: (sessionId, state) => this.#containerIs(sessionId, state),
        volumeGone: (sessionId) => this.volumes.delete(sessionId),
        volumeCopied: (from, to) => this.#volumeCopied(from, to),
      },
    });
  }

  startAgent(): void {
    if (this.agent !== undefined || this.#isRetired) return;
    const { around, clusterId, id, name, dialer, incarnation } = this.#options;
    this.#lives += 1;
    const life = new Life(`${name}${this.isCopy ? `@${this.address}` : ''}#${this.#lives}`);
    const random = this.#options.random.fork(life.name);
    // An operator sometimes starts it with other maxima.
    const most = this.#lives > 1 && random.fork('most').chance(0.3) ? { memoryBytes: 384 * 2 ** 20, processes: 200 } : {};
    const isPrevious = !this.isCopy && this.#options.releases.isPreviousNode(random.fork('release'));
    life.isPrevious = isPrevious;
    if (isPrevious) around.trace.note(life.name, 'is of the previous release');
    const agent: Agent = { life, isPrevious, most, ledger: undefined, node: undefined };
    this.agent = agent;
    const clock = new ProcessClock(around.time, life, this.wall);
    const log = around.trace.log(life.name, (event) => {
      if (event === 'build.not_tidied') this.builds.isUntidy = true;
    });
    const driver = driverFor({
      ...{ around, host: this.host, trouble: this.trouble, life, machine: name, random: random.fork('driver') },
      most: () => agent.most,
      ledger: () => agent.ledger,
      hasGuest: (sessionId) => this.#hasGuest(sessionId),
      watching: this.watching,
      builds: this.#options.git && { room: this.builds, git: this.#options.git, unpacking: this.unpacking },
      transfer: isPrevious ? undefined : this.#options.transfer?.(this),
    });
    const run = async () => {
      const disk = diskFor(this.disk, { time: around.time, life, random: random.fork('disk') });
      const { journal, records } = await Journal.open({ disk, directory: '/var/lib/raworc', name: 'ledger', allocateBytes: 16 * 1024 });
      agent.ledger = await Ledger.open(journal, records, incarnation);
      agent.node = new NodeAgent({
        ...{ nodeId: id, clusterId, incarnation, version: 'sim', hostname: name, machine: this.address, capacity: {} },
        most,
        ...{ driver, listener: listenerFor(this.host, life), ledger: agent.ledger, dialer: dialer(this, life), clock, random, log },
        // So few that user ids of deleted sessions are reused.
        uids: { first: 100_000, last: 100_127 },
      });
      await agent.node.start();
      const end = await agent.node.ended;
      throw end.why === 'fault' ? end.error : new Error(end.why);
    };
    run().catch((fault: unknown) => {
      if (life.isDead) return;
      around.trace.note(life.name, `ends: ${fault instanceof Error ? fault.message : String(fault)}`);
      this.killAgent();
      around.time.schedule(random.between(500, 5_000), () => this.startAgent());
    });
  }

  /** Returns another machine, without containers and volumes, that has a copy of this one's data directory now. */
  copied(address: string): Machine {
    const { random } = this.#options;
    const copy = new Copy({ ...this.#options, address, random: random.fork(address), transfer: undefined });
    copy.disk.becomeCopyOf(this.disk);
    return copy;
  }

  /** Ends it for ever. */
  retire(): void {
    this.#isRetired = true;
    this.killAgent();
  }

  /** A stream to the controller is up. Frames from now on go through `say`. */
  opened(say: (frame: NodeFrame) => void): void {
    this.#say = say;
  }

  /** The controller received this frame of its node agent. */
  arrived(frame: NodeFrame): void {
    if (!REPEATED.has(frame.kind)) return;
    this.#reported.push(frame);
    if (this.#reported.length > FRAMES_KEPT) this.#reported.shift();
  }

  /** Repeats some frames, like a network or a node agent that is unsure of their delivery. */
  repeatFrames(): void {
    const { random, around } = this.#options;
    const agent = this.agent;
    for (const frame of [...this.#reported]) {
      if (!random.chance(0.2)) continue;
      around.time.schedule(random.between(0, 2_000), () => this.agent === agent && agent?.life.run(() => this.#say(frame)));
    }
  }

  /** The process is gone: its kernel closes its sockets, and containers continue. */
  killAgent(): void {
    const { agent } = this;
    if (agent === undefined) return;
    this.agent = undefined;
    agent.life.kill();
    void this.host.closeAll();
  }

  /** The daemon runs, but answers nothing. */
  hangEngine(): void {
    this.trouble.hung ??= [];
  }

  /** The daemon continues. Calls made meanwhile are done now, or were lost. */
  wakeEngine(): void {
    const { random, around } = this.#options;
    const hung = this.trouble.hung ?? [];
    this.trouble.hung = undefined;
    for (const { goOn, lose } of hung) around.time.schedule(random.between(0, 500), random.chance(0.6) ? goOn : lose);
  }

  /**
   * Like `docker image prune -a`: removes unused images, except the base image, which the node
   * agent keeps.
   */
  pruneImages(): void {
    const { host } = this;
    const { chronicle, auditors } = this.#options.around;
    const imageOf = (id: string) => chronicle.sessions.get(id)?.image ?? auditors.slots.rows.get(id)?.image;
    const used = new Set([...host.containers.keys()].map(imageOf));
    void host.images().then((images) => {
      for (const image of images) if (image !== this.#options.image && !used.has(image)) host.loseImage(image);
    });
  }

  stopEngine(gone: boolean): void {
    this.trouble.down = true;
    this.endContainers(gone);
  }

  /** Asks all watchers to list everything. */
  startEngine(): void {
    this.trouble.down = false;
    for (const look of this.watching) look();
  }

  endContainers(gone: boolean): void {
    this.host.copier.kill();
    this.builds.endJobs(new Error('the engine ended it'));
    for (const [sessionId, { state }] of [...this.host.containers]) {
      if (gone) this.host.lose(sessionId);
      else if (state !== 'exited') this.host.end(sessionId);
    }
  }

  /** Loses parts of what was not synced. Nobody is notified, not even the network. */
  cutPower(): void {
    this.killAgent();
    this.trouble.down = true;
    this.trouble.powerCuts += 1;
    const fraction = () => this.#options.random.fraction();
    const running = [...this.guests.keys()];
    this.endContainers(false);
    this.disk.inner.cutPower(fraction);
    for (const sessionId of running) this.volumes.get(sessionId)?.inner.cutPower(fraction);
  }

  #hasGuest(sessionId: string): boolean {
    const welcome = this.#welcomes.get(this.guests.get(sessionId)?.name ?? '');
    return welcome?.isOpen() === true && this.#options.around.time.now - welcome.sinceMs >= WELCOME_FOR_MS;
  }

  #containerIs(sessionId: string, state: 'running' | 'paused' | 'ended'): void {
    const { around } = this.#options;
    const guest = this.guests.get(sessionId);
    around.trace.note(this.name, `container of ${sessionId} is ${state}`);
    if (state === 'ended') {
      this.guests.delete(sessionId);
      guest?.kill();
    } else if (state === 'paused') guest?.stop();
    else if (guest === undefined) this.#startGuest(sessionId);
    else guest.resume((work) => around.time.schedule(0, work));
  }

  /** The source was read, but the copy is not flushed yet. */
  #volumeCopied(from: string, to: string): void {
    const platter = this.#platter(to);
    platter.becomeCopyOf(this.#platter(from));
    const life = this.agent?.life;
    if (life !== undefined) void this.#options.around.reach('copy.read', { life, machine: this.name, sessionId: from });
  }

  #platter(sessionId: string): Platter {
    const platter = this.volumes.get(sessionId) ?? new Platter();
    this.volumes.set(sessionId, platter);
    return platter;
  }

  #startGuest(sessionId: string): void {
    const { around } = this.#options;
    this.#lives += 1;
    const name = `${sessionId.slice(0, 8)}#${this.#lives}`;
    const random = this.#options.random.fork(name);
    const platter = this.#platter(sessionId);
    const life = startGuest({
      ...{ around, name, machine: this.name, sessionId, wall: this.wall, random, marks: platter.marks },
      disk: (own) => diskFor(platter, { time: around.time, life: own, random: random.fork('disk') }),
      dialer: (own) => ({
        connect: () => this.#knock(sessionId, own, random),
        stream: () => this.#knockStream(sessionId, own, random),
        opened: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
      }),
      ended: (own) => {
        if (this.guests.get(sessionId) === own) this.host.end(sessionId);
      },
    });
    this.guests.set(sessionId, life);
  }

  #knockStream(sessionId: string, life: Life, random: SeededRandom): Promise<StreamLink> {
    const { around } = this.#options;
    return new Promise((resolve, reject) => {
      around.time.schedule(random.mostlySmall(0.02, 2), () =>
        life.run(() => {
          const agent = this.agent;
          if (agent === undefined || agent.life.isDead || !this.host.isOpen(sessionId)) return reject(new Error('nobody listens'));
          const connection = new Connection<StreamFrame, StreamFrame>(
            { life, out: streamFrames, in: streamFrames },
            { life: agent.life, out: streamFrames, in: streamFrames },
            {
              time: around.time,
              route: { latencyMs: () => random.mostlySmall(0.02, 2), isCut: () => false },
              bound: random.pick([2, 16, 64]) ?? 16,
              sent: (from, kind) => around.trace.note(from, `stream ${kind} (${sessionId.slice(0, 8)})`),
            },
          );
          agent.life.run(() => this.host.enterStream(sessionId, connection.right) || connection.right.close());
          resolve(connection.left);
        }),
      );
    });
  }

  #knock(sessionId: string, life: Life, random: SeededRandom) {
    const { around } = this.#options;
    return new Promise<HostLink>((resolve, reject) => {
      around.time.schedule(random.mostlySmall(0.02, 2), () =>
        life.run(() => {
          const agent = this.agent;
          if (agent === undefined || agent.life.isDead || !this.host.isOpen(sessionId)) return reject(new Error('nobody listens'));
          const connection = new Connection<GuestFrame, HostFrame>(
            { life, out: lean.guestFrames, in: lean.hostFrames },
            { life: agent.life, out: hostFrames, in: guestFrames },
            {
              time: around.time,
              route: { latencyMs: () => random.mostlySmall(0.02, 2), isCut: () => false },
              bound: 64,
              sent: (from, kind) => around.trace.note(from, `${kind} (${sessionId.slice(0, 8)})`),
            },
          );
          agent.life.run(() => this.host.enter(sessionId, connection.right) || connection.right.close());
          let welcomed = false;
          const hear = (frame: HostFrame) => {
            around.chronicle.settlement.heard(life.name, frame);
            around.auditors.cancels.heard(life.name, frame);
            const isOpen = () => !connection.left.isOver && !connection.right.isOver;
            if (frame.kind === 'welcome' && !welcomed) this.#welcomes.set(life.name, { sinceMs: around.time.now, isOpen });
            welcomed ||= frame.kind === 'welcome';
            return frame;
          };
          resolve(overheard(connection.left, hear));
        }),
      );
    });
  }
}

class Copy extends Machine {
  override readonly isCopy = true;
}
