import type Docker from 'dockerode';
import { abortable, answerOf } from './client.ts';

/** No image has this name, so creating a container checks the mounts and then fails. */
const NO_IMAGE = 'raworc/none:none';

/**
 * Returns whether the engine, which can be in another mount namespace, sees this directory. The
 * engine checks mounts before it checks the image.
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
