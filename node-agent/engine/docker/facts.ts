import type Docker from 'dockerode';
import { z } from 'zod';
import { type EngineFacts, platformOf } from '../engine-facts.ts';
import { abortable } from './client.ts';

const info = z.object({ ID: z.string(), Name: z.string(), OSType: z.string(), Architecture: z.string() });

/** Machines made from one image can have engines of one ID, so the name of the engine's host counts too. */
export async function readFacts(docker: Docker, signal: AbortSignal): Promise<EngineFacts> {
  const { ID, Name, OSType, Architecture } = info.parse(await abortable(signal, docker.info()));
  return { id: `${ID} ${Name}`, platform: platformOf(OSType, Architecture) };
}
