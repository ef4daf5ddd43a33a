import type Docker from 'dockerode';
import { abortable, answerOf, unless } from './docker-client.ts';
import { NETWORK } from './docker-container.ts';

export const BRIDGE = 'raworc0';

const OPTIONS = {
  'com.docker.network.bridge.name': BRIDGE,
  // No traffic between containers.
  'com.docker.network.bridge.enable_icc': 'false',
};

/** The network of all sessions of all node agents on this engine. Throws when one of that name is not Raworc's, or not closed as it must be. */
export async function ensureNetwork(docker: Docker, signal: AbortSignal): Promise<void> {
  if (await isThere(docker, signal)) return;
  try {
    await abortable(
      signal,
      docker.createNetwork({
        Name: NETWORK,
        CheckDuplicate: true,
        Driver: 'bridge',
        EnableIPv6: false,
        Options: OPTIONS,
        Labels: { 'raworc.managed': 'true' },
      }),
    );
  } catch (error) {
    // Another node agent on this engine may have been quicker.
    if (answerOf(error) === undefined || !(await isThere(docker, signal))) throw error;
  }
}

async function isThere(docker: Docker, signal: AbortSignal): Promise<boolean> {
  const found = await unless([404], abortable(signal, docker.getNetwork(NETWORK).inspect()));
  if (found === undefined) return false;
  const options: Readonly<Record<string, string>> = found.Options ?? {};
  const wrong = Object.entries(OPTIONS).find(([name, value]) => options[name] !== value);
  if (found.Labels?.['raworc.managed'] !== 'true' || wrong !== undefined || found.EnableIPv6 === true)
    throw new Error(`there is a Docker network ${NETWORK} that is not as Raworc made it: remove it (docker network rm ${NETWORK})`);
  return true;
}

/** False when it is still in use, by a container of any node agent. */
export async function removeNetwork(docker: Docker, signal: AbortSignal): Promise<boolean> {
  // One that is not running holds no place in the network, and would miss it later.
  const sessions = await abortable(signal, docker.listContainers({ all: true, filters: { network: [NETWORK] } }));
  if (sessions.length > 0) return false;
  try {
    await unless([404], abortable(signal, docker.getNetwork(NETWORK).remove()));
    return true;
  } catch (error) {
    if (answerOf(error) !== undefined) return false;
    throw error;
  }
}
