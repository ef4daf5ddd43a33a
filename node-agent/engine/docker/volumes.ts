import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import type { VolumeSeen } from '../../domain/session.ts';
import type { DiskRecord } from '../../volumes/disk-record.ts';
import type { Disks } from '../../volumes/disks.ts';
import type { Outcome } from '../outcome.ts';
import type { SessionPlan } from '../session-plan.ts';
import type { VolumeWork } from '../volume-work.ts';
import { abortable } from './client.ts';
import { volumeName } from './container.ts';
import type { SessionContainers } from './containers/session-containers.ts';
import { DockerCopier, type DockerCopierDeps } from './copier.ts';
import { EngineVolumes } from './engine-volumes.ts';
import { asDiskFailure, outcomeOf } from './outcomes.ts';

const ANOTHER_DISK = 'The disk on this node is not the one that this session was created with.';

/** A session's disk, or the engine volume that still has its files. */
export type FoundVolume = Pick<DiskRecord, 'generation' | 'space'> & { readonly id?: string };

export function volumeSeen(sessionId: string, { generation, id }: FoundVolume): VolumeSeen {
  const name = volumeName(sessionId);
  return id === undefined ? { name, generation } : { name, generation, disk: id };
}

export interface DockerVolumesDeps extends Omit<DockerCopierDeps, 'diskPath' | 'disks' | 'released' | 'roots'> {
  readonly disks: Disks;
  readonly containers: SessionContainers;
  readonly log: Log;
}

/**
 * The volumes of sessions: the node agent's disks, engine volumes until they are adopted, and
 * copies.
 */
export class DockerVolumes {
  readonly #deps: DockerVolumesDeps;
  readonly #copier: DockerCopier;
  readonly engine: EngineVolumes;

  constructor(deps: DockerVolumesDeps) {
    this.#deps = deps;
    this.engine = new EngineVolumes(deps);
    this.#copier = new DockerCopier({
      ...deps,
      diskPath: async (sessionId) => this.engine.find(sessionId)?.path ?? (await deps.disks.ready(sessionId)).path,
      roots: (from, to) => deps.disks.copiedRoots(from, to),
      released: (sessionId) => this.release(sessionId),
    });
  }

  get copier(): Pick<DockerCopier, 'observe' | 'list'> {
    return this.#copier;
  }

  async list(): Promise<ReadonlyMap<string, FoundVolume>> {
    const disks = await this.#deps.disks.list();
    return new Map<string, FoundVolume>([...this.engine.list(), ...disks]);
  }

  async find(sessionId: string): Promise<FoundVolume | undefined> {
    // Looked up before the disk, so that a volume that is adopted meanwhile is found in one of
    // them.
    const volume = this.engine.find(sessionId);
    return (await this.#deps.disks.find(sessionId)) ?? volume;
  }

  async run(work: VolumeWork, signal: AbortSignal): Promise<Outcome> {
    switch (work.kind) {
      case 'create-volume': {
        const { sessionId, generation, space, limits, uid } = work.plan;
        return outcomeOf(signal, async () => {
          const plan = { sessionId, generation, space, bytes: limits.diskBytes, uid };
          const { id } = await this.#deps.disks.create(plan).catch(asDiskFailure);
          return { ok: true, disk: id };
        });
      }
      case 'prepare-copy':
        return this.#copier.prepare(work.plan, signal);
      case 'start-copy':
        return this.#copier.start(work.sessionId, work.read, signal);
      case 'end-copy':
        await this.#copier.end(work.sessionId, signal);
        return { ok: true };
      case 'remove-volume':
        await abortable(signal, this.#deps.disks.remove(work.sessionId));
        await abortable(signal, this.engine.remove(work.sessionId));
        return { ok: true };
      default:
        return work satisfies never;
    }
  }

  /** Returns the session's disk, mounted; a refusal if it is not the disk that the session had. */
  async ready({
    sessionId,
    limits,
    uid,
    disk: expected,
  }: SessionPlan): Promise<{ readonly path: string; readonly disk: DiskRecord } | Outcome> {
    await this.engine.adopt(sessionId, limits.diskBytes).catch(asDiskFailure);
    const found = await this.#deps.disks.ready(sessionId, limits.diskBytes, uid).catch(asDiskFailure);
    return expected === undefined || expected === found.disk.id ? found : { ok: false, why: 'refused', reason: ANOTHER_DISK };
  }

  /** Mounts the disk that an existing container binds. */
  async mount(sessionId: string): Promise<void> {
    if (this.engine.find(sessionId) === undefined) await this.#deps.disks.ready(sessionId).catch(asDiskFailure);
  }

  /**
   * Unmounts its disk in the background unless a container has it. A later use of the disk waits
   * for that.
   */
  release(sessionId: string): void {
    const { disks, containers, log } = this.#deps;
    const failed = (error: unknown) => log.warn('disk.still-mounted', { session: sessionId, error: messageOf(error) });
    const hasContainer = async () => (await containers.find(sessionId)) !== undefined;
    void disks.release(sessionId, hasContainer).catch(failed);
  }

  close(): void {
    this.#copier.close();
  }
}
