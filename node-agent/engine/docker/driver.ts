import type Docker from 'dockerode';
import { z } from 'zod';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Conditions } from '../../conditions.ts';
import { passwdFor } from '../../domain/accounts.ts';
import type { VolumeSeen } from '../../domain/session.ts';
import type { Command } from '../../volumes/command.ts';
import type { DiskRecord } from '../../volumes/disk-record.ts';
import type { Disks } from '../../volumes/disks.ts';
import type { VolumeCopier } from '../copier.ts';
import type { Capacity, Driver, DriverChange, ImageMade, ImagePlan, Made, Seen, SessionPlan } from '../driver.ts';
import { ImageAccounts } from './accounts.ts';
import type { BaseImage, DockerBaseImages } from './base-images.ts';
import { type BoundsOptions, DockerBounds } from './bounds.ts';
import { BridgeUse } from './bridge-use.ts';
import { abortable, answerOf, type DockerClients, messageOf, unless } from './client.ts';
import { containerName, containerOptions, type Owner, ownedBy, RESOLV_CONF, volumeName } from './container.ts';
import { DockerCopier } from './copier.ts';
import { watchDocker } from './events.ts';
import { jsonLines } from './json-lines.ts';
import { kernelFiles, MemoryReturn } from './memory.ts';
import { ensureNetwork, networkRoom, removeNetwork, SESSION_NETWORK } from './network.ts';
import { closeDockerResolver } from './resolver.ts';
import { type FoundContainer, SessionContainers } from './session-containers.ts';
import { EngineVolumes } from './volumes.ts';

/** What closes the network of sessions towards this machine and what is near it. */
export interface NetworkGuard {
  apply(): Promise<void>;
  remove(): Promise<void>;
  /** What is in force stays, and is watched over no more. */
  close(): void;
}

export interface DockerOptions {
  readonly clients: DockerClients;
  readonly owner: Owner;
  /** On the host: the guest's files and the Node.js binary that runs them. */
  readonly guestDirectory: string;
  readonly guard: NetworkGuard;
  readonly disks: Disks;
  /** Keeps what builds and sessions start from out of the reach of the engine's clean-up. */
  readonly baseImages?: DockerBaseImages;
  readonly clock: Clock;
  readonly log: Log;
  /** An IPv4 range for the network of sessions, where that is made now. */
  readonly subnet?: string | undefined;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  /** Not given: containers are bounded one by one only. */
  readonly bounds?: BoundsOptions;
  /** What sessions see as /etc/resolv.conf; undefined: what Docker makes, which asks the name server of Docker. */
  readonly resolvConf?: () => string | undefined;
  /** Of one process of a session. */
  readonly openFiles?: number;
  /** Programs of the host. Undefined: Docker's name server stays open in containers. */
  readonly run?: Command;
}

/** Of the machine's memory, what is left to the system and the engine. */
const MEMORY_KEPT = 0.1;

const info = z.object({ NCPU: z.number(), MemTotal: z.number() });
const buildLine = z.object({ error: z.string().optional(), aux: z.object({ ID: z.string() }).optional().catch(undefined) });

const ANOTHER_DISK = 'The disk of this session on its node is not the one that it was made with.';
const NOT_SEEN = /bind source path does not exist/i;
const DISK_NOT_SEEN =
  'Docker does not see the disk of this session. Run the node agent and Docker in one mount namespace (systemd: no PrivateMounts), then recover the session.';

/** A disk that cannot be made or mounted: the reason is a sentence for a person. */
class DiskFailure extends Error {}

function asDiskFailure(error: unknown): never {
  throw new DiskFailure(`The disk of this session is not usable: ${messageOf(error)}`, { cause: error });
}

