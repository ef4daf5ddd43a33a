import type Docker from 'dockerode';
import { z } from 'zod';
import type { Capacity, Driver, DriverChange } from '../driver.ts';
import type { Outcome } from '../outcome.ts';
import type { Seen } from '../seen.ts';
import type { SessionPlan } from '../session-plan.ts';
import type { CopySeen, VolumeWork } from '../volume-work.ts';
import { ImageAccounts } from './accounts.ts';
import { DockerBounds } from './bounds.ts';
import { BridgeUse } from './bridge-use.ts';
import { abortable, unless } from './client.ts';
import type { ContainerPlaces } from './container.ts';
import { preparedContainer } from './containers/create-container.ts';
import { SessionContainers } from './containers/session-containers.ts';
import type { DockerDeps } from './driver-deps.ts';
import { watchDocker } from './events.ts';
import { readFacts } from './facts.ts';
import { DockerImages } from './images/images.ts';
import { kernelFiles, MemoryReturn } from './memory.ts';
import { ensureNetwork, networkRoom, removeNetwork, SESSION_NETWORK } from './network.ts';
import { outcomeOf } from './outcomes.ts';
import { SessionResolvers } from './session-resolvers.ts';
import { DockerVolumes, volumeSeen } from './volumes.ts';

/** Share of the machine's memory for the system and the engine. */
const MEMORY_KEPT = 0.1;

const info = z.object({ NCPU: z.number(), MemTotal: z.number() });

