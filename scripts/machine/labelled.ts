import type Docker from 'dockerode';

/** A thing on this machine's Docker. */
export interface Found {
  readonly kind: 'container' | 'volume' | 'image' | 'network';
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  remove(): Promise<unknown>;
}

/** Returns everything with a label, in an order in which it can be removed. */
export async function labelled(docker: Docker, label: string): Promise<readonly Found[]> {
  const filters = { label: [label] };
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes: volumes } = await docker.listVolumes({ filters });
  const images = await docker.listImages({ filters });
  const networks = await docker.listNetworks({ filters });
  return [
    ...containers.map(({ Id: id, Names: [name = id], Labels: labels }): Found => {
      return {
        kind: 'container',
        id,
        name: name.replace(/^\//, ''),
        labels,
        remove: () => docker.getContainer(id).remove({ force: true }),
      };
    }),
    ...volumes.map(({ Name: name, Labels: labels }): Found => {
      return { kind: 'volume', id: name, name, labels, remove: () => docker.getVolume(name).remove() };
    }),
    ...images.map(({ Id: id, RepoTags, Labels: labels }): Found => {
      return {
        kind: 'image',
        id,
        name: RepoTags?.[0] ?? id.slice(0, 19),
        labels,
        remove: () => docker.getImage(id).remove({ force: true }),
      };
    }),
    ...networks.map(({ Id: id, Name: name, Labels: labels }): Found => {
      return { kind: 'network', id, name, labels: labels ?? {}, remove: () => docker.getNetwork(id).remove() };
    }),
  ];
}
