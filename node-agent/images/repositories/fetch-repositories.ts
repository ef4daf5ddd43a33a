import type { BuildAssignment__Output as BuildAssignment } from '../../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import type { RepositorySource__Output as RepositorySource } from '../../../proto/generated/raworc/node/v0/RepositorySource.ts';
import type { BuildProgress } from '../../builds/progress.ts';
import type { BuildEngine } from '../../engine/build-engine.ts';
import { within } from '../../engine/deadline.ts';
import type { Host } from '../../host.ts';
import { BadSource } from '../read-source.ts';
import { fetchRepository, type PutSource } from './fetch-repository.ts';

/** A server that trickles ends with this. */
const FETCH_LIMIT_MS = 5 * 60_000;

export interface FetchDeps extends Pick<Host, 'clock'> {
  readonly engine: BuildEngine;
  readonly put: PutSource;
  readonly baseImageId: string;
  /** Returns an image with git and ssh. */
  gitImage(): Promise<string>;
  readonly progress: BuildProgress;
}

/**
 * Fetches the repositories of a build, one after another. Returns the build with their sources, or
 * undefined if there is nothing to build, because all is as before. Throws {@link BadSource} with the reason if one cannot be had.
 */
export async function fetchRepositories(
  deps: FetchDeps,
  build: BuildAssignment,
  signal: AbortSignal,
): Promise<BuildAssignment | undefined> {
  const { progress } = deps;
  if (build.repositories.length === 0) return build;
  progress.begin('fetch');
  const agents = [...build.agents];
  for (const source of build.repositories) {
    const fetched = await fetchOne(deps, build, source, signal);
    agents.push(fetched.source);
    progress.print(`${fetched.isKnown ? 'Unchanged' : 'Fetched'}: ${source.url} (${source.ref}) at ${fetched.commit}`);
    if (fetched.isSame) return undefined;
  }
  return { ...build, agents, repositories: [] };
}

async function fetchOne(deps: FetchDeps, { buildId, space }: BuildAssignment, source: RepositorySource, signal: AbortSignal) {
  const { engine, put, clock, progress, baseImageId, gitImage } = deps;
  const attempt = async (image: string) => {
    const beganMs = clock.monotonic();
    try {
      const plan = { buildId, space, image, source };
      return await within(clock, FETCH_LIMIT_MS, signal, (soon) => fetchRepository(engine, plan, put, progress, soon));
    } catch (error) {
      if (signal.aborted || clock.monotonic() - beganMs < FETCH_LIMIT_MS) throw error;
      const minutes = FETCH_LIMIT_MS / 60_000;
      throw new BadSource(`the repository ${source.url} of the agent ${source.agent} could not be fetched within ${minutes} minutes`);
    }
  };
  // A base image with git needs no package mirror for it.
  const first = source.url.startsWith('ssh:') ? undefined : await attempt(baseImageId);
  const fetched = first ?? (await attempt(await gitImage()));
  if (fetched === undefined) throw new BadSource('the image that fetches repositories has no git');
  return fetched;
}
