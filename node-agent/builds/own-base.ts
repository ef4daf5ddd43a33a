import { createHash } from 'node:crypto';
import { quoted } from '../domain/build-failure.ts';
import { copyLine, type DockerStage, parseDockerfile, type Step } from '../domain/installs/dockerfile.ts';
import { type SourceFiles, sourcePaths } from '../domain/installs/planned.ts';
import type { BuildEngine } from '../engine/build-engine.ts';
import { dockerfileHead } from '../images/build-context.ts';
import { packEntry, packing, packPart } from '../images/packed.ts';
import { BadSource, readSource } from '../images/read-source.ts';
import type { BuildProgress } from './progress.ts';

/** The stock image, as Dockerfiles name it, with any tag. */
const STOCK = 'raworc/session';

export interface OwnBasePlan {
  readonly buildId: string;
  readonly space: string;
  readonly baseImageId: string;
  readonly agent: string;
  readonly digest: string;
  readonly files: SourceFiles;
  /** The text of the Dockerfile. */
  readonly dockerfile: string;
}

export interface OwnBaseDeps {
  readonly engine: BuildEngine;
  fetch(digest: string): AsyncIterable<Uint8Array>;
  readonly progress: BuildProgress;
}

export interface OwnBaseImage {
  readonly id: string;
  /** With its digest. Undefined: the stock image. */
  readonly from: string | undefined;
}

/** Images inherit labels: what is added to the image of a step has another `raworc.image`. */
const stepLabels = (key: string) => ({ 'raworc.image': 'stage', 'raworc.step': key });

/**
 * Returns the image that an agent's Dockerfile describes, and the one that it starts from. Programs run one by one in
 * containers with the limits and address rules of builds; the engine itself only copies files.
 * Steps whose inputs have not changed are not repeated. Throws {@link BadSource} with the reason.
 */
export async function buildOwnBase(deps: OwnBaseDeps, plan: OwnBasePlan, signal: AbortSignal): Promise<OwnBaseImage> {
  const parsed = parseDockerfile(plan.dockerfile);
  if (!parsed.ok) throw new BadSource(`the image of the agent ${plan.agent} cannot be built: ${parsed.reason}`);
  const work = new OwnBase(deps, plan, parsed.stages, signal);
  const last = parsed.stages.length - 1;
  try {
    const id = await work.imageOf(last);
    return { id, from: work.firstOf(last) };
  } finally {
    await work.discardOthers(last);
  }
}

class OwnBase {
  readonly #deps: OwnBaseDeps;
  readonly #plan: OwnBasePlan;
  readonly #stages: readonly DockerStage[];
  readonly #signal: AbortSignal;
  readonly #images = new Map<number, Promise<string>>();
  /** By the stages that begin with them. */
  readonly #found = new Map<number, string>();
  readonly #keys = new Map<number, Promise<readonly string[]>>();

  constructor(deps: OwnBaseDeps, plan: OwnBasePlan, stages: readonly DockerStage[], signal: AbortSignal) {
    this.#deps = deps;
    this.#plan = plan;
    this.#stages = stages;
    this.#signal = signal;
  }

  /** Builds a stage when it is first needed: what nothing copies from is never built. */
  imageOf(index: number): Promise<string> {
    const image = this.#images.get(index) ?? this.#build(index);
    this.#images.set(index, image);
    return image;
  }

  /** Returns the image of a registry that a stage starts from, perhaps by way of other stages. */
  firstOf(index: number): string | undefined {
    const earlier = this.#stageNamed(this.#stageAt(index).from, index);
    return earlier === undefined ? this.#found.get(index) : this.firstOf(earlier);
  }

