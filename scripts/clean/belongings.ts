import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { TABLE } from '../../node-agent/domain/firewall-rules.ts';
import { madeImages } from '../image/made.ts';

export interface Found {
  readonly kind: 'container' | 'volume' | 'disk' | 'image' | 'network' | 'firewall' | 'sockets';
  readonly name: string;
  readonly what: string;
  remove(): Promise<unknown>;
}

/** Everything on this machine that belongs to the cluster of a data directory, in the order in which it can be removed. */
export async function found(docker: Docker, dataDir: string): Promise<readonly Found[]> {
  const idFile = join(dataDir, 'controller', 'cluster-id');
  const cluster = existsSync(idFile) ? readFileSync(idFile, 'utf8').trim() : undefined;
  const own = cluster === undefined ? [] : await ofCluster(docker, cluster);
  return [...own, ...disks(dataDir), ...(await ofNobodyElse(docker, dataDir, cluster)), ...socketDirectories(dataDir)];
}

async function ofCluster(docker: Docker, cluster: string): Promise<Found[]> {
  const filters = { label: [`raworc.cluster=${cluster}`] };
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes: volumes } = await docker.listVolumes({ filters });
  const images = await docker.listImages({ filters });
  return [
    ...containers.map(
      ({ Id, Names }): Found => ({
        kind: 'container',
        name: (Names[0] ?? Id).replace(/^\//, ''),
        what: 'a running session',
        remove: () => docker.getContainer(Id).remove({ force: true }),
      }),
    ),
    ...volumes.map(
      ({ Name }): Found => ({ kind: 'volume', name: Name, what: 'a session’s files', remove: () => docker.getVolume(Name).remove() }),
    ),
    ...images.map(
      ({ Id, RepoTags }): Found => ({
        kind: 'image',
        name: RepoTags?.[0] ?? Id.slice(0, 19),
        what: 'a build of a space',
        remove: () => docker.getImage(Id).remove({ force: true }),
      }),
    ),
  ];
}

/** The session images that this installation made, and the network: all clusters of a machine share them, so only when no other has anything here. */
async function ofNobodyElse(docker: Docker, dataDir: string, cluster: string | undefined): Promise<Found[]> {
  const filters = { label: ['raworc.managed=true'] };
  const all = [
    ...(await docker.listContainers({ all: true, filters })),
    ...(await docker.listVolumes({ filters })).Volumes,
    ...(await docker.listImages({ filters })),
  ];
  const others = all.some(({ Labels }) => {
    const owner = Labels?.['raworc.cluster'];
    return owner !== undefined && owner !== cluster;
  });
  if (others) return [];
  const made = madeImages(dataDir);
  const bases = made.length === 0 ? [] : await docker.listImages({ filters: { ...filters, reference: [...made] } });
  const networks = await docker.listNetworks({ filters });
  return [
    ...bases.map(
      ({ Id, RepoTags }): Found => ({
        kind: 'image',
        name: RepoTags?.[0] ?? Id.slice(0, 19),
        what: 'what sessions start from',
        remove: () => docker.getImage(Id).remove({ force: true }),
      }),
    ),
    ...networks.map(
      ({ Id, Name }): Found => ({ kind: 'network', name: Name, what: 'of the sessions', remove: () => docker.getNetwork(Id).remove() }),
    ),
    ...firewall(),
  ];
}

/** What keeps sessions from this machine, left behind by a node agent that was killed. */
function firewall(): Found[] {
  const table = ['table', 'inet', TABLE];
  try {
    execFileSync('nft', ['list', ...table], { stdio: 'ignore' });
  } catch {
    // No such table, or no nftables.
    return [];
  }
  const remove = async () => execFileSync('nft', ['delete', ...table], { stdio: 'ignore' });
  return [{ kind: 'firewall', name: table.join(' '), what: 'what sessions may reach', remove }];
}

/** Of the sessions of each node. Most are mounted, and cannot be removed before they are not. */
export function disks(dataDir: string): readonly Found[] {
  const nodes = join(dataDir, 'nodes');
  if (!existsSync(nodes)) return [];
  return readdirSync(nodes).flatMap((node): Found[] => {
    const directory = join(nodes, node, 'disks');
    if (!existsSync(directory)) return [];
    return readdirSync(directory).map((name) => ({
      kind: 'disk',
      name: join(directory, name),
      what: 'a session’s files',
      remove: async () => {
        const place = join(directory, name, 'fs');
        if (existsSync(place) && statSync(place).dev !== statSync(directory).dev) execFileSync('umount', [place]);
        execFileSync('rm', ['-rf', '--one-file-system', '--', join(directory, name)]);
      },
    }));
  });
}

/** Where each node's guests connect. */
function socketDirectories(dataDir: string): readonly Found[] {
  const nodes = join(dataDir, 'nodes');
  if (!existsSync(nodes)) return [];
  return readdirSync(nodes).flatMap((node): Found[] => {
    const file = join(nodes, node, 'identity.json');
    if (!existsSync(file)) return [];
    const id = /"nodeId":\s*"([0-9a-f-]{36})"/.exec(readFileSync(file, 'utf8'))?.[1];
    const path = id === undefined ? undefined : join('/run/raworc', id.slice(0, 8));
    if (path === undefined || !existsSync(path)) return [];
    return [{ kind: 'sockets', name: path, what: 'of a node', remove: async () => rmSync(path, { recursive: true, force: true }) }];
  });
}
