import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { messageOf } from '../../../../seams/message-of.ts';
import type { BuildSettings } from '../../../images/build-settings.ts';
import type { Command } from '../../../volumes/command.ts';
import type { BuildEngine, FoundImage, FoundStage, Job, JobEnd, JobPlan, StagePlan } from '../../build-engine.ts';
import { abortable, type DockerClients, unless } from '../client.ts';
import { type Owner, ownerFilter } from '../container.ts';
import { runBuild } from '../images/run-build.ts';
import { closeResolverOfBuild } from '../resolver.ts';
import { Attached } from './attached.ts';
import { findBaseImage } from './find-base-image.ts';
import { JOB_LIMITS, JOB_UID, type JobLimits, jobOptions, STEP_NAME, stepInput, stepOptions } from './job-options.ts';
import type { OwnImages } from './own-images.ts';
import type { WorkDisk, WorkDisks } from './work-disks.ts';

const sizeOf = z.object({ SizeRw: z.number().default(0) });
const committed = z.object({ Id: z.string() });

/** How often the size of a measured disk is looked at. */
const MEASURE_MS = 2_000;
/** Builder images of a kind: each base image that spaces use has one. */
const KEPT_BUILDERS = 3;

export interface DockerBuildsDeps {
  readonly clients: DockerClients;
  readonly owner: Owner;
  readonly disks: WorkDisks;
  readonly stages: OwnImages;
  readonly guestDirectory: string;
  readonly npm: { readonly directory: string; readonly version: string };
  readonly settings: BuildSettings;
  readonly limits?: JobLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs programs of the host. If undefined, jobs can reach Docker's name server. */
  readonly run?: Command | undefined;
  cgroupParent(): string | undefined;
  resolvConf?(): string | undefined;
}

/** Runs jobs in containers on the network of sessions, and builds images without a name. */
export class DockerBuilds implements BuildEngine {
  readonly #deps: DockerBuildsDeps;

  constructor(deps: DockerBuildsDeps) {
    this.#deps = deps;
  }

  get npmVersion(): string {
    return this.#deps.npm.version;
  }

  get marks(): Readonly<Record<string, string>> {
    const { clusterId, nodeId } = this.#deps.owner;
    return { 'raworc.managed': 'true', 'raworc.cluster': clusterId, 'raworc.builder': nodeId };
  }

  get takesDockerfiles(): boolean {
    return this.#deps.settings.dockerfiles === true;
  }

