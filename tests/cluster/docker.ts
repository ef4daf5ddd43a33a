import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { z } from 'zod';
import { TABLE } from '../../node-agent/domain/firewall-rules.ts';

export const docker = new Docker({ socketPath: '/var/run/docker.sock', version: 'v1.41' });

const NETWORK = 'raworc_network';

export interface ContainerSeen {
  readonly id: string;
  readonly session: string;
  readonly node: string;
  readonly running: boolean;
}

/** Returns a cluster's containers, including stopped ones. */
export async function containersOf(cluster: string): Promise<ContainerSeen[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`raworc.cluster=${cluster}`] } });
  return found.map(({ Id, Labels, State }) => ({
    id: Id,
    session: Labels['raworc.session'] ?? '',
    node: Labels['raworc.node'] ?? '',
    running: State === 'running',
  }));
}

/** Returns the session image named by the test runner; without a runner, the newest one. */
export async function sessionImage(): Promise<string> {
  const named = process.env.RAWORC_BASE_IMAGE_TAG;
  if (named !== undefined && named !== '') return named;
  const images = await docker.listImages({ filters: { label: ['raworc.image=base'] } });
  const tags = images
    .sort((a, b) => b.Created - a.Created)
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag.startsWith('raworc/session:'));
  const [newest] = tags;
  if (newest === undefined) throw new Error('there is no session image yet: npm test makes it first');
  return newest;
}

/** Returns the user of a session's agents, which is unique to it. */
export async function agentUser(container: string): Promise<string> {
  return (await docker.getContainer(container).inspect()).Config.Labels['raworc.uid'] ?? '';
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs `docker exec` as the container's user (the guest's) unless `user` is set. Returns both
 * output streams.
 */
export async function execIn(container: string, command: readonly string[], user?: string): Promise<Ran> {
  const exec = await docker.getContainer(container).exec({
    Cmd: [...command],
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
    ...(user === undefined ? {} : { User: user }),
  });
  const stream = await exec.start({ Tty: true });
  let output = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) output += String(chunk);
  const { ExitCode } = await exec.inspect();
  return { code: ExitCode ?? -1, output: output.replaceAll('\r\n', '\n') };
}

const eventShape = z.looseObject({ Action: z.string(), Actor: z.looseObject({ ID: z.string() }) });

/** Collects all events of a cluster's containers from now until `stop`. */
export async function recordContainerEvents(cluster: string): Promise<{ seen: { action: string; container: string }[]; stop: () => void }> {
  const stop = new AbortController();
  const stream = await docker.getEvents({
    filters: { type: ['container'], label: [`raworc.cluster=${cluster}`] },
    abortSignal: stop.signal,
  });
  const seen: { action: string; container: string }[] = [];
  let rest = '';
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((candidate) => candidate.trim() !== '')) {
      const { Action, Actor } = eventShape.parse(JSON.parse(line));
      seen.push({ action: Action, container: Actor.ID });
    }
  });
  return { seen, stop: () => stop.abort() };
}

/**
 * Removes a cluster's leftovers from Docker: containers, volumes, images of its spaces, and
 * Raworc's network if unused.
 */
export async function sweep(cluster: string): Promise<void> {
  for (const { id } of await containersOf(cluster)) await settle(docker.getContainer(id).remove({ force: true, v: true }));
  const { Volumes } = await docker.listVolumes({ filters: { label: [`raworc.cluster=${cluster}`] } });
  for (const { Name } of Volumes) await settle(docker.getVolume(Name).remove({ force: true }));
  const images = await docker.listImages({ filters: { label: [`raworc.cluster=${cluster}`] } });
  for (const { Id } of images) await settle(docker.getImage(Id).remove({ force: true }));
  const others = await docker.listContainers({ all: true, filters: { network: [NETWORK] } });
  if (others.length > 0) return;
  await settle(docker.getNetwork(NETWORK).remove());
  // A node agent that runs all the same has it back in a second.
  await promisify(execFile)('nft', ['delete', 'table', 'inet', TABLE]).catch(() => undefined);
}

/** Removes something that can already be gone, or in use. */
async function settle(removal: Promise<unknown>): Promise<void> {
  await removal.catch((fault: unknown) => {
    const status = z.object({ statusCode: z.number() }).safeParse(fault);
    if (!status.success || ![403, 404, 409].includes(status.data.statusCode)) throw fault;
  });
}
