import type { BuildProgress } from '../builds/progress.ts';
import { DEPENDENCIES, setKeyOf } from '../domain/install-script.ts';
import type { BuildEngine } from '../engine/build-engine.ts';
import { dockerfileHead } from './build-context.ts';
import { type Installation, install } from './install.ts';
import { InstallRoom, packInstalled } from './pack-installed.ts';
import { packEntry, packing } from './packed.ts';
import type { Toolchains } from './toolchains.ts';

export interface StageInput {
  readonly buildId: string;
  readonly space: string;
  readonly baseImage: string;
  readonly baseImageId: string;
  readonly installations: readonly Installation[];
  /** Only installations with a toolchain need it. */
  readonly toolchains?: Pick<Toolchains, 'imageOf'> | undefined;
  fetch(digest: string): AsyncIterable<Uint8Array>;
  readonly progress: BuildProgress;
}

/** An image with the dependencies of all agents of a build. */
export interface Stage {
  readonly imageId: string;
  /** How many sets of dependencies were installed for it. */
  readonly installed: number;
  /** Removes it, unless another image starts from it. */
  discard(): Promise<void>;
}

export const setLabel = (key: string) => `raworc.dependencies.${key}`;
const keyLabel = (key: string) => `raworc.installed.${key}`;

/**
 * Returns the image with these dependencies: the one that an earlier image of this engine starts
 * from, or a new one. What an image of this engine contains is copied instead of installed.
 * Throws BadSource if something cannot be installed.
 */
export async function stageOf(engine: BuildEngine, input: StageInput, signal: AbortSignal): Promise<Stage> {
  const { baseImage, baseImageId, installations, fetch, toolchains, progress, ...where } = input;
  progress.begin('resolve');
  const byKey = new Map(installations.map((one) => [one.key, one]));
  const keys = [...byKey.keys()].sort();
  const setKey = setKeyOf(keys, baseImageId);
  const same = await engine.stageWith(setLabel(setKey), signal);
  if (same !== undefined) {
    progress.print('All dependencies are the same as in an earlier image: nothing is installed.');
    return { imageId: same, installed: 0, discard: async () => undefined };
  }
  const fresh: Installation[] = [];
  let dockerfile = dockerfileHead(baseImage, engine.marks);
  for (const [key, installation] of byKey) {
    const holder = await engine.stageWith(keyLabel(key), signal);
    const target = `${DEPENDENCIES}/${key}`;
    if (holder === undefined) fresh.push(installation);
    else progress.print(`The dependencies of ${installation.agent} are copied from an earlier image.`);
    dockerfile += holder === undefined ? `COPY deps/${key} ${target}\n` : `COPY --from=${holder} ${target} ${target}\n`;
  }
  progress.begin('install');
  const print = progress.output.bind(progress);
  const images = new Map<string, string>();
  for (const { key, dependencies } of fresh) {
    if (dependencies.toolchain === undefined || toolchains === undefined) continue;
    images.set(key, await toolchains.imageOf(dependencies.toolchain, { ...where, baseImage, baseImageId, print }, signal));
  }
  const context = packing(async (pack) => {
    await packEntry(pack, { name: 'Dockerfile', mode: 0o644 }, dockerfile);
    const room = new InstallRoom();
    // One after another: each occupies a disk until it is packed, and a space can have many agents.
    for (const { agent, key, ...one } of fresh) {
      progress.print(`Installing the dependencies of ${agent}`);
      const plan = { agent, key, ...one, ...where, image: images.get(key) ?? baseImageId, print };
      const job = await install(engine, plan, fetch, signal);
      try {
        await packInstalled(pack, { owner: `the agent ${agent}`, key, room }, job.output);
      } finally {
        await job.close();
      }
    }
  });
  const labels: Record<string, string> = { ...engine.marks, 'raworc.image': 'stage', [setLabel(setKey)]: 'all' };
  for (const key of keys) labels[keyLabel(key)] = 'here';
  try {
    const built = await engine.stage({ labels, context: context.stream }, signal);
    await context.done;
    if (!built.ok) throw new Error(built.reason);
    return { imageId: built.imageId, installed: fresh.length, discard: () => engine.discard(built.imageId) };
  } catch (error) {
    context.stream.destroy();
    await context.done;
    throw error;
  }
}
