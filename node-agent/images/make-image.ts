import type { BuildAssignment__Output as BuildAssignment } from '../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import { baseOfBuild, type ScannedAgent } from '../builds/base-of-build.ts';
import type { BuildProgress } from '../builds/progress.ts';
import { dependenciesOf } from '../domain/dependencies.ts';
import { keyOf } from '../domain/install-script.ts';
import { ownImageOf } from '../domain/installs/own-image.ts';
import type { BuildEngine, BuildOutcome } from '../engine/build-engine.ts';
import { buildContext } from './build-context.ts';
import type { HandlerChecks } from './checks/handler-checks.ts';
import type { Installation } from './install.ts';
import { BadSource } from './read-source.ts';
import { scanSource } from './scan-source.ts';
import { type Stage, stageOf } from './stage.ts';
import type { Toolchains } from './toolchains.ts';

export interface MakeDeps {
  readonly engine: BuildEngine;
  readonly toolchains: Pick<Toolchains, 'imageOf'>;
  fetch(digest: string): AsyncIterable<Uint8Array>;
  readonly progress: BuildProgress;
  readonly checks: Pick<HandlerChecks, 'faultIn'>;
  /** Dependencies of this many agents are in the image, of which some were installed for it. */
  installed(installed: number, all: number): void;
}

/**
 * Builds an image: installs what its agents depend on, adds their sources, and gives it its name
 * once every handler can be loaded. A build that fails leaves nothing behind.
 */
export async function makeImage(
  deps: MakeDeps,
  build: BuildAssignment,
  stock: { readonly id: string },
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<BuildOutcome> {
  const { engine, toolchains, fetch, progress } = deps;
  const { buildId, space } = build;
  progress.begin('fetch');
  const scanned: ScannedAgent[] = [];
  for (const { spec, digest } of build.agents) {
    if (spec === null) throw new BadSource('an agent has no name');
    const { name, runtime } = spec;
    const files = await scanSource(name, digest, fetch(digest));
    const planned = dependenciesOf(runtime, files);
    if (!planned.ok) throw new BadSource(`the dependencies of the agent ${name} cannot be installed: ${planned.reason}`);
    // Their texts together can be large.
    const hashes = new Map([...files].map(([path, { sha256 }]) => [path, { sha256 }]));
    scanned.push({ name, runtime, digest, files: hashes, own: ownImageOf(files), dependencies: planned.dependencies });
  }
  const stockPlan = { buildId, space, baseImage: build.baseImage, baseImageId: stock.id, agents: scanned };
  const base = await baseOfBuild({ engine, fetch, progress }, stockPlan, signal);
  const baseImage = base.image;
  let stage: Stage | undefined;
  let imageId: string | undefined;
  let isMade = false;
  try {
    const installations: Installation[] = [];
    for (const { name, digest, files, dependencies } of scanned) {
      if (dependencies === undefined) {
        progress.print(`${name}: ${counted(files.size)}, no dependencies`);
        continue;
      }
      progress.print(`${name}: ${counted(files.size)}, dependencies of ${dependencies.inputs.join(', ')}`);
      const key = keyOf(dependencies, files, { imageId: base.id, npmVersion: engine.npmVersion });
      installations.push({ agent: name, digest, key, dependencies });
    }
    if (installations.length > 0) {
      stage = await stageOf(
        engine,
        { buildId, space, baseImage, baseImageId: base.id, installations, fetch, toolchains, progress },
        signal,
      );
      deps.installed(stage.installed, new Set(installations.map(({ key }) => key)).size);
    }
    progress.begin('image');
    const byAgent = new Map(
      installations.map(({ agent, key, dependencies: { directory, command, leavesOut } }) => [
        agent,
        { key, directory, leavesOut, hasResult: command !== undefined },
      ]),
    );
    const agents = build.agents.map(({ spec, digest }) => ({ spec, digest, dependencies: byAgent.get(spec?.name ?? '') }));
    const context = buildContext({ baseImage: stage?.imageId ?? baseImage, labels: { ...engine.marks, ...labels }, agents }, fetch);
    try {
      const built = await engine.stage({ isReused: false, context: context.stream }, signal);
      await context.done;
      if (!built.ok) return built;
      imageId = built.imageId;
    } catch (error) {
      // A source's error is more helpful than the engine's about an interrupted context.
      context.stream.destroy();
      await context.done;
      throw error;
    }
    progress.begin('check');
    const checked = build.agents.flatMap(({ spec, digest }) => {
      if (spec === null) return [];
      return { ...spec, content: [base.id, digest, byAgent.get(spec.name)?.key ?? ''].join(' ') };
    });
    const fault = await deps.checks.faultIn({ buildId, space, imageId, agents: checked }, progress, signal);
    if (fault !== undefined) return { ok: false, reason: `The build failed: ${fault}` };
    await engine.name(imageId, build.image, signal);
    const done = imageId;
    imageId = undefined;
    stage = undefined;
    isMade = true;
    return { ok: true, imageId: done, ownBase: base.own };
  } finally {
    if (imageId !== undefined) await engine.discard(imageId);
    await stage?.discard();
    if (!isMade) await base.discard();
  }
}

const counted = (files: number) => `${files} ${files === 1 ? 'file' : 'files'}`;