/** Drives Docker through its API. See {@link Driver} for the guarantees of each call. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly transfer: Driver['transfer'];
  facts: Driver['facts'];
  readonly builds: Driver['builds'];
  readonly cgroupParent = () => this.#bounds?.parent;
  readonly images: Driver['images'] = (signal) => this.#images.list(signal);
  readonly inspectImage: Driver['inspectImage'] = (tag, signal) => this.#images.inspect(tag, signal);
  readonly buildImage: Driver['buildImage'] = (plan, signal) => this.#images.build(plan, signal);
  readonly makeImage: Driver['makeImage'];
  readonly removeImage: Driver['removeImage'] = (tag, signal) => this.#images.remove(tag, signal);
  readonly #deps: DockerDeps;
  readonly #docker: Docker;
  readonly #memory: MemoryReturn;
  readonly #containers: SessionContainers;
  readonly #accounts: ImageAccounts;
  readonly #volumes: DockerVolumes;
  readonly #images: DockerImages;
  readonly #resolvers: SessionResolvers;
  readonly #bridge: BridgeUse | undefined;
  readonly #ending = new AbortController();
  #bounds: DockerBounds | undefined;

  constructor(deps: DockerDeps) {
    this.#deps = deps;
    const { clients, owner, disks, conditions, log, run, baseImages, movingNames, metrics } = deps;
    const { cgroupParent } = this;
    this.#docker = clients.calls;
    this.#bridge = conditions && new BridgeUse({ bridge: SESSION_NETWORK.bridge, conditions });
    this.#accounts = new ImageAccounts(clients.calls, owner);
    this.#containers = new SessionContainers(clients.calls, owner, (found) => this.#bounds?.isOutside(found) === true);
    const containers = this.#containers;
    this.#volumes = new DockerVolumes({ docker: clients.calls, streams: clients.streams, owner, disks, containers, log, cgroupParent });
    this.#images = new DockerImages({ clients, owner, baseImages, movingNames, metrics, cgroupParent });
    this.transfer = deps.transfer;
    this.builds = deps.builds;
    const { workstations } = deps;
    this.makeImage = workstations && ((plan, signal) => workstations.make(plan, signal));
    this.#resolvers = new SessionResolvers({ containers, log, conditions, run });
    this.#memory = new MemoryReturn(kernelFiles, log);
  }

  async prepare(signal: AbortSignal): Promise<void> {
    this.facts = await readFacts(this.#docker, this.#deps.runtime, signal);
    await this.#bound(signal);
    const network = { ...SESSION_NETWORK, subnet: this.#deps.subnet };
    await ensureNetwork(this.#docker, network, signal);
    if (this.#bridge !== undefined) this.#bridge.room = await networkRoom(this.#docker, network, signal);
    await this.#bridge?.look();
    await abortable(signal, this.#deps.guard.apply());
    await abortable(signal, this.#deps.disks.sweep());
    await this.#deps.workstations?.prepare(signal);
    await abortable(signal, this.#accounts.sweep());
    await this.#volumes.engine.refresh(signal);
  }

  async #bound(signal: AbortSignal): Promise<void> {
    const { bounds, conditions } = this.#deps;
    if (bounds === undefined) return;
    this.#bounds ??= await DockerBounds.open(this.#docker, this.#deps.owner.nodeId.slice(0, 8), bounds, conditions, signal);
    await this.#bounds.ensure();
  }

  async ping(signal: AbortSignal): Promise<void> {
    await abortable(signal, this.#deps.clients.probe.ping());
  }

  async capacity(signal: AbortSignal): Promise<Capacity> {
    const sessions = await networkRoom(this.#docker, SESSION_NETWORK, signal);
    if (this.#bounds !== undefined) return this.#bounds.capacity(sessions);
    const { NCPU, MemTotal } = info.parse(await abortable(signal, this.#docker.info()));
    return { cpuMillis: NCPU * 1000, memoryBytes: Math.floor(MemTotal * (1 - MEMORY_KEPT)), sessions };
  }

  async list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>> {
    const [containers, volumes] = await abortable(signal, Promise.all([this.#containers.list(), this.#volumes.list()]));
    const open = [...containers].filter(([id, found]) => this.#resolvers.isOpen(id, found)).map(([id]) => id);
    void this.#resolvers.closeAll(open, this.#ending.signal);
    const seen = new Map<string, Seen>([...containers].map(([sessionId, found]) => [sessionId, { ...found, volume: undefined }]));
    for (const [sessionId, volume] of volumes) {
      const { container, image = '' } = seen.get(sessionId) ?? {};
      seen.set(sessionId, { container, volume: volumeSeen(sessionId, volume), space: volume.space, image });
    }
    return seen;
  }

  async observe(sessionId: string, signal: AbortSignal): Promise<Seen> {
    const [found, volume] = await abortable(signal, Promise.all([this.#containers.find(sessionId), this.#volumes.find(sessionId)]));
    if (this.#resolvers.isOpen(sessionId, found)) await this.#resolvers.close(sessionId, signal);
    return {
      container: found?.container,
      volume: volume && volumeSeen(sessionId, volume),
      space: found?.space ?? volume?.space ?? '',
      image: found?.image ?? '',
    };
  }

  volume(work: VolumeWork, signal: AbortSignal): Promise<Outcome> {
    return this.#volumes.run(work, signal);
  }

  copy(sessionId: string, signal: AbortSignal): Promise<CopySeen> {
    return this.#volumes.copier.observe(sessionId, signal);
  }

  copies(signal: AbortSignal): Promise<readonly string[]> {
    return this.#volumes.copier.list(signal);
  }

  async createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Outcome> {
    const outcome = await this.#createContainer(plan, signal);
    if (outcome.ok || outcome.why !== 'exists') return outcome;
    const reason = await abortable(signal, this.#containers.nameTaken(plan.sessionId));
    return reason === undefined ? outcome : { ok: false, why: 'refused', reason };
  }

  async #createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Outcome> {
    return outcomeOf(signal, async () => {
      const { owner, disks, workstations, openFiles } = this.#deps;
      const deps = {
        owner,
        disks,
        workstations,
        openFiles,
        volumes: this.#volumes,
        accounts: this.#accounts,
        places: () => this.#places(),
      };
      const prepared = await preparedContainer(deps, plan, signal);
      if (!prepared.ok) return prepared;
      const { id } = await this.#docker.createContainer(prepared.options);
      this.#containers.created(plan.sessionId, id);
      return { ok: true, disk: prepared.disk };
    });
  }

  async #places(): Promise<Omit<ContainerPlaces, 'disk' | 'passwd'>> {
    await this.#bounds?.ensure();
    const { guestDirectory: guest, resolvConf, models, runtime } = this.#deps;
    const isolation = this.facts?.isolation;
    return { guest, resolvConf: resolvConf?.(), cgroup: this.#bounds?.parent, models, runtime, isolation };
  }

  get profiles(): Driver['profiles'] {
    return this.#deps.workstations?.profiles;
  }

  async start(sessionId: string, signal: AbortSignal): Promise<Outcome> {
    const started = await this.#start(sessionId, signal);
    if (started.ok || started.why !== 'failed' || !/network .* not found/i.test(started.reason)) return started;
    // Another node agent has removed the network while shutting down.
    await this.prepare(signal);
    return this.#start(sessionId, signal);
  }

  async pause(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.freeze(sessionId, signal);
    const inspected = this.#containers.on(sessionId, (container) => container.inspect());
    const found = await unless([404], abortable(signal, inspected));
    if (found?.State.Paused === true) void this.#memory.begin(sessionId, found.State.Pid);
  }

  async freeze(sessionId: string, signal: AbortSignal): Promise<void> {
    // 409: it is already paused, or no longer running. The caller checks again.
    const paused = this.#containers.on(sessionId, (container) => container.pause());
    await unless([404, 409], abortable(signal, paused));
  }

  async unpause(sessionId: string, signal: AbortSignal): Promise<void> {
    this.#memory.end(sessionId);
    const unpaused = this.#containers.on(sessionId, (container) => container.unpause());
    await unless([404, 409], abortable(signal, unpaused));
  }

  async removeContainer(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.#removeContainer(sessionId, signal);
    await this.#bridge?.look();
  }

  async #removeContainer(sessionId: string, signal: AbortSignal): Promise<void> {
    const id = await abortable(signal, this.#containers.least(sessionId));
    if (id === undefined) return;
    this.#resolvers.forget(sessionId);
    await abortable(signal, this.#volumes.engine.beforeRemoval(sessionId, id));
    // By id, because another container can have the name by now. Also removes anonymous volumes,
    // which an image can declare.
    const removed = await unless(
      [404, 409],
      abortable(signal, this.#docker.getContainer(id).remove({ force: true, v: true })).then(() => true),
    );
    if (removed) return this.#volumes.release(sessionId);
    // 409: an earlier call of ours that was cut off is already removing it. Wait for that to end.
    const { streams } = this.#deps.clients;
    await unless([404], abortable(signal, streams.getContainer(id).wait({ condition: 'removed' })));
    this.#volumes.release(sessionId);
  }

  watch(listener: (change: DriverChange) => void): { close(): void } {
    const { clients, clock, log } = this.#deps;
    return watchDocker(clients.streams, this.#deps.owner, clock, log, (change, containerId) => {
      if (change.kind === 'session' && containerId !== undefined) this.#containers.heard(change.sessionId, containerId);
      listener(change);
    });
  }

  async restoreImage(tag: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#deps.baseImages?.restore(tag, signal)) === true;
  }

  async dismantle(signal: AbortSignal): Promise<void> {
    await this.#bounds?.remove();
    if (!(await removeNetwork(this.#docker, SESSION_NETWORK, signal))) return;
    await this.#deps.guard.remove();
    // Another node agent can have recreated the network meanwhile, so it must not be left
    // unprotected.
    const remade = await unless([404], abortable(signal, this.#docker.getNetwork(SESSION_NETWORK.name).inspect()));
    if (remade !== undefined) await this.#deps.guard.apply();
  }

  close(): void {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#deps.guard.close();
    this.#memory.close();
    this.#deps.baseImages?.close();
    this.#volumes.close();
  }

  async #start(sessionId: string, signal: AbortSignal): Promise<Outcome> {
    const started = await this.#begin(sessionId, signal);
    // Notice a full bridge at once instead of at the next listing.
    await this.#bridge?.look();
    return started;
  }

  async #begin(sessionId: string, signal: AbortSignal): Promise<Outcome> {
    const outcome = await outcomeOf(signal, async () => {
      await this.#volumes.mount(sessionId);
      this.#resolvers.forget(sessionId);
      const started = await this.#containers.on(sessionId, (container) => unless([304], container.start()).then(() => true));
      return started ? { ok: true } : { ok: false, why: 'failed', reason: 'The container of this session no longer exists in Docker.' };
    });
    if (outcome.ok) await this.#resolvers.close(sessionId, signal);
    if (outcome.ok || outcome.why !== 'exists') return outcome;
    return { ok: false, why: 'failed', reason: 'Docker is removing the container.' };
  }
}
