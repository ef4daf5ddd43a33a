import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { Log } from '../../../../seams/log.ts';
import { messageOf } from '../../../../seams/message-of.ts';
import type { Conditions } from '../../../conditions.ts';
import type { SessionProfile } from '../../../domain/session.ts';
import type { BuildSettings } from '../../../images/build-settings.ts';
import type { Command } from '../../../volumes/command.ts';
import type { Disks } from '../../../volumes/disks.ts';
import { LowerRoots, type RootEntry } from '../../../volumes/roots/lower-roots.ts';
import { attemptOverlay } from '../../../volumes/roots/overlay.ts';
import type { MakePlan, MoveOutcome } from '../../driver.ts';
import type { SessionPlan } from '../../session-plan.ts';
import { abortable, answerOf, type DockerClients, unless } from '../client.ts';
import { NETWORK, type Owner } from '../container.ts';
import { jsonLines } from '../json-lines.ts';
import { contextOf, type Programs } from './context.ts';
import { recipeOf, variablesOf } from './recipe.ts';
import { shellImage } from './shell-image.ts';

const CONDITION = 'NoWorkstations';
const LABEL = 'raworc.unpacking';

export interface WorkstationsDeps {
  readonly clients: DockerClients;
  readonly owner: Owner;
  /** Below the node's data directory. */
  readonly directory: string;
  readonly run: Command;
  readonly log: Log;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'> | undefined;
  /** Proxies, mirrors and certificates of what makes images. */
  readonly settings: Pick<BuildSettings, 'environment' | 'certificates'>;
  readonly programs: Programs;
  /** Whether the engine sees a directory. */
  sees(path: string): Promise<boolean>;
  disks(): Pick<Disks, 'root' | 'roots'>;
  cgroupParent(): string | undefined;
}

/** A session's own root, mounted. */
export interface MountedRoot {
  /** On the host. */
  readonly path: string;
  readonly entries: readonly RootEntry[];
  /** The image to start the container from. */
  readonly image: string;
}

const line = z.object({ error: z.string().optional(), stream: z.string().optional() });

/** Roots of workstations, and the images that they are changes to. */
export class DockerWorkstations {
  readonly lowers: LowerRoots;
  readonly #deps: WorkstationsDeps;
  #profiles: readonly SessionProfile[] = [];

  constructor(deps: WorkstationsDeps) {
    this.#deps = deps;
    const { directory, run, log } = deps;
    this.lowers = new LowerRoots({ directory, run, log, exportImage: (image, file) => this.#export(image, file) });
  }

  /** Empty if this host cannot have them. */
  get profiles(): readonly SessionProfile[] {
    return this.#profiles;
  }

  /** Finds out whether roots can be mounted on this host, and removes those that no disk needs. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { run, directory, conditions, clients, owner, sees, disks } = this.#deps;
    const label = [`raworc.node=${owner.nodeId}`, `${LABEL}=true`];
    for (const { Id } of await abortable(signal, clients.calls.listContainers({ all: true, filters: { label } })))
      await unless([404, 409], clients.calls.getContainer(Id).remove({ force: true }));
    await this.lowers.sweep(await disks().roots());
    const reason = await attemptOverlay(run, join(directory, '.making-trial'), sees);
    this.#profiles = reason === undefined ? ['workstation'] : [];
    if (reason === undefined) return conditions?.clear(CONDITION);
    const message = `This node has no workstations: ${reason}. They need an overlay file system with user attributes (Linux 5.11).`;
    conditions?.raise({ type: CONDITION, message, unschedulable: false });
  }

  /** Mounts the root of a session, whose disk is ready. Undefined: the host lacks the image. */
  async root({ sessionId, image }: SessionPlan, signal: AbortSignal): Promise<MountedRoot | undefined> {
    const lower = await abortable(signal, this.lowers.ensure(image));
    if (lower === undefined) return undefined;
    const path = await this.#deps.disks().root(sessionId, image);
    return { path, entries: lower.entries, image: await shellImage(this.#deps.clients.calls, lower.entries, signal) };
  }

  /** Makes an image. What its recipe runs has the network of builds. */
  async make({ image, name, baseImage }: MakePlan, signal: AbortSignal): Promise<MoveOutcome> {
    const { clients, settings, programs, owner, log, cgroupParent } = this.#deps;
    const { certificates } = settings;
    const variables = variablesOf(settings.environment);
    const recipe = recipeOf(name, baseImage, certificates === undefined ? undefined : await readFile(certificates, 'utf8'));
    const context = contextOf(recipe, Object.keys(variables), programs);
    const parent = cgroupParent();
    const options: Docker.ImageBuildOptions & { cgroupparent?: string } = {
      t: image,
      labels: { 'raworc.managed': 'true', 'raworc.image': 'workstation', 'raworc.cluster': owner.clusterId },
      forcerm: true,
      networkmode: NETWORK,
      buildargs: { ...variables },
      version: '1',
      abortSignal: signal,
      ...(parent === undefined ? {} : { cgroupparent: parent }),
    };
    let said = '';
    try {
      for await (const one of jsonLines(await clients.streams.buildImage(context, options))) {
        const { error, stream = '' } = line.parse(one);
        if (stream.trim() !== '') said = stream.trim();
        if (error !== undefined) return failed(name, `${error}. It said: ${said}`);
      }
      log.info('workstation.made', { image, name });
      return { ok: true };
    } catch (error) {
      signal.throwIfAborted();
      return failed(name, answerOf(error)?.message ?? messageOf(error));
    }
  }

  async #export(image: string, file: string): Promise<boolean> {
    const { clients, owner } = this.#deps;
    const options = {
      Image: image,
      Entrypoint: ['/bin/false'],
      Labels: { 'raworc.cluster': owner.clusterId, 'raworc.node': owner.nodeId, [LABEL]: 'true' },
      HostConfig: { NetworkMode: 'none' },
    };
    const container = await unless([404], clients.calls.createContainer(options));
    if (container === undefined) return false;
    try {
      const files = await clients.streams.getContainer(container.id).export();
      await pipeline(files, createWriteStream(file, { mode: 0o600 }));
      return true;
    } finally {
      await unless([404, 409], container.remove({ force: true, v: true }));
    }
  }
}

const failed = (name: string, why: string): MoveOutcome => ({
  ok: false,
  reason: `the image ${name} could not be made: ${why.slice(0, 600)}. It needs a package mirror that this node can reach (build_apt_url, build_http_proxy)`,
});
