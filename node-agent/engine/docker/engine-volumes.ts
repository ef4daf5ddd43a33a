import type Docker from 'dockerode';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { Disks } from '../../volumes/disks.ts';
import { abortable, answerOf, unless } from './client.ts';
import { type Owner, ownedBy, ownerFilter, volumeName } from './container.ts';

/** A session's files in a volume of the engine, where earlier versions kept them. */
export interface EngineVolume {
  readonly generation: number;
  readonly space: string;
  /** On the host. */
  readonly path: string;
}

const DEFAULT_BYTES = 1024 ** 3;
const keeperName = (sessionId: string) => `raworc_keep_${sessionId}`;

export interface EngineVolumesDeps {
  readonly docker: Docker;
  readonly owner: Owner;
  readonly disks: Disks;
  readonly log: Log;
}

/**
 * Volumes of the engine, where earlier versions kept sessions' files, until they are adopted as
 * disks while nothing runs on them. Until then a container refers to each, either the session's or
 * one that never starts, so that `docker volume prune` does not remove it.
 */
export class EngineVolumes {
  readonly #deps: EngineVolumesDeps;
  /** Replaced as a whole, so that no reader misses an existing volume. */
  #known = new Map<string, EngineVolume>();

  constructor(deps: EngineVolumesDeps) {
    this.#deps = deps;
  }

  /** Returns the session's volume; undefined if it has none or its files have moved to a disk. */
  find(sessionId: string): EngineVolume | undefined {
    return this.#known.get(sessionId);
  }

  list(): ReadonlyMap<string, EngineVolume> {
    return this.#known;
  }

  /**
   * Lists the volumes, adopts those that nothing can run on, and removes what adoption left behind.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { docker, owner, disks, log } = this.#deps;
    const { Volumes } = await abortable(signal, docker.listVolumes({ filters: { label: ownerFilter(owner) } }));
    const known = new Map<string, EngineVolume>();
    for (const { Labels, Mountpoint, Name } of Volumes ?? []) {
      const owned = ownedBy(owner, Labels);
      if (owned === undefined || Name !== volumeName(owned.sessionId)) continue;
      const { sessionId, generation, space } = owned;
      if ((await disks.find(sessionId)) === undefined) known.set(sessionId, { generation, space, path: Mountpoint });
      else
        await this.#forget(sessionId).catch((error: unknown) => log.debug('volume.stays', { session: sessionId, error: messageOf(error) }));
    }
    this.#known = known;
    for (const sessionId of [...known.keys()]) {
      const users = await abortable(signal, this.#users(sessionId));
      if (users.length > 0) continue;
      await this.adopt(sessionId, DEFAULT_BYTES).catch(async (error: unknown) => {
        log.warn('volume.not-adopted', { session: sessionId, error: messageOf(error) });
        await this.#keep(sessionId, undefined).catch(() => undefined);
      });
    }
  }

  /**
   * Called before a container is removed. If it is the last one that refers to the volume, stops it
   * and adopts the volume, or creates another container that refers to it.
   */
  async beforeRemoval(sessionId: string, containerId: string): Promise<void> {
    if (!this.#known.has(sessionId)) return;
    const { docker, log } = this.#deps;
    const container = docker.getContainer(containerId);
    await unless([304, 404, 409], container.stop({ t: 0 }));
    const found = await unless([404], container.inspect());
    if (found === undefined || found.State.Running) return;
    const others = (await this.#users(sessionId)).filter(({ State }) => State === 'running' || State === 'paused');
    if (others.length > 0) return;
    try {
      await this.adopt(sessionId, DEFAULT_BYTES);
    } catch (error) {
      log.warn('volume.not-adopted', { session: sessionId, error: messageOf(error) });
      await this.#keep(sessionId, found.Image);
    }
  }

  /** Moves its files to the session's disk. Call it only when nothing runs on them. */
  async adopt(sessionId: string, bytes: number): Promise<void> {
    const volume = this.#known.get(sessionId);
    if (volume === undefined) return;
    const { generation, space, path } = volume;
    await this.#deps.disks.adopt({ sessionId, generation, space, bytes }, path);
    this.#known.delete(sessionId);
    // The empty volume is removed now, or at a later refresh once no container refers to it.
    await this.#forget(sessionId).catch(() => undefined);
  }

  /** For a session that was deleted. */
  async remove(sessionId: string): Promise<void> {
    if (!this.#known.has(sessionId)) return;
    await this.#forget(sessionId);
    this.#known.delete(sessionId);
  }

  async #forget(sessionId: string): Promise<void> {
    const { docker, owner } = this.#deps;
    const keeper = docker.getContainer(keeperName(sessionId));
    const found = await unless([404], keeper.inspect());
    if (found?.Config.Labels['raworc.keep'] === sessionId && found.Config.Labels['raworc.node'] === owner.nodeId)
      await unless([404], keeper.remove());
    await unless([404], docker.getVolume(volumeName(sessionId)).remove());
  }

  /** Returns the containers that refer to the volume, except the one that only protects it. */
  async #users(sessionId: string): Promise<Docker.ContainerInfo[]> {
    const found = await this.#deps.docker.listContainers({ all: true, filters: { volume: [volumeName(sessionId)] } });
    return found.filter(({ Labels }) => Labels['raworc.keep'] !== sessionId);
  }

  async #keep(sessionId: string, image: string | undefined): Promise<void> {
    const { docker, owner } = this.#deps;
    const known = image ?? (await docker.listImages({ filters: { label: ['raworc.managed=true'] } }))[0]?.Id;
    if (known === undefined) return;
    const made = docker.createContainer({
      name: keeperName(sessionId),
      Image: known,
      Entrypoint: ['/bin/false'],
      Labels: { 'raworc.managed': 'true', 'raworc.cluster': owner.clusterId, 'raworc.node': owner.nodeId, 'raworc.keep': sessionId },
      HostConfig: { NetworkMode: 'none', Binds: [`${volumeName(sessionId)}:/kept:ro,nocopy`] },
    });
    await made.catch((error: unknown) => {
      if (answerOf(error)?.status !== 409) throw error;
    });
  }
}