function baseImagesIn({ Id, Labels, RepoTags, Created }: Docker.ImageInfo): BaseImage[] {
  if (Labels?.['raworc.image'] !== 'base') return [];
  return (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>').map((tag) => ({ tag, id: Id, createdAtS: Created }));
}

type VolumeOf = Pick<DiskRecord, 'generation' | 'space'> & { readonly id?: string };

const volumeOf = (sessionId: string, { generation, id }: VolumeOf): VolumeSeen => ({
  name: volumeName(sessionId),
  generation,
  ...(id !== undefined && { disk: id }),
});

/** Docker by its API. See {@link Driver} for what each call promises. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly copier: VolumeCopier;
  readonly #options: DockerOptions;
  readonly #docker: Docker;
  readonly #owner: Owner;
  readonly #memory: MemoryReturn;
  readonly #containers: SessionContainers;
  readonly #accounts: ImageAccounts;
  readonly #disks: Disks;
  readonly #volumes: EngineVolumes;
  readonly #bridge: BridgeUse | undefined;
  /** By session: its container in which Docker's name server was closed, or cannot be. */
  readonly #resolverClosed = new Map<string, string>();
  readonly #ending = new AbortController();
  #bounds: DockerBounds | undefined;

  constructor(options: DockerOptions) {
    this.#options = options;
    const { conditions } = options;
    this.#bridge = conditions && new BridgeUse({ bridge: SESSION_NETWORK.bridge, conditions });
    this.#docker = options.clients.calls;
    this.#owner = options.owner;
    this.#disks = options.disks;
    this.#accounts = new ImageAccounts(this.#docker, this.#owner);
    this.#containers = new SessionContainers(this.#docker, this.#owner, (found) => this.#bounds?.isOutside(found) === true);
    this.#volumes = new EngineVolumes({ docker: this.#docker, owner: this.#owner, disks: options.disks, log: options.log });
    this.#memory = new MemoryReturn(kernelFiles, options.log);
    this.copier = new DockerCopier({
      docker: this.#docker,
      streams: options.clients.streams,
      owner: this.#owner,
      cgroupParent: () => this.#bounds?.parent,
      made: (signal, work) => this.#made(signal, work),
      disk: async (sessionId) => this.#volumes.find(sessionId)?.path ?? (await this.#disks.ready(sessionId)).path,
      ownedAs: (sessionId, from) => this.#disks.copiedFrom(sessionId, from),
      over: (sessionId) => this.#release(sessionId),
    });
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await this.#bound(signal);
    const network = { ...SESSION_NETWORK, subnet: this.#options.subnet };
    await ensureNetwork(this.#docker, network, signal);
    if (this.#bridge !== undefined) this.#bridge.room = await networkRoom(this.#docker, network, signal);
    await this.#bridge?.look();
    await abortable(signal, this.#options.guard.apply());
    await abortable(signal, this.#disks.sweep());
    await abortable(signal, this.#accounts.sweep());
    await this.#volumes.refresh(signal);
  }

  async #bound(signal: AbortSignal): Promise<void> {
    const { bounds, conditions } = this.#options;
    if (bounds === undefined) return;
    this.#bounds ??= await DockerBounds.open(this.#docker, this.#owner.nodeId.slice(0, 8), bounds, conditions, signal);
    await this.#bounds.ensure();
  }

  async ping(signal: AbortSignal): Promise<void> {
    await abortable(signal, this.#options.clients.probe.ping());
  }

  async capacity(signal: AbortSignal): Promise<Capacity> {
    const sessions = await networkRoom(this.#docker, SESSION_NETWORK, signal);
    if (this.#bounds !== undefined) return this.#bounds.capacity(sessions);
    const { NCPU, MemTotal } = info.parse(await abortable(signal, this.#docker.info()));
    return { cpuMillis: NCPU * 1000, memoryBytes: Math.floor(MemTotal * (1 - MEMORY_KEPT)), sessions };
  }

  async list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>> {
    const [containers, disks] = await abortable(signal, Promise.all([this.#containers.list(), this.#disks.list()]));
    void this.#closeResolversLeft([...containers].filter(([id, found]) => this.#isResolverOpen(id, found)).map(([id]) => id));
    const seen = new Map<string, Seen>([...containers].map(([sessionId, found]) => [sessionId, { ...found, volume: undefined }]));
    const volumes = new Map<string, VolumeOf>([...this.#volumes.list(), ...disks]);
    for (const [sessionId, volume] of volumes) {
      const { container, image = '' } = seen.get(sessionId) ?? {};
      seen.set(sessionId, { container, volume: volumeOf(sessionId, volume), space: volume.space, image });
    }
    return seen;
  }

  async observe(sessionId: string, signal: AbortSignal): Promise<Seen> {
    // Asked before the disk: one that is adopted meanwhile is found in one of the two.
    const volume = this.#volumes.find(sessionId);
    const [found, own] = await abortable(signal, Promise.all([this.#containers.find(sessionId), this.#disks.find(sessionId)]));
    const disk = own ?? volume;
    if (this.#isResolverOpen(sessionId, found)) await this.#closeResolver(sessionId, signal);
    return {
      container: found?.container,
      volume: disk && volumeOf(sessionId, disk),
      space: found?.space ?? disk?.space ?? '',
      image: found?.image ?? '',
    };
  }

  async createVolume({ sessionId, generation, space, limits, uid }: SessionPlan, signal: AbortSignal): Promise<Made> {
    return this.#made(signal, async () => {
      const { id } = await this.#disks.create({ sessionId, generation, space, bytes: limits.diskBytes, uid }).catch(asDiskFailure);
      return { ok: true, disk: id };
    });
  }

  async createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Made> {
    const made = await this.#createContainer(plan, signal);
    if (made.ok || made.why !== 'exists') return made;
    const stranger = await this.#stranger(containerName(plan.sessionId), signal);
    return stranger === undefined ? made : { ok: false, why: 'refused', reason: stranger };
  }

  /** Why the name of a session's container cannot be had; undefined when nobody else has it: a create of our own may be under way. */
  async #stranger(name: string, signal: AbortSignal): Promise<string | undefined> {
    const found = await unless([404], abortable(signal, this.#docker.getContainer(name).inspect()));
    // By an id that begins like the name, another would be found.
    if (found === undefined || found.Name !== `/${name}` || ownedBy(this.#owner, found.Config.Labels) !== undefined) return undefined;
    const id = found.Id.slice(0, 12);
    return `Another container on the node of this session has the name ${name} (${id}, of the image ${found.Config.Image}). Rename or remove it there, then recover the session.`;
  }

  async #createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Made> {
    return this.#made(signal, async () => {
      await this.#volumes.adopt(plan.sessionId, plan.limits.diskBytes).catch(asDiskFailure);
      const { path, disk } = await this.#disks.ready(plan.sessionId, plan.limits.diskBytes, plan.uid).catch(asDiskFailure);
      if (plan.disk !== undefined && plan.disk !== disk.id) return { ok: false, why: 'refused', reason: ANOTHER_DISK };
      const passwd = await this.#disks.accounts(plan.sessionId, passwdFor(await this.#accounts.passwdOf(plan.image), plan.uid));
      // Whatever became of the group meanwhile: an engine makes one that is missing, without any bound.
      await this.#bounds?.ensure();
      const { guestDirectory: guest, resolvConf } = this.#options;
      const places = { guest, disk: path, passwd, resolvConf: resolvConf?.(), cgroup: this.#bounds?.parent };
      const { id } = await this.#docker.createContainer(containerOptions(this.#owner, plan, places, this.#options.openFiles));
      this.#containers.made(plan.sessionId, id);
      return { ok: true, disk: disk.id };
    });
  }

  async start(sessionId: string, signal: AbortSignal): Promise<Made> {
    const started = await this.#start(sessionId, signal);
    if (started.ok || started.why !== 'failed' || !/network .* not found/i.test(started.reason)) return started;
    // The last node agent to leave took it away just now.
    await this.prepare(signal);
    return this.#start(sessionId, signal);
  }

  async pause(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.freeze(sessionId, signal);
    const found = await unless(
      [404],
      abortable(
        signal,
        this.#containers.on(sessionId, (container) => container.inspect()),
      ),
    );
    if (found?.State.Paused === true) void this.#memory.begin(sessionId, found.State.Pid);
  }

  async freeze(sessionId: string, signal: AbortSignal): Promise<void> {
    // 409: paused already, or not running any more: whoever asked looks again.
    await unless(
      [404, 409],
      abortable(
        signal,
        this.#containers.on(sessionId, (container) => container.pause()),
      ),
    );
  }

  async unpause(sessionId: string, signal: AbortSignal): Promise<void> {
    this.#memory.end(sessionId);
    await unless(
      [404, 409],
      abortable(
        signal,
        this.#containers.on(sessionId, (container) => container.unpause()),
      ),
    );
  }

  async removeContainer(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.#removeContainer(sessionId, signal);
    await this.#bridge?.look();
  }

  async #removeContainer(sessionId: string, signal: AbortSignal): Promise<void> {
    const id = await abortable(signal, this.#containers.least(sessionId));
    if (id === undefined) return;
    if (this.#resolverClosed.get(sessionId) === id) this.#resolverClosed.delete(sessionId);
    if (this.#volumes.find(sessionId) !== undefined) await this.#endBeforeAdoption(sessionId, id, signal);
    // By its id: the name may be another's by now. Volumes without a name, which an image may ask for, go with it.
    const removed = await unless(
      [404, 409],
      abortable(signal, this.#docker.getContainer(id).remove({ force: true, v: true })).then(() => true),
    );
    if (removed) return this.#release(sessionId);
    // 409: somebody (an earlier call of ours that was cut off) is removing it already. It is gone when that has ended.
    const { streams } = this.#options.clients;
    await unless([404], abortable(signal, streams.getContainer(id).wait({ condition: 'removed' })));
    this.#release(sessionId);
  }

  async removeVolume(sessionId: string, signal: AbortSignal): Promise<void> {
    await abortable(signal, this.#disks.remove(sessionId));
    await abortable(signal, this.#volumes.remove(sessionId));
  }

  watch(listener: (change: DriverChange) => void): { close(): void } {
    const { clients, clock, log } = this.#options;
    return watchDocker(clients.streams, this.#owner, clock, log, (change, containerId) => {
      if (change.kind === 'session' && containerId !== undefined) this.#containers.heard(change.sessionId, containerId);
      listener(change);
    });
  }

  async images(signal: AbortSignal): Promise<readonly string[]> {
    const images = await abortable(signal, this.#docker.listImages({ filters: { label: ['raworc.managed=true'] } }));
    this.#options.baseImages?.look(images.flatMap(baseImagesIn));
    return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag !== '<none>:<none>');
  }

  async inspectImage(tag: string, signal: AbortSignal) {
    const image = await unless([404], abortable(signal, this.#docker.getImage(tag).inspect()));
    return image && { id: image.Id, labels: image.Config.Labels ?? {} };
  }

  /** The engine's own builder copies; nothing of what is copied is run, and it has no network. */
  async buildImage({ image, labels, context }: ImagePlan, signal: AbortSignal): Promise<ImageMade> {
    try {
      const output = await this.#options.clients.streams.buildImage(context, {
        t: image,
        labels: { ...labels, 'raworc.cluster': this.#owner.clusterId },
        forcerm: true,
        networkmode: 'none',
        ...(this.#bounds?.parent === undefined ? {} : { cgroupparent: this.#bounds.parent }),
        version: '1',
        abortSignal: signal,
      });
      let imageId = '';
      for await (const line of jsonLines(output)) {
        const { error, aux } = buildLine.parse(line);
        if (error !== undefined) return { ok: false, reason: `The image could not be built: ${error}` };
        if (aux !== undefined) imageId = aux.ID;
      }
      return imageId === '' ? { ok: false, reason: 'The engine ended the build without an image.' } : { ok: true, imageId };
    } catch (error) {
      const answer = answerOf(error);
      if (answer === undefined) throw error;
      return { ok: false, reason: `The image could not be built: ${answer.message}` };
    }
  }

  async dismantle(signal: AbortSignal): Promise<void> {
    await this.#bounds?.remove();
    if (!(await removeNetwork(this.#docker, SESSION_NETWORK, signal))) return;
    await this.#options.guard.remove();
    // Another node agent may have made the network again meanwhile: it is never left open.
    const remade = await unless([404], abortable(signal, this.#docker.getNetwork(SESSION_NETWORK.name).inspect()));
    if (remade !== undefined) await this.#options.guard.apply();
  }

  close(): void {
    this.#ending.abort(new Error('the node agent ends'));
    this.#options.guard.close();
    this.#memory.close();
    this.#options.baseImages?.close();
    this.copier.close();
  }

  /** Its files are still in a volume of the engine, which only this container keeps from being pruned. */
  async #endBeforeAdoption(sessionId: string, id: string, signal: AbortSignal): Promise<void> {
    const container = this.#docker.getContainer(id);
    await unless([304, 404, 409], abortable(signal, container.stop({ t: 0 })));
    const found = await unless([404], abortable(signal, container.inspect()));
    if (found !== undefined && !found.State.Running) await this.#volumes.beforeRemoval(sessionId, found.Image);
  }

  /** Unmounts its disk unless a container has it, beside whatever comes next: who needs the disk again waits for that. */
  #release(sessionId: string): void {
    const failed = (error: unknown) => this.#options.log.warn('disk.still-mounted', { session: sessionId, error: messageOf(error) });
    const hasContainer = async () => (await this.#containers.find(sessionId)) !== undefined;
    void this.#disks.release(sessionId, hasContainer).catch(failed);
  }

  async #start(sessionId: string, signal: AbortSignal): Promise<Made> {
    const started = await this.#begin(sessionId, signal);
    // What took the last port is known at once, and not at the next relist.
    await this.#bridge?.look();
    return started;
  }

  async #begin(sessionId: string, signal: AbortSignal): Promise<Made> {
    const made = await this.#made(signal, async () => {
      if (this.#volumes.find(sessionId) === undefined) await this.#disks.ready(sessionId).catch(asDiskFailure);
      // Another start is another network namespace.
      this.#resolverClosed.delete(sessionId);
      const started = await this.#containers.on(sessionId, (container) => unless([304], container.start()).then(() => true));
      return started ? { ok: true } : { ok: false, why: 'failed', reason: 'Docker has no container of this session any more.' };
    });
    if (made.ok) await this.#closeResolver(sessionId, signal);
    if (made.ok || made.why !== 'exists') return made;
    return { ok: false, why: 'failed', reason: 'Docker is removing the container.' };
  }

  /** It runs, and nobody closed it: its start was cut off, or the node agent ended right after. */
  #isResolverOpen(sessionId: string, found: FoundContainer | undefined): boolean {
    return (
      this.#options.run !== undefined && found?.container.state === 'running' && this.#resolverClosed.get(sessionId) !== found.container.id
    );
  }

  /** One after the other, beside whatever comes next. */
  async #closeResolversLeft(sessionIds: readonly string[]): Promise<void> {
    const { signal } = this.#ending;
    for (const id of sessionIds)
      await this.#closeResolver(id, signal).catch((error: unknown) => {
        if (!signal.aborted) this.#options.log.warn('session.docker_dns_open', { session: id, error: messageOf(error) });
      });
  }

  /** Before the session's agents are started: its guest has to connect first. */
  async #closeResolver(sessionId: string, signal: AbortSignal): Promise<void> {
    const { run, conditions, log } = this.#options;
    if (run === undefined) return;
    const looking = this.#containers.on(sessionId, (container) => container.inspect());
    const found = await unless([404], abortable(signal, looking));
    if (found?.State.Running !== true) return;
    try {
      if (found.Mounts.some(({ Destination }) => Destination === RESOLV_CONF)) {
        await abortable(signal, closeDockerResolver(run, found.State.Pid));
        conditions?.clear('DockerDnsOpen');
      }
      this.#resolverClosed.set(sessionId, found.Id);
    } catch (error) {
      signal.throwIfAborted();
      this.#resolverClosed.set(sessionId, found.Id);
      log.warn('session.docker_dns_open', { session: sessionId, error: messageOf(error) });
      conditions?.raise({
        type: 'DockerDnsOpen',
        message: `The name server of Docker could not be closed in a session, where it tells the names of other sessions: ${messageOf(error)}. Install iproute2 and util-linux.`,
        unschedulable: false,
      });
    }
  }

  async #made(signal: AbortSignal, work: () => Promise<Made>): Promise<Made> {
    try {
      return await abortable(signal, work());
    } catch (error) {
      if (error instanceof DiskFailure) return { ok: false, why: 'failed', reason: error.message };
      const answer = answerOf(error);
      if (answer === undefined) throw error;
      if (answer.status === 400 && NOT_SEEN.test(answer.message)) return { ok: false, why: 'failed', reason: DISK_NOT_SEEN };
      if (answer.status === 404 && /no such image/i.test(answer.message)) return { ok: false, why: 'no-image' };
      if (answer.status === 409) return { ok: false, why: 'exists' };
      const reason = `Docker refused: ${answer.message}`;
      return answer.status === 400 ? { ok: false, why: 'refused', reason } : { ok: false, why: 'failed', reason };
    }
  }
}
