import type Docker from 'dockerode';
import { z } from 'zod';
import type { BuildOutcome } from '../../build-engine.ts';
import { answerOf, type DockerClients } from '../client.ts';
import { jsonLines } from '../json-lines.ts';

const buildLine = z.object({ error: z.string().optional(), aux: z.object({ ID: z.string() }).optional().catch(undefined) });

export interface RunBuildDeps {
  readonly clients: DockerClients;
  /** The control group of everything that this node runs; undefined if there is none. */
  cgroupParent(): string | undefined;
}

export interface BuildRun {
  /** The name of the image. Undefined: it has none. */
  readonly image?: string | undefined;
  /** Docker adds each in a step of its own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly context: NodeJS.ReadableStream;
}

/** Builds only copy files: no code of the source runs, and there is no network. */
export async function runBuild(deps: RunBuildDeps, { image, labels, context }: BuildRun, signal: AbortSignal): Promise<BuildOutcome> {
  const { clients, cgroupParent } = deps;
  const parent = cgroupParent();
  const options: Omit<Docker.ImageBuildOptions, 't'> & { t?: string; cgroupparent?: string } = {
    labels,
    forcerm: true,
    networkmode: 'none',
    version: '1',
    abortSignal: signal,
  };
  if (image !== undefined) options.t = image;
  if (parent !== undefined) options.cgroupparent = parent;
  try {
    let imageId = '';
    for await (const line of jsonLines(await clients.streams.buildImage(context, options))) {
      const { error, aux } = buildLine.parse(line);
      if (error !== undefined) return { ok: false, reason: `The image could not be built: ${error}` };
      if (aux !== undefined) imageId = aux.ID;
    }
    return imageId === '' ? { ok: false, reason: 'Docker finished the build without an image.' } : { ok: true, imageId };
  } catch (error) {
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    return { ok: false, reason: `The image could not be built: ${answer.message}` };
  }
}
