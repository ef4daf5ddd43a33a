import type { BuildProgress } from '../builds/progress.ts';
import { DEPENDENCIES } from '../domain/install-script.ts';
import type { BuildEngine, FoundStage } from '../engine/build-engine.ts';
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

/**
 * Labels of images with dependencies. Each such image sets them all, so that none is inherited from a
 * base image, which anyone can have made.
 */
const KIND = { 'raworc.image': 'dependencies' } as const;
/** The keys of what is installed. */
const INSTALLED = 'raworc.installed';
/** How many layers that is. */
const LAYERS = 'raworc.layers';
/** Engines stack at most 127 layers, and base images and agents have some. */
const MAX_LAYERS = 60;

/**
 * Returns the image with exactly these dependencies: one that this engine has, or a new one, which
 * starts from the image with most of them and nothing else. What other images of this engine have is
 * copied instead of installed. Throws BadSource if something cannot be installed.
 */
export async function stageOf(engine: BuildEngine, input: StageInput, signal: AbortSignal): Promise<Stage> {
  const { baseImage, baseImageId, installations, fetch, toolchains, progress, ...where } = input;
  progress.begin('resolve');
  const byKey = new Map(installations.map((one) => [one.key, one]));
  const known = (await engine.stages(KIND, signal)).map(withKeys);
  const start = largestWithin(known, byKey);
  if (start !== undefined && start.keys.size === byKey.size) {
    progress.print('All dependencies are the same as in an earlier image: nothing is installed.');
    return { imageId: start.imageId, installed: 0, discard: async () => undefined };
  }
  const fresh: Installation[] = [];
  const copied: string[] = [];
  const room = MAX_LAYERS - 1 - (start?.layers ?? 0);
  for (const [key, installation] of byKey) {
    if (start?.keys.has(key) === true) continue;
    const holder = copied.length >= room ? undefined : known.find(({ keys }) => keys.has(key));
    if (holder === undefined) fresh.push(installation);
    else {
      progress.print(`The dependencies of ${installation.agent} are copied from an earlier image.`);
      copied.push(`COPY --from=${holder.imageId} ${DEPENDENCIES}/${key} ${DEPENDENCIES}/${key}\n`);
    }
  }
  progress.begin('install');
  const print = progress.output.bind(progress);
  const images = new Map<string, string>();
  for (const { key, dependencies } of fresh) {
    if (dependencies.toolchain === undefined || toolchains === undefined) continue;
    images.set(key, await toolchains.imageOf(dependencies.toolchain, { ...where, baseImage, baseImageId, print }, signal));
  }
  // One layer for all that is installed: each layer takes the engine its time.
  const layers = (start?.layers ?? 0) + copied.length + Math.sign(fresh.length);
  const labels = { ...engine.marks, ...KIND, [INSTALLED]: [...byKey.keys()].sort().join(' '), [LAYERS]: String(layers) };
  const copies = [...copied, ...(fresh.length > 0 ? [`COPY deps ${DEPENDENCIES}\n`] : [])];
  const dockerfile = `${dockerfileHead(start?.imageId ?? baseImage, labels)}${copies.join('')}`;
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
  try {
    const built = await engine.stage({ isReused: true, context: context.stream }, signal);
    await context.done;
    if (!built.ok) throw new Error(built.reason);
    return { imageId: built.imageId, installed: fresh.length, discard: () => engine.discard(built.imageId) };
  } catch (error) {
    context.stream.destroy();
    await context.done;
    throw error;
  }
}

interface Known {
  readonly imageId: string;
  readonly keys: ReadonlySet<string>;
  readonly layers: number;
}

const withKeys = ({ imageId, labels }: FoundStage): Known => ({
  imageId,
  keys: new Set(labels[INSTALLED]?.split(' ')),
  layers: Number(labels[LAYERS]),
});

/**
 * Returns the image with most of the wanted dependencies and no others, which could be those of
 * another space. Keys depend on the base image, so it has the right one.
 */
function largestWithin(known: readonly Known[], wanted: ReadonlyMap<string, unknown>): Known | undefined {
  let best: Known | undefined;
  for (const one of known) {
    const { keys, layers } = one;
    const isUsable = layers < MAX_LAYERS || keys.size === wanted.size;
    if (isUsable && keys.size > (best?.keys.size ?? 0) && [...keys].every((key) => wanted.has(key))) best = one;
  }
  return best;
}