  baseImage(name: string, signal: AbortSignal): Promise<FoundImage> {
    return findBaseImage(this.#deps.clients, this.#deps.settings.baseImages ?? [], name, signal);
  }

  async start(plan: JobPlan, signal: AbortSignal): Promise<Job> {
    const { clients, owner, disks, guestDirectory, npm, settings, limits = JOB_LIMITS, resolvConf, cgroupParent, run, log } = this.#deps;
    const disk = plan.directory === undefined ? undefined : await disks.open(limits.diskBytes, JOB_UID);
    let id: string | undefined;
    let attached: Attached | undefined;
    let closed: Promise<void> | undefined;
    const close = () => {
      closed ??= (async () => {
        signal.removeEventListener('abort', stop);
        attached?.close();
        if (id !== undefined) await this.#remove(id);
        await disk?.remove();
      })();
      return closed;
    };
    // What reads the output of a job waits for its end: an aborted one ends at once.
    const stop = () => void close().catch((error: unknown) => log.warn('build.job_not_removed', { error: messageOf(error) }));
    try {
      const places = {
        ...{ guest: guestDirectory, npm: npm.directory, disk: disk?.path, resolvConf: resolvConf?.(), cgroup: cgroupParent() },
        ...{ settings, limits },
      };
      const isStep = plan.isStep === true;
      const containerOptions = isStep ? stepOptions(owner, plan, places) : jobOptions(owner, plan, places);
      id = (await clients.calls.createContainer(containerOptions)).id;
      const container = clients.streams.getContainer(id);
      const options = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true };
      const stream = (await abortable(signal, container.attach(options))) as Duplex;
      stream.on('error', () => undefined);
      const output = new Attached(stream, plan.print);
      attached = output;
      signal.addEventListener('abort', stop, { once: true });
      await abortable(signal, container.start());
      const { State } = await abortable(signal, container.inspect());
      // Before its input: until then, nothing of the job runs.
      if (run !== undefined && places.resolvConf !== undefined && State.Running) await closeResolverOfBuild(run, State.Pid, log);
      const ended = isStep ? this.#endOfStep(id, output, limits.diskBytes, signal) : this.#end(id, output, disk, signal);
      ended.catch(() => undefined);
      // A job can end without reading its input.
      const input = isStep ? [stepInput(settings)] : plan.input;
      pipeline(input, stream, { end: true }).catch(() => undefined);
      const commit = (labels: Readonly<Record<string, string>>, soon: AbortSignal) => this.#commit(container.id, labels, soon);
      return { output: output.output, began: output.began, ended, commit, close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async stage({ isReused, labels = {}, context }: StagePlan, signal: AbortSignal) {
    const built = await runBuild(this.#deps, { labels, context }, signal);
    if (built.ok && isReused) await this.#deps.stages.add(built.imageId);
    return built;
  }

  async discard(imageId: string): Promise<void> {
    // 409: another image starts from it.
    await unless([404, 409], this.#deps.clients.calls.getImage(imageId).remove());
  }

  async name(imageId: string, image: string, signal: AbortSignal): Promise<void> {
    const colon = image.lastIndexOf(':');
    await abortable(signal, this.#deps.clients.calls.getImage(imageId).tag({ repo: image.slice(0, colon), tag: image.slice(colon + 1) }));
  }

  async keepBuilder(kind: string, imageId: string, image: string, signal: AbortSignal): Promise<void> {
    const { clients, owner } = this.#deps;
    await this.name(imageId, image, signal);
    const filters = { label: [`raworc.builder=${owner.nodeId}`, 'raworc.image=builder', `raworc.toolchain=${kind}`] };
    const images = await abortable(signal, clients.calls.listImages({ filters }));
    const old = images.sort((a, b) => b.Created - a.Created).slice(KEPT_BUILDERS);
    for (const { RepoTags } of old) for (const tag of RepoTags ?? []) await this.discard(tag);
  }

  async stageWith(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string | undefined> {
    const [newest] = await this.stages(labels, signal);
    return newest?.imageId;
  }

  async stages(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly FoundStage[]> {
    const { clients, owner, stages } = this.#deps;
    const wanted = Object.entries({ ...labels, 'raworc.cluster': owner.clusterId });
    const filters = { label: wanted.map(([name, value]) => `${name}=${value}`) };
    const images = await abortable(signal, clients.calls.listImages({ all: true, filters }));
    const own = images.filter(({ Id }) => stages.has(Id)).sort((a, b) => b.Created - a.Created);
    return own.map(({ Id, Labels }) => ({ imageId: Id, labels: Labels ?? {} }));
  }

  async tidy(signal: AbortSignal): Promise<number> {
    const dangling = { dangling: ['true'], label: [`raworc.builder=${this.#deps.owner.nodeId}`] };
    const images = await abortable(signal, this.#deps.clients.calls.listImages({ filters: dangling }));
    for (const { Id } of images) await this.discard(Id);
    return images.length;
  }

  async sweep(signal: AbortSignal): Promise<void> {
    const { clients, owner, disks, stages, log } = this.#deps;
    const list = (filters: Record<string, string[]>) => abortable(signal, clients.calls.listContainers({ all: true, filters }));
    const jobs = await list({ label: [...ownerFilter(owner), 'raworc.job'] });
    const left = [...jobs, ...(await list({ label: [...ownerFilter(owner)], name: [`^/${STEP_NAME}`] }))];
    for (const { Id } of left) await this.#remove(Id);
    const images = await this.tidy(signal);
    await disks.sweep();
    const kept = await abortable(signal, clients.calls.listImages({ all: true, filters: { label: ['raworc.image'] } }));
    await stages.keep(new Set(kept.map(({ Id }) => Id)));
    if (left.length + images > 0) log.info('builds.swept', { containers: left.length, images });
  }

  async #end(id: string, output: Attached, disk: Pick<WorkDisk, 'isOver'> | undefined, signal: AbortSignal): Promise<JobEnd> {
    const container = this.#deps.clients.streams.getContainer(id);
    let [isOver, isEnded] = [false, false];
    const look = () => {
      void disk
        ?.isOver()
        .catch(() => false)
        .then(async (over) => {
          if (over) {
            isOver = true;
            await container.kill();
          } else if (!isEnded) timer = this.#deps.clock.after(MEASURE_MS, look);
        })
        .catch((error: unknown) => this.#deps.log.warn('build.not_killed', { error: messageOf(error) }));
    };
    let timer = disk && this.#deps.clock.after(MEASURE_MS, look);
    try {
      await abortable(signal, container.wait());
      await abortable(signal, output.over);
      const { State } = await abortable(signal, container.inspect());
      const lastLines = output.lastText;
      const isFull = isOver || /No space left on device|ENOSPC|Disk quota exceeded/.test(lastLines);
      const code = State.ExitCode;
      const exceeded = code === 0 ? undefined : State.OOMKilled ? ('memory' as const) : isFull ? ('disk' as const) : undefined;
      return { code, lastLines, exceeded };
    } finally {
      // A look can be on its way, and would begin another one.
      isEnded = true;
      timer?.cancel();
    }
  }

  /** A step can write a lot between two looks, and be over. */
  async #endOfStep(id: string, output: Attached, bytes: number, signal: AbortSignal): Promise<JobEnd> {
    const disk = this.#stepDisk(id, bytes);
    const end = await this.#end(id, output, disk, signal);
    return end.code === 0 && (await disk.isOver()) ? { ...end, code: 1, exceeded: 'disk' } : end;
  }

  /** What a step writes to the layer of its container is measured. */
  #stepDisk(id: string, bytes: number): Pick<WorkDisk, 'isOver'> {
    const container = this.#deps.clients.calls.getContainer(id);
    return {
      async isOver() {
        // The types of dockerode do not know this option.
        const options: object = { size: true };
        const { SizeRw } = sizeOf.parse(await container.inspect(options));
        return SizeRw > bytes;
      },
    };
  }

  async #commit(id: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
    const container = this.#deps.clients.streams.getContainer(id);
    // Otherwise the image would start with the command of the step.
    const body = { Labels: labels, Entrypoint: ['/bin/sh'], Cmd: [] };
    const { Id } = committed.parse(
      await abortable(signal, container.commit({ _query: { container: id, pause: false }, _body: body } as object)),
    );
    await this.#deps.stages.add(Id);
    return Id;
  }

  async #remove(id: string): Promise<void> {
    const { streams } = this.#deps.clients;
    const removed = await unless(
      [404, 409],
      streams
        .getContainer(id)
        .remove({ force: true, v: true })
        .then(() => true),
    );
    // 409: it is already being removed.
    if (!removed) await unless([404], streams.getContainer(id).wait({ condition: 'removed' }));
  }
}
