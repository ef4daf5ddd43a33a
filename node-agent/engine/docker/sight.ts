import type Docker from 'dockerode';
import { abortable, answerOf } from './client.ts';

/** No image is called so: a create of it gets as far as to look at its mounts, and no further. */
const NO_IMAGE = 'raworc/none:none';

/**
 * Whether the engine, perhaps in another mount namespace, sees this directory. It checks mounts
 * before it checks the image.
 */
export async function dockerSees(docker: Docker, path: string, signal: AbortSignal): Promise<boolean> {
  const Mounts: Docker.MountSettings[] = [{ Type: 'bind', Source: path, Target: '/seen' }];
  try {
    await (await abortable(signal, docker.createContainer({ Image: NO_IMAGE, HostConfig: { Mounts } }))).remove();
    return true;
  } catch (error) {
    const answer = answerOf(error);
    if (answer?.status === 404) return true;
    if (answer?.status === 400 && /bind source path does not exist/i.test(answer.message)) return false;
    throw error;
  }
}
