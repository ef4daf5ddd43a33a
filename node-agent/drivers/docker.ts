import type Docker from 'dockerode';
import { z } from 'zod';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { VolumeCopier } from './copier.ts';
import { abortable, answerOf, type DockerClients, unless } from './docker-client.ts';
import { containerOptions, labelsOf, type Owner, ownedBy, ownerFilter, volumeName } from './docker-container.ts';
import { DockerCopier } from './docker-copier.ts';
import { watchDocker } from './docker-events.ts';
import { kernelFiles, MemoryReturn } from './docker-memory.ts';
import { ensureNetwork, removeNetwork, SESSION_NETWORK } from './docker-network.ts';
import { SessionContainers } from './docker-session-containers.ts';
import type { Capacity, Driver, DriverChange, ImageMade, ImagePlan, Made, Seen, SessionPlan } from './driver.ts';
import { jsonLines } from './json-lines.ts';

/** What closes the network of sessions towards this machine and what is near it. */
export interface NetworkGuard {
  apply(): Promise<void>;
  remove(): Promise<void>;
}

export interface DockerOptions {
  readonly clients: DockerClients;
  readonly owner: Owner;
  /** On the host: the guest's files and the Node.js binary that runs them. */
  readonly guestDirectory: string;
  readonly guard: NetworkGuard;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of the machine's memory, what is left to the system and the engine. */
const MEMORY_KEPT = 0.1;

const info = z.object({ NCPU: z.number(), MemTotal: z.number() });
const buildLine = z.object({ error: z.string().optional(), aux: z.object({ ID: z.string() }).optional().catch(undefined) });

/** Docker by its API. See {@link Driver} for what each call promises. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly copier: VolumeCopier;
  readonly #options: DockerOptions;
  readonly #docker: Docker;
  readonly #owner: Owner;
  readonly #memory: MemoryReturn;
  readonly #containers: SessionContainers;

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#docker = options.clients.calls;
    this.#owner = options.owner;
    this.#containers = new SessionContainers(this.#docker, this.#owner);
    this.#memory = new MemoryReturn(kernelFiles, options.log);
    this.copier = new DockerCopier({
      docker: this.#docker,
      streams: options.clients.streams,
      owner: this.#owner,
      made: (signal, work) => this.#made(signal, work),
    });
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await ensureNetwork(this.#docker, SESSION_NETWORK, signal);
    await this.#options.guard.apply();
  }

  async capacity(signal: AbortSignal): Promise<Capacity> {
    const { NCPU, MemTotal } = info.parse(await abortable(signal, this.#docker.info()));
    return { cpuMillis: NCPU * 1000, memoryBytes: Math.floor(MemTotal * (1 - MEMORY_KEPT)), sessions: 0 };
  }

  async list(signal: AbortSignal): Promise<ReadonlyMap<string, Seen>> {
    const filters = { label: ownerFilter(this.#owner) };
    const [containers, { Volumes }] = await abortable(
      signal,
      Promise.all([this.#containers.list(), this.#docker.listVolumes({ filters })]),
    );
    const seen = new Map<string, Seen>([...containers].map(([sessionId, found]) => [sessionId, { ...found, volume: undefined }]));
    for (const { Name, Labels } of Volumes ?? []) {
      const owned = ownedBy(this.#owner, Labels);
      if (owned === undefined) continue;
      const volume = { name: Name, generation: owned.generation };
      const { container, image = '' } = seen.get(owned.sessionId) ?? {};
      seen.set(owned.sessionId, { container, volume, space: owned.space, image });
    }
    return seen;
  }

  async observe(sessionId: string, signal: AbortSignal): Promise<Seen> {
    const [found, volume] = await abortable(
      signal,
      Promise.all([this.#containers.find(sessionId), unless([404], this.#docker.getVolume(volumeName(sessionId)).inspect())]),
    );
    const owned = ownedBy(this.#owner, volume?.Labels);
    return {
      container: found?.container,
      volume: owned && volume && { name: volume.Name, generation: owned.generation },
      space: found?.space ?? owned?.space ?? '',
      image: found?.image ?? '',
    };
  }

  async createVolume(plan: SessionPlan, signal: AbortSignal): Promise<Made> {
    return this.#made(signal, async () => {
      const name = volumeName(plan.sessionId);
      await this.#docker.createVolume({ Name: name, Labels: labelsOf(this.#owner, plan) });
      // Docker says the same for a volume of that name that was there, whoever made it.
      const found = await this.#docker.getVolume(name).inspect();
      return ownedBy(this.#owner, found.Labels) === undefined ? { ok: false, why: 'exists' } : { ok: true };
    });
  }

  async createContainer(plan: SessionPlan, signal: AbortSignal): Promise<Made> {
    return this.#made(signal, async () => {
      const { id } = await this.#docker.createContainer(containerOptions(this.#owner, plan, this.#options.guestDirectory));
      this.#containers.made(plan.sessionId, id);
      return { ok: true };
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
    const id = await abortable(signal, this.#containers.least(sessionId));
    if (id === undefined) return;
    // By its id: the name may be another's by now. Volumes without a name, which an image may ask for, go with it.
    const removed = await unless(
      [404, 409],
      abortable(signal, this.#docker.getContainer(id).remove({ force: true, v: true })).then(() => true),
    );
    if (removed) return;
    // 409: somebody (an earlier call of ours that was cut off) is removing it already. It is gone when that has ended.
    const { streams } = this.#options.clients;
    await unless([404], abortable(signal, streams.getContainer(id).wait({ condition: 'removed' })));
  }

  async removeVolume(sessionId: string, signal: AbortSignal): Promise<void> {
    const { volume } = await this.observe(sessionId, signal);
    if (volume === undefined) return;
    await unless([404], abortable(signal, this.#docker.getVolume(volume.name).remove()));
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
    if (!(await removeNetwork(this.#docker, SESSION_NETWORK, signal))) return;
    await this.#options.guard.remove();
    // Another node agent may have made the network again meanwhile: it is never left open.
    const remade = await unless([404], abortable(signal, this.#docker.getNetwork(SESSION_NETWORK.name).inspect()));
    if (remade !== undefined) await this.#options.guard.apply();
  }

  close(): void {
    this.#memory.close();
    this.copier.close();
  }

  async #start(sessionId: string, signal: AbortSignal): Promise<Made> {
    const made = await this.#made(signal, async () => {
      const started = await this.#containers.on(sessionId, (container) => unless([304], container.start()).then(() => true));
      return started ? { ok: true } : { ok: false, why: 'failed', reason: 'Docker has no container of this session any more.' };
    });
    if (made.ok || made.why !== 'exists') return made;
    return { ok: false, why: 'failed', reason: 'Docker is removing the container.' };
  }

  async #made(signal: AbortSignal, work: () => Promise<Made>): Promise<Made> {
    try {
      return await abortable(signal, work());
    } catch (error) {
      const answer = answerOf(error);
      if (answer === undefined) throw error;
      if (answer.status === 404 && /no such image/i.test(answer.message)) return { ok: false, why: 'no-image' };
      if (answer.status === 409) return { ok: false, why: 'exists' };
      const reason = `Docker refused: ${answer.message}`;
      return answer.status === 400 ? { ok: false, why: 'refused', reason } : { ok: false, why: 'failed', reason };
    }
  }
}
