import { messageOf } from '../../seams/message-of.ts';
import { quoted } from '../domain/build-failure.ts';
import { TOOLCHAINS, type Toolchain, toolchainKey, toolchainScript } from '../domain/installs/toolchains.ts';
import type { BuildEngine } from '../engine/build-engine.ts';
import { dockerfileHead } from './build-context.ts';
import { InstallRoom, packInstalled } from './pack-installed.ts';
import { packEntry, packing } from './packed.ts';
import { BadSource } from './read-source.ts';

export interface ToolchainPlan {
  readonly buildId: string;
  readonly space: string;
  readonly baseImage: string;
  readonly baseImageId: string;
  /** Takes what the installation prints. */
  readonly print?: ((chunk: Uint8Array) => void) | undefined;
}

interface Flight {
  readonly image: Promise<string>;
  readonly ending: AbortController;
  waiting: number;
}

/** They replace those that the base image brings. */
const labelsOf = (key: string) => ({ 'raworc.image': 'builder', 'raworc.toolchain.key': key });

/**
 * Builder images: a base image with a toolchain. Each is made on this node when a build first needs
 * it, and kept for later builds until a newer one of its kind replaces it.
 */
export class Toolchains {
  readonly #engine: BuildEngine;
  readonly #flights = new Map<string, Flight>();
  /** Base images that have a toolchain themselves, by key. */
  readonly #complete = new Set<string>();

  constructor(engine: BuildEngine) {
    this.#engine = engine;
  }

  /**
   * Returns the ID of an image with the toolchain, which is the base image itself if it has it. At
   * most one of each is made at once. Throws {@link BadSource} with the reason if it cannot be made.
   */
  async imageOf(toolchain: Toolchain, plan: ToolchainPlan, signal: AbortSignal): Promise<string> {
    const key = toolchainKey(toolchain, plan.baseImageId);
    if (this.#complete.has(key)) return plan.baseImageId;
    const flight = this.#flights.get(key) ?? this.#begin(toolchain, key, plan);
    flight.waiting += 1;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      return await Promise.race([flight.image, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
      flight.waiting -= 1;
      // One build that is cancelled does not end what others wait for.
      if (flight.waiting === 0) flight.ending.abort(new Error('no build waits for the toolchain'));
    }
  }

  #begin(toolchain: Toolchain, key: string, plan: ToolchainPlan): Flight {
    const ending = new AbortController();
    const image = this.#make(toolchain, key, plan, ending.signal).finally(() => this.#flights.delete(key));
    image.catch(() => undefined);
    const flight = { image, ending, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  async #make(toolchain: Toolchain, key: string, plan: ToolchainPlan, signal: AbortSignal): Promise<string> {
    const engine = this.#engine;
    const there = await engine.stageWith(labelsOf(key), signal);
    if (there !== undefined) return there;
    const { buildId, space, baseImage, baseImageId, print } = plan;
    const { title } = TOOLCHAINS[toolchain];
    const directory = `/opt/raworc/toolchains/${key}`;
    const command = ['/bin/sh', '-c', toolchainScript(toolchain)];
    const input = (async function* () {})();
    const where = { buildId, space, image: baseImageId, command, environment: {}, directory, input, print };
    const job = await engine.start(where, signal);
    try {
      if (!(await job.began)) {
        const { code, lastLines } = await job.ended;
        if (code !== 0) throw new BadSource(failure(title, code, lastLines));
        this.#complete.add(key);
        return baseImageId;
      }
      const context = packing(async (pack) => {
        const labels = { ...engine.marks, ...labelsOf(key), 'raworc.toolchain': toolchain };
        const dockerfile = `${dockerfileHead(baseImage, labels)}COPY deps/${key} /\n`;
        await packEntry(pack, { name: 'Dockerfile', mode: 0o644 }, dockerfile);
        await packInstalled(pack, { owner: title, key, room: new InstallRoom() }, job.output);
      });
      try {
        const built = await engine.stage({ isReused: true, context: context.stream }, signal);
        await context.done;
        if (!built.ok) throw new Error(built.reason);
        await engine.keepBuilder(toolchain, built.imageId, `raworc_builder:${toolchain}-${key}`, signal);
        return built.imageId;
      } catch (error) {
        context.stream.destroy();
        await context.done;
        throw error;
      }
    } catch (error) {
      if (error instanceof BadSource) throw error;
      signal.throwIfAborted();
      throw new Error(`${title} could not be installed: ${messageOf(error)}`, { cause: error });
    } finally {
      await job.close();
    }
  }
}

function failure(title: string, code: number, lastLines: string): string {
  if (code === 64) return `${title} could not be installed.${quoted(lastLines)}`;
  const hint = 'This node needs a package mirror that it can reach (build_apt_url), or a base image that has the programs.';
  return `${title} could not be installed from the package mirror of the base image: exit code ${code}. ${hint}${quoted(lastLines)}`;
}