  /** The images of other stages served only to copy from. */
  async discardOthers(last: number): Promise<void> {
    for (const [index, image] of this.#images) {
      if (index === last || this.#stages[index]?.steps.length === 0) continue;
      const id = await image.catch(() => undefined);
      if (id !== undefined) await this.#deps.engine.discard(id);
    }
  }

  async #build(index: number): Promise<string> {
    const { engine } = this.#deps;
    const stage = this.#stageAt(index);
    const keys = await this.#keysOf(index);
    // From the last step back: whatever is there contains all before it.
    let [image, done] = ['', 0];
    for (let at = stage.steps.length; at > 0 && image === ''; at -= 1) {
      image = (await engine.stageWith(stepLabels(keys[at] ?? ''), this.#signal)) ?? '';
      if (image !== '') done = at;
    }
    if (image === '') image = await this.#startOf(index);
    const start = image;
    try {
      for (const [at, step] of stage.steps.entries()) image = await this.#take(step, at, { index, image, done, key: keys[at + 1] ?? '' });
    } catch (error) {
      if (image !== start) await engine.discard(image);
      throw error;
    }
    return image;
  }

  /** Returns the image after a step. */
  async #take(
    step: Step,
    at: number,
    { index, image, done, key }: { readonly index: number; readonly image: string; readonly done: number; readonly key: string },
  ): Promise<string> {
    const { engine, progress } = this.#deps;
    const what = `Dockerfile, line ${step.line}: ${step.shown.slice(step.shown.lastIndexOf('\n') + 1)}`;
    progress.print(at < done ? `${what} (unchanged)` : what);
    if (at < done) return image;
    const labels = { ...engine.marks, ...stepLabels(key) };
    return step.kind === 'run' ? this.#run(step, image, labels) : this.#copy(step, index, image, labels);
  }

  /** Returns the keys of a stage: before its first step, and after each. */
  #keysOf(index: number): Promise<readonly string[]> {
    const known = this.#keys.get(index);
    if (known !== undefined) return known;
    const keys = (async () => {
      const stage = this.#stageAt(index);
      const from = this.#stageNamed(stage.from, index);
      let key = from === undefined ? await this.#startOf(index) : ((await this.#keysOf(from)).at(-1) ?? '');
      const all = [key];
      for (const step of stage.steps) {
        const hash = createHash('sha256').update(`${key}\0${step.kind}\0${step.shown}`);
        // What runs depends on SHELL and ARG, too. Spaces share steps, so none may be taken for another.
        if (step.kind === 'run') hash.update(`\0${JSON.stringify(step.argv)}`);
        if (step.kind === 'engine' && step.copies !== undefined) {
          if (step.copies.from !== undefined) hash.update((await this.#keysOf(this.#copiedStage(step, index))).at(-1) ?? '');
          else for (const path of this.#inputsOf(step.copies.sources)) hash.update(`\0${path}\0${this.#plan.files.get(path)?.sha256}`);
        }
        key = hash.digest('hex').slice(0, 32);
        all.push(key);
      }
      return all;
    })();
    this.#keys.set(index, keys);
    return keys;
  }

  /** The files that a COPY can take: all, unless each of its sources is a plain path. */
  #inputsOf(sources: readonly string[]): readonly string[] {
    const all = sourcePaths(this.#plan.files);
    const plain = sources.map((source) => source.replace(/^\.?\/+/, '').replace(/\/+$/, ''));
    if (plain.some((source) => source === '' || source === '.' || /[*?[$\\]|\.\./.test(source))) return all;
    return all.filter((path) => plain.some((source) => path === source || path.startsWith(`${source}/`)));
  }

  async #startOf(index: number): Promise<string> {
    const { from } = this.#stageAt(index);
    const earlier = this.#stageNamed(from, index);
    if (earlier !== undefined) return this.imageOf(earlier);
    if (from === STOCK || from.startsWith(`${STOCK}:`)) return this.#plan.baseImageId;
    const { engine, progress } = this.#deps;
    const found = await engine.baseImage(from, this.#signal);
    if (!found.ok) throw new BadSource(`the image of the agent ${this.#plan.agent} cannot be built: ${found.reason}`);
    progress.print(`${from} is ${found.digest}`);
    this.#found.set(index, found.digest);
    return found.imageId;
  }

  async #run(step: Step & { kind: 'run' }, image: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const { engine, progress } = this.#deps;
    const { buildId, space, agent } = this.#plan;
    const input = (async function* () {})();
    const { argv: command, line } = step;
    const plan = { buildId, space, image, command, environment: {}, input, print: progress.output.bind(progress), isStep: true };
    const job = await engine.start(plan, this.#signal);
    try {
      // All that a step prints is standard error.
      for await (const _ of job.output);
      const { code, exceeded, lastLines } = await job.ended;
      if (code !== 0) {
        const why =
          exceeded === undefined ? `exit code ${code}` : `it needs more ${exceeded === 'disk' ? 'disk space' : 'memory'} than builds have`;
        throw new BadSource(`Dockerfile, line ${line} failed for the agent ${agent}: ${why}.${quoted(lastLines)}`);
      }
      if (job.commit === undefined) throw new Error('the engine runs no steps of Dockerfiles');
      return await job.commit(labels, this.#signal);
    } finally {
      await job.close();
    }
  }

  async #copy(step: Step & { kind: 'engine' }, index: number, image: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const { engine, fetch } = this.#deps;
    const { agent, digest } = this.#plan;
    const { copies } = step;
    const from = copies?.from === undefined ? undefined : await this.imageOf(this.#copiedStage(step, index));
    const declarations = step.shown.slice(0, step.shown.lastIndexOf('\n') + 1);
    const shown = copies === undefined ? step.shown : declarations + copyLine(copies, from);
    const inputs = new Set(copies === undefined || from !== undefined ? [] : this.#inputsOf(copies.sources));
    const context = packing(async (pack) => {
      await packEntry(pack, { name: DOCKERFILE, mode: 0o644 }, `${dockerfileHead(image, {})}${shown}\n`);
      if (inputs.size === 0) return;
      await readSource(agent, digest, fetch(digest), async (part) => {
        if (part.kind === 'directory' || (inputs.has(part.path) && part.path !== DOCKERFILE)) await packPart(pack, '', part);
        else if (part.kind === 'file') for await (const _ of part.content);
      });
    });
    try {
      const built = await engine.stage({ isReused: true, labels, context: context.stream }, this.#signal);
      await context.done;
      if (!built.ok) throw new BadSource(`Dockerfile, line ${step.line} failed for the agent ${agent}: ${built.reason}`);
      return built.imageId;
    } catch (error) {
      context.stream.destroy();
      await context.done;
      throw error;
    }
  }

  /** The stage that a COPY --from names. Images of registries are not copied from. */
  #copiedStage(step: Step & { kind: 'engine' }, before: number): number {
    const name = step.copies?.from ?? '';
    const index = this.#stageNamed(name, before);
    if (index !== undefined) return index;
    throw new BadSource(
      `Dockerfile, line ${step.line}: COPY --from=${name} names no earlier stage. Begin one with FROM ${name} AS ${'NAME'}`,
    );
  }

  #stageNamed(name: string, before: number): number | undefined {
    const index = /^\d+$/.test(name)
      ? Number(name)
      : this.#stages.findLastIndex((stage, at) => at < before && stage.name === name.toLowerCase());
    return index >= 0 && index < before ? index : undefined;
  }

  #stageAt(index: number): DockerStage {
    const stage = this.#stages[index];
    if (stage === undefined) throw new Error(`there is no stage ${index}`);
    return stage;
  }
}

const DOCKERFILE = 'Dockerfile';
