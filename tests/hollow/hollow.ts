import type { Exit } from '../../node-agent/domain/container-end.ts';
import type { ContainerSeen, VolumeSeen } from '../../node-agent/domain/session.ts';
import type { BuildOutcome } from '../../node-agent/engine/build-engine.ts';
import type { Capacity, Driver, DriverChange, ImagePlan, MakePlan, MoveOutcome, RemovalOutcome } from '../../node-agent/engine/driver.ts';
import type { Outcome } from '../../node-agent/engine/outcome.ts';
import type { Seen } from '../../node-agent/engine/seen.ts';
import type { SessionPlan } from '../../node-agent/engine/session-plan.ts';
import type { CopySeen, VolumeWork } from '../../node-agent/engine/volume-work.ts';
import type { GuestLink, GuestListener } from '../../node-agent/guests/listener.ts';
import type { GuestFrame, HostFrame } from '../../proto/frame.ts';
import type { StreamFrame, StreamLink } from '../../proto/streams/stream-frame.ts';
import { pause } from '../../seams/clock.ts';
import { HollowCopier } from './copier.ts';
import { emptyHollowJournal, HollowGuest, type HollowJournal } from './guest.ts';
import { linkPair } from './link-pair.ts';
import type { HollowCall, HollowOptions } from './options.ts';

interface Volume extends VolumeSeen {
  readonly space: string;
  /** Its id. */
  readonly disk: string;
  readonly journal: HollowJournal;
  /** The owner of the files in it. */
  readonly uid: number;
}

/**
 * An engine that only pretends, with guests that only pretend: driver and doors in one. What it holds is this machine's containers: handed to a second
 * node agent it is the host after a restart of the first.
 */
export class HollowHost implements Driver, GuestListener {
  readonly kind = 'hollow';
  readonly profiles = ['workstation'] as const;
  readonly facts: Driver['facts'];
  /** Undefined: images stay where they are. */
  transfer: Driver['transfer'];
  readonly copier: HollowCopier;
  readonly #options: HollowOptions;
  readonly #containers = new Map<string, ContainerSeen>();
  /** What each container was made from. */
  readonly #plans = new Map<string, { readonly space: string; readonly image: string }>();
  readonly #volumes = new Map<string, Volume>();
  readonly #images = new Map<string, { id: string; labels: Readonly<Record<string, string>> }>();
  readonly #listener = new Set<string>();
  readonly #directories = new Set<string>();
  readonly #guests = new Map<string, HollowGuest>();
  readonly #watchers = new Set<(change: DriverChange) => void>();
  readonly #held = new Set<string>();
  #guest: (sessionId: string, link: GuestLink) => void = (_, link) => link.close();
  #stream: (sessionId: string, link: StreamLink) => void = (_, link) => link.close();

  constructor(options: HollowOptions) {
    this.#options = options;
    this.facts = options.platform === undefined ? undefined : { id: '', platform: options.platform };
    this.copier = new HollowCopier({
      clock: options.clock,
      copyMs: () => options.copyMs?.() ?? 0,
      runs: (sessionId) => this.#containers.get(sessionId)?.state === 'running',
      copy: (from, to) => this.#copy(from, to),
      changed: (sessionId) => this.#tell({ kind: 'session', sessionId }),
    });
    for (const tag of options.images ?? ['raworc/session:hollow']) this.#images.set(tag, { id: `sha256:${tag}`, labels: {} });
  }

  // What a test does to the machine.

  /** Its container ends, as if its main process had. */
  end(sessionId: string, exit: Exit = { code: 0, outOfMemory: false }): void {
    const container = this.#containers.get(sessionId);
    if (container !== undefined) this.#become(sessionId, { ...container, state: 'exited', exit });
  }

