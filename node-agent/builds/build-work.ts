import type { BuildAssignment__Output as BuildAssignment } from '../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { BuildOutcome } from '../engine/build-engine.ts';
import type { Host } from '../host.ts';
import { buildContext } from '../images/build-context.ts';
import { findOrRestore } from '../images/find-or-restore.ts';
import { type MakeDeps, makeImage } from '../images/make-image.ts';
import { BadSource } from '../images/read-source.ts';
import { fetchRepositories } from '../images/repositories/fetch-repositories.ts';
import type { PutSource } from '../images/repositories/fetch-repository.ts';
import type { Progress } from './progress.ts';

type FetchSource = MakeDeps['fetch'];

export interface BuildWorkDeps extends Pick<Host, 'driver' | 'dialer' | 'clock' | 'log'> {
  /** Returns why this node cannot build now; undefined if it can. */
  refusal(): string | undefined;
  readonly installed: MakeDeps['installed'];
  /** Undefined over an engine that runs nothing. */
  readonly toolchains: MakeDeps['toolchains'] | undefined;
  readonly checks: MakeDeps['checks'] | undefined;
  readonly progress: Progress;
}

/**
 * `baseImageMissing`, and `refusedNow` because of a condition of this node. `same`: there is nothing
 * to build, and the controller has ended the build.
 */
export type BuildResult = (BuildOutcome & { readonly baseImageMissing?: boolean; readonly refusedNow?: boolean }) | 'same';

/** Makes the image of a build, unless it exists already with the build's label. */
export async function workOnBuild(deps: BuildWorkDeps, build: BuildAssignment, signal: AbortSignal): Promise<BuildResult> {
  const { driver, dialer, clock, log, refusal, progress, installed, toolchains, checks } = deps;
  const refused = refusal();
  if (refused !== undefined) return { ok: false, reason: `This node accepts no builds: ${refused}`, refusedNow: true };
  const there = await driver.inspectImage(build.image, signal);
  if (there?.labels['raworc.build'] === build.buildId) return { ok: true, imageId: there.id };
  const base = await findOrRestore({ driver, log }, build.baseImage, signal);
  if (base === undefined) return { ok: false, reason: `The base image ${build.baseImage} is not on this node.`, baseImageMissing: true };
  progress.print(`Base image ${build.baseImage}`);
  const labels = {
    'raworc.managed': 'true',
    'raworc.image': 'space',
    'raworc.space': build.space,
    'raworc.build': build.buildId,
  };
  const fetching = new AbortController();
  const stop = AbortSignal.any([signal, fetching.signal]);
  const fetch = (digest: string) => dialer.fetchSource(digest, stop);
  try {
    if (driver.builds === undefined || toolchains === undefined || checks === undefined) {
      if (build.repositories.length > 0) throw new BadSource('this node cannot fetch repositories');
      progress.begin('image');
      return await copySources(driver, build, labels, fetch, signal);
    }
    const put: PutSource = (header, data, soon) => dialer.putSource(header, data, soon);
    const { buildId, space, baseImage } = build;
    const print = (chunk: Uint8Array) => progress.output(chunk);
    const plan = { buildId, space, baseImage, baseImageId: base.id, print };
    const gitImage = () => toolchains.imageOf('git', plan, signal);
    const whole = await fetchRepositories({ engine: driver.builds, put, clock, progress, baseImageId: base.id, gitImage }, build, signal);
    if (whole === undefined) return 'same';
    return await makeImage({ engine: driver.builds, toolchains, checks, fetch, progress, installed }, whole, base, labels, signal);
  } finally {
    fetching.abort();
  }
}

/** Only copies the sources, over an engine that runs nothing. */
async function copySources(
  driver: Host['driver'],
  build: BuildAssignment,
  labels: Readonly<Record<string, string>>,
  fetch: FetchSource,
  signal: AbortSignal,
): Promise<BuildOutcome> {
  const context = buildContext(build, fetch);
  try {
    const built = await driver.buildImage({ image: build.image, labels, context: context.stream }, signal);
    await context.done;
    return built;
  } catch (error) {
    // A source's error is more helpful than the engine's about an interrupted context.
    context.stream.destroy();
    await context.done;
    throw error;
  } finally {
    context.stream.destroy();
  }
}
