import type Docker from 'dockerode';
import { z } from 'zod';
import { type EngineFacts, platformOf } from '../engine-facts.ts';
import { abortable } from './client.ts';

const info = z.object({ ID: z.string(), OSType: z.string(), Architecture: z.string() });

export async function readFacts(docker: Docker, signal: AbortSignal): Promise<EngineFacts> {
  const { ID, OSType, Architecture } = info.parse(await abortable(signal, docker.info()));
  return { id: ID, platform: platformOf(OSType, Architecture) };
}
