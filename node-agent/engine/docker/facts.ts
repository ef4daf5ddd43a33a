import type Docker from 'dockerode';
import { z } from 'zod';
import type { Isolation } from '../../domain/session.ts';
import { type EngineFacts, platformOf } from '../engine-facts.ts';
import { abortable } from './client.ts';

const info = z.object({
  ...{ ID: z.string(), Name: z.string(), OSType: z.string(), Architecture: z.string() },
  DefaultRuntime: z.string().catch(''),
  Runtimes: z.record(z.string(), z.looseObject({ path: z.string().catch('') })).catch({}),
  SecurityOptions: z.array(z.string()).nullable().catch([]),
});

/**
 * Machines made from one image can have engines of one ID, so the name of the engine's host counts
 * too. Throws if Docker does not know the runtime that sessions are to have.
 */
export async function readFacts(docker: Docker, wanted: string | undefined, signal: AbortSignal): Promise<EngineFacts> {
  const { ID, Name, OSType, Architecture, DefaultRuntime, Runtimes, SecurityOptions } = info.parse(await abortable(signal, docker.info()));
  const runtime = wanted ?? DefaultRuntime;
  if (wanted !== undefined && Runtimes[wanted] === undefined)
    throw new Error(
      `Docker has no runtime ${wanted} (RAWORC_SESSION_RUNTIME), but ${Object.keys(Runtimes).join(', ')}. Add it to Docker's daemon.json`,
    );
  const isolation = isolationOf(`${runtime} ${Runtimes[runtime]?.path ?? ''}`, SecurityOptions ?? []);
  return { id: `${ID} ${Name}`, platform: platformOf(OSType, Architecture), isolation };
}

function isolationOf(runtime: string, options: readonly string[]): Isolation {
  if (/\b(runsc|gvisor)\b/i.test(runtime)) return 'gvisor';
  return options.some((option) => option.split(',').includes('name=userns')) ? 'user-namespace' : 'container';
}
