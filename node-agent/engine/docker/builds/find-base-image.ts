import type { FoundImage } from '../../build-engine.ts';
import { abortable, answerOf, type DockerClients, unless } from '../client.ts';
import { jsonLines } from '../json-lines.ts';

const matches = (pattern: string, name: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern || name === `${pattern}:latest`;

/** No part of a path can lead elsewhere in the engine's API: it redirects there, which ends its client. */
const REFERENCE = /^[a-z0-9][\w.-]*(?::\d+)?(?:\/[a-z0-9][\w.-]*)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/i;

/** Returns an image by its name, if the operator allows it as a base. A missing one is pulled. */
export async function findBaseImage(
  { calls, streams }: DockerClients,
  allowed: readonly string[],
  name: string,
  signal: AbortSignal,
): Promise<FoundImage> {
  const isAllowed = REFERENCE.test(name) && !name.startsWith('raworc_') && allowed.some((pattern) => matches(pattern, name));
  if (!isAllowed)
    return no(
      `this node does not allow the base image ${name.slice(0, 200)}. Begin with raworc/session, or have the operator add the image to build_base_images`,
    );
  const inspect = () => unless([404], abortable(signal, calls.getImage(name).inspect()));
  let image = await inspect();
  if (image === undefined) {
    const problem = await pulled(streams, name, signal);
    if (problem !== undefined) return no(`the base image ${name} cannot be pulled: ${problem}`);
    image = await inspect();
  }
  if (image === undefined) return no(`the base image ${name} is not on this node`);
  const { OnBuild, Volumes } = image.Config;
  // Their instructions would run in the engine, without the limits of builds.
  if ((OnBuild ?? []).length > 0) return no(`the base image ${name} has ONBUILD instructions, which are not supported`);
  if (Object.keys(Volumes ?? {}).length > 0) return no(`the base image ${name} declares volumes, which are not supported`);
  return { ok: true, imageId: image.Id, digest: digestFor(name, image.RepoDigests ?? []) ?? image.Id };
}

/**
 * Returns the digest by which the registry that was asked knows an image. One that several
 * repositories have, has a digest of each.
 */
export function digestFor(name: string, repoDigests: readonly string[]): string | undefined {
  const repositoryOf = (reference: string) =>
    reference
      .replace(/@.*$/, '')
      .replace(/:[^/]*$/, '')
      .replace(/^docker\.io\/(library\/)?/, '');
  const repository = repositoryOf(name);
  return repoDigests.find((one) => one === name) ?? repoDigests.find((one) => repositoryOf(one) === repository) ?? repoDigests[0];
}

/** Returns why an image could not be pulled. */
async function pulled(docker: DockerClients['streams'], name: string, signal: AbortSignal): Promise<string | undefined> {
  const hasTag = /[:@][^/]*$/.test(name);
  try {
    const progress = await docker.pull(hasTag ? name : `${name}:latest`, { abortSignal: signal });
    for await (const line of jsonLines(progress)) {
      if (typeof line === 'object' && line !== null && 'error' in line && typeof line.error === 'string') return line.error;
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    return answer.message;
  }
}

const no = (reason: string): FoundImage => ({ ok: false, reason });