  /** The engine starts anew: all containers end with it, a moment before it is seen to go, or when it is `killed`, found ended once it is back. */
  restartEngine(killed = false): void {
    if (killed) this.#tell({ kind: 'lost' });
    this.copier.kill();
    for (const [sessionId, { state }] of this.#containers) if (state === 'running' || state === 'paused') this.end(sessionId);
    if (!killed) this.#tell({ kind: 'lost' });
    this.#tell({ kind: 'everything' });
  }

  /** Its container is gone, and nobody was told to remove it. */
  lose(sessionId: string): void {
    this.#plans.delete(sessionId);
    if (this.#containers.delete(sessionId)) this.#changed(sessionId);
  }

  loseVolume(sessionId: string): void {
    if (!this.#volumes.delete(sessionId)) return;
    this.copier.volumeLost(sessionId);
    this.#options.inside?.volumeGone(sessionId);
    this.#changed(sessionId);
  }

  /** From now on this session's messages are taken and not answered. */
  hold(sessionId: string): void {
    this.#held.add(sessionId);
  }

  release(sessionId: string): void {
    this.#held.delete(sessionId);
    this.#guests.get(sessionId)?.proceed();
  }

  addImage(tag: string, image: { id: string; labels: Readonly<Record<string, string>> } = { id: `sha256:${tag}`, labels: {} }): void {
    this.#images.set(tag, image);
    this.#tell({ kind: 'images' });
  }

  hasImage(tag: string): boolean {
    return this.#images.has(tag);
  }

  /** Whether a container has it. */
  usesImage(tag: string): boolean {
    return [...this.#containers.keys()].some((sessionId) => this.#plans.get(sessionId)?.image === tag);
  }

  loseImage(tag: string): void {
    if (this.#images.delete(tag)) this.#tell({ kind: 'images' });
  }

  get containers(): ReadonlyMap<string, ContainerSeen> {
    return this.#containers;
  }

  /** Where two sessions had one user id at a time, or a session another one than its files: in words, and never forgotten. */
  readonly uidFaults: string[] = [];

  get volumes(): ReadonlyMap<string, VolumeSeen> {
    return this.#volumes;
  }

  // Driver

  async prepare(): Promise<void> {}

  async ping(signal: AbortSignal): Promise<void> {
    await this.#call('ping', '', signal);
  }

  async capacity(): Promise<Capacity> {
    return this.#options.capacity ?? { cpuMillis: 4000, memoryBytes: 8 * 1024 ** 3, sessions: 0 };
  }

  async list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>> {
    await this.#call('list', '', signal);
    const ids = new Set([...this.#containers.keys(), ...this.#volumes.keys()]);
    return new Map([...ids].map((sessionId) => [sessionId, this.#seen(sessionId)]));
  }

  async observe(sessionId: string, signal: AbortSignal): Promise<Seen> {
    await this.#call('observe', sessionId, signal);
    return this.#seen(sessionId);
  }

  async volume(work: VolumeWork, signal: AbortSignal): Promise<Outcome> {
    const sessionId = 'plan' in work ? work.plan.sessionId : work.sessionId;
    await this.#call(work.kind, sessionId, signal);
    switch (work.kind) {
      case 'create-volume':
        return { ok: true, disk: this.#createVolume(work.plan) };
      case 'prepare-copy':
        return this.copier.prepare(work.plan);
      case 'start-copy':
        return this.copier.start(sessionId, work.read);
      case 'end-copy':
        return this.copier.end(sessionId);
      case 'remove-volume':
        if (this.copier.reads(sessionId)) throw new Error('the volume is in use');
        this.loseVolume(sessionId);
        return { ok: true };
      default:
        return work satisfies never;
    }
  }

  async copy(sessionId: string): Promise<CopySeen> {
    return this.copier.observe(sessionId);
  }

  async copies(): Promise<readonly string[]> {
    return this.copier.list();
  }

  async createContainer({ sessionId, generation, image, space, disk, uid }: SessionPlan, signal: AbortSignal): Promise<Outcome> {
    await this.#call('createContainer', sessionId, signal);
    const own = this.#volumes.get(sessionId)?.disk;
    if (disk !== undefined && own !== undefined && disk !== own)
      return { ok: false, why: 'refused', reason: 'The disk on this node is not the one that this session was created with.' };
    if (!this.#images.has(image)) return { ok: false, why: 'no-image' };
    if (this.#containers.has(sessionId)) return { ok: false, why: 'exists' };
    for (const [other, volume] of this.#volumes)
      if ((other === sessionId) !== (volume.uid === uid))
        this.uidFaults.push(`the agents of ${sessionId} have the user id ${uid}, the files of ${other} ${volume.uid}`);
    this.#plans.set(sessionId, { space, image });
    this.#become(sessionId, { id: this.#options.random.uuid().replaceAll('-', ''), state: 'created', generation, isolation: 'container' });
    return { ok: true };
  }

  async start(sessionId: string, signal: AbortSignal): Promise<Outcome> {
    await this.#call('start', sessionId, signal);
    const container = this.#containers.get(sessionId);
    if (container === undefined) return { ok: false, why: 'failed', reason: 'There is no such container.' };
    const { id, state, generation, isolation } = container;
    if (state === 'created' || state === 'exited') this.#become(sessionId, { id, generation, isolation, state: 'running' });
    return { ok: true };
  }

  async pause(sessionId: string, signal: AbortSignal): Promise<void> {
    return this.freeze(sessionId, signal, 'pause');
  }

  async freeze(sessionId: string, signal: AbortSignal, call: 'freeze' | 'pause' = 'freeze'): Promise<void> {
    await this.#call(call, sessionId, signal);
    const container = this.#containers.get(sessionId);
    if (container?.state === 'running') this.#become(sessionId, { ...container, state: 'paused' });
  }

  async unpause(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.#call('unpause', sessionId, signal);
    const container = this.#containers.get(sessionId);
    if (container?.state === 'paused') this.#become(sessionId, { ...container, state: 'running' });
  }

  async removeContainer(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.#call('removeContainer', sessionId, signal);
    this.lose(sessionId);
  }

  watch(listener: (change: DriverChange) => void): { close(): void } {
    this.#watchers.add(listener);
    this.#options.clock.soon(() => this.#watchers.has(listener) && listener({ kind: 'everything' }));
    return { close: () => this.#watchers.delete(listener) };
  }

  async images(): Promise<readonly string[]> {
    return [...this.#images.keys()];
  }

  async inspectImage(tag: string) {
    return this.#images.get(tag);
  }

  async buildImage({ image, labels, context }: ImagePlan, signal: AbortSignal): Promise<BuildOutcome> {
    await this.#call('buildImage', '', signal);
    // Read to its end, so that what is wrong with a source shows here too.
    for await (const _ of context);
    const id = `sha256:${this.#options.random.uuid()}`;
    this.#images.set(image, { id, labels });
    this.#tell({ kind: 'images' });
    return { ok: true, imageId: id };
  }

  async makeImage({ image }: MakePlan): Promise<MoveOutcome> {
    this.addImage(image);
    return { ok: true };
  }

  async removeImage(tag: string): Promise<RemovalOutcome> {
    if (this.usesImage(tag)) return 'in-use';
    this.loseImage(tag);
    return 'removed';
  }

  async dismantle(): Promise<void> {}

  // Doors

  onGuest(listener: (sessionId: string, link: GuestLink) => void): void {
    this.#guest = listener;
  }

  onStream(listener: (sessionId: string, link: StreamLink) => void): void {
    this.#stream = listener;
  }

  async open(sessionId: string): Promise<string> {
    this.#listener.add(sessionId);
    this.#directories.add(sessionId);
    this.#connect(sessionId);
    return `/hollow/${sessionId}`;
  }

  isOpen(sessionId: string): boolean {
    return this.#listener.has(sessionId);
  }

  /** A guest of the caller's own connects. False when there is no door to come in by. */
  enter(sessionId: string, link: GuestLink): boolean {
    if (!this.#listener.has(sessionId)) return false;
    this.#guest(sessionId, link);
    return true;
  }

  /** A guest of the caller's own connects once more, with a byte stream. */
  enterStream(sessionId: string, link: StreamLink): boolean {
    if (!this.#listener.has(sessionId)) return false;
    this.#stream(sessionId, link);
    return true;
  }

  async left(): Promise<readonly string[]> {
    return [...this.#directories];
  }

  async closeAll(): Promise<void> {
    for (const sessionId of this.#listener) this.#disconnect(sessionId);
    this.#listener.clear();
  }

  /** Of a driver: nothing to let go of. Of a door: it is shut, and its directory gone. */
  close(): void;
  close(sessionId: string): Promise<void>;
  close(sessionId?: string): void | Promise<void> {
    if (sessionId === undefined) return;
    this.#listener.delete(sessionId);
    this.#directories.delete(sessionId);
    this.#disconnect(sessionId);
    return Promise.resolve();
  }

  async #call(call: HollowCall, sessionId: string, signal: AbortSignal): Promise<void> {
    const { clock, callMs, fault } = this.#options;
    const delayMs = callMs?.(call) ?? 0;
    if (delayMs > 0) await pause(clock, delayMs, signal);
    signal.throwIfAborted();
    fault?.(call, sessionId);
  }

  /** Returns the id of its disk. */
  #createVolume({ sessionId, generation, space, uid }: SessionPlan): string {
    const there = this.#volumes.get(sessionId);
    if (there !== undefined) return there.disk;
    const disk = this.#options.random.uuid();
    this.#volumes.set(sessionId, { name: `raworc_session_data_${sessionId}`, generation, space, disk, uid, journal: emptyHollowJournal() });
    return disk;
  }

  #seen(sessionId: string): Seen {
    const volume = this.#volumes.get(sessionId);
    const { space = volume?.space ?? '', image = '' } = this.#plans.get(sessionId) ?? {};
    const container = this.#containers.get(sessionId);
    return { container, volume: volume && { name: volume.name, generation: volume.generation, disk: volume.disk }, space, image };
  }

  /** Of a pretended guest's journal nothing is left in a copy: it is stamped with another session's id. */
  #copy(from: string, to: string): boolean {
    const volume = this.#volumes.get(to);
    if (volume === undefined || !this.#volumes.has(from)) return false;
    this.#volumes.set(to, { ...volume, journal: emptyHollowJournal() });
    this.#options.inside?.volumeCopied?.(from, to);
    return true;
  }

  #become(sessionId: string, container: ContainerSeen): void {
    this.#containers.set(sessionId, container);
    this.copier.moved(sessionId);
    this.#changed(sessionId);
  }

  #changed(sessionId: string): void {
    const state = this.#containers.get(sessionId)?.state;
    this.#options.inside?.containerIs(sessionId, state === 'running' || state === 'paused' ? state : 'ended');
    const guest = this.#guests.get(sessionId);
    if (state === 'paused') guest?.freeze();
    else if (state !== 'running') this.#disconnect(sessionId);
    else if (guest === undefined || guest.isClosed) this.#connect(sessionId);
    else guest.thaw();
    this.#tell({ kind: 'session', sessionId });
  }

  #connect(sessionId: string): void {
    if (this.#options.inside !== undefined) return;
    const volume = this.#volumes.get(sessionId);
    if (!this.#listener.has(sessionId) || this.#containers.get(sessionId)?.state !== 'running' || volume === undefined) return;
    if (this.#guests.get(sessionId)?.isClosed === false) return;
    const { clock, random, answer, answerMs } = this.#options;
    const [host, guest] = linkPair<HostFrame, GuestFrame>(clock);
    this.#guest(sessionId, host);
    this.#guests.set(
      sessionId,
      new HollowGuest(guest, {
        sessionId,
        journal: volume.journal,
        clock,
        random,
        answerAfterMs: answerMs ?? (() => 0),
        held: () => this.#held.has(sessionId),
        connectStream: () => {
          const [outer, inner] = linkPair<StreamFrame, StreamFrame>(clock);
          this.#stream(sessionId, outer);
          return inner;
        },
        answer: answer ?? ((message) => `echo: ${message.content}`),
      }),
    );
  }

  #disconnect(sessionId: string): void {
    this.#guests.get(sessionId)?.close();
    this.#guests.delete(sessionId);
  }

  #tell(change: DriverChange): void {
    for (const watcher of this.#watchers) this.#options.clock.soon(() => this.#watchers.has(watcher) && watcher(change));
  }
}
