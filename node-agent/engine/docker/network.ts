import type Docker from 'dockerode';
import { roomOf } from '../../domain/network-room.ts';
import { abortable, answerOf, unless } from './client.ts';
import { NETWORK } from './container.ts';

export const BRIDGE = 'raworc0';

export interface SessionNetwork {
  readonly name: string;
  readonly bridge: string;
  /**
   * An IPv4 range. If undefined, Docker chooses a free one. An existing network keeps its range.
   */
  readonly subnet?: string | undefined;
}

/** The network of all sessions of all node agents that share an engine. */
export const SESSION_NETWORK: SessionNetwork = { name: NETWORK, bridge: BRIDGE };

const optionsOf = ({ bridge }: SessionNetwork) => ({
  'com.docker.network.bridge.name': bridge,
  // No traffic between containers.
  'com.docker.network.bridge.enable_icc': 'false',
});

/** Throws if a network of that name is not Raworc's or does not isolate containers. */
export async function ensureNetwork(docker: Docker, network: SessionNetwork, signal: AbortSignal): Promise<void> {
  if (await isThere(docker, network, signal)) return;
  try {
    await abortable(
      signal,
      docker.createNetwork({
        Name: network.name,
        CheckDuplicate: true,
        Driver: 'bridge',
        EnableIPv6: false,
        Options: optionsOf(network),
        ...(network.subnet === undefined ? {} : { IPAM: { Driver: 'default', Config: [{ Subnet: network.subnet }] } }),
        Labels: { 'raworc.managed': 'true' },
      }),
    );
  } catch (error) {
    // Another node agent on this engine can have created it first.
    if (answerOf(error) === undefined || !(await isThere(docker, network, signal))) throw error;
  }
}

async function isThere(docker: Docker, network: SessionNetwork, signal: AbortSignal): Promise<boolean> {
  const found = await unless([404], abortable(signal, docker.getNetwork(network.name).inspect()));
  if (found === undefined) return false;
  const options: Readonly<Record<string, string>> = found.Options ?? {};
  const wrong = Object.entries(optionsOf(network)).find(([name, value]) => options[name] !== value);
  if (found.Labels?.['raworc.managed'] !== 'true' || wrong !== undefined || found.EnableIPv6 === true)
    throw new Error(
      `the Docker network ${network.name} was changed, or was not created by Raworc. Remove it: docker network rm ${network.name}`,
    );
  return true;
}

/**
 * Returns how many containers the network can connect at once, over all node agents of the machine:
 * its bridge has that many ports, and its range that many addresses.
 */
export async function networkRoom(docker: Docker, network: SessionNetwork, signal: AbortSignal): Promise<number> {
  const { IPAM } = await abortable(signal, docker.getNetwork(network.name).inspect());
  const subnets = (IPAM?.Config ?? []).flatMap(({ Subnet, IPRange }) => IPRange ?? Subnet ?? []);
  return roomOf(subnets);
}

/** Returns whether it was removed. It stays while a container of any node agent uses it. */
export async function removeNetwork(docker: Docker, network: SessionNetwork, signal: AbortSignal): Promise<boolean> {
  // Docker would remove a network that only stopped containers use. They could not start again.
  const sessions = await abortable(signal, docker.listContainers({ all: true, filters: { network: [network.name] } }));
  if (sessions.length > 0) return false;
  try {
    await unless([404], abortable(signal, docker.getNetwork(network.name).remove()));
    return true;
  } catch (error) {
    if (answerOf(error) !== undefined) return false;
    throw error;
  }
}
