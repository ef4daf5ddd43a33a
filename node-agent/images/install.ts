import { installFailure } from '../domain/build-failure.ts';
import { DEPENDENCIES, installScript } from '../domain/install-script.ts';
import type { Dependencies } from '../domain/installs/planned.ts';
import type { BuildEngine, Job, JobPlan } from '../engine/build-engine.ts';
import { packing, packPart } from './packed.ts';
import { BadSource, readSource } from './read-source.ts';

export interface Installation {
  readonly agent: string;
  readonly digest: string;
  readonly key: string;
  readonly dependencies: Dependencies;
}

export interface InstallPlan extends Installation {
  readonly buildId: string;
  readonly space: string;
  readonly image: string;
  readonly print: JobPlan['print'];
}

/**
 * Installs what an agent depends on, in a container that sees only the files that decide it. Returns
 * the container's job once its output, a tar of the installed directory, has begun. Throws
 * {@link BadSource} with the reason if nothing could be installed.
 */
export async function install(
  engine: BuildEngine,
  { agent, digest, key, dependencies, ...where }: InstallPlan,
  fetch: (digest: string) => AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Job> {
  const inputs = new Set(dependencies.inputs);
  const input = packing((pack) =>
    readSource(agent, digest, fetch(digest), async (part) => {
      if (part.kind === 'directory') return;
      if (inputs.has(part.path)) await packPart(pack, '', part);
      else if (part.kind === 'file') for await (const _ of part.content);
    }),
  );
  let fault: unknown;
  input.done.catch((error: unknown) => {
    fault = error;
  });
  const directory = `${DEPENDENCIES}/${key}`;
  const environment: Record<string, string> = dependencies.command === undefined ? {} : { RAWORC_BUILD_COMMAND: dependencies.command };
  const command = ['/bin/sh', '-c', installScript(dependencies)];
  const job = await engine.start({ ...where, command, environment, directory, input: input.stream }, signal).catch((error) => {
    input.stream.destroy();
    throw error;
  });
  try {
    if (await job.began) return job;
    const end = await job.ended;
    if (fault instanceof BadSource) throw fault;
    throw new BadSource(installFailure(agent, dependencies.installer, end));
  } catch (error) {
    input.stream.destroy();
    await job.close();
    throw error;
  }
}
