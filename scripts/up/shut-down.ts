import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerEngine } from '../machine/docker.ts';
import { step } from '../terminal.mjs';
import type { Child } from './child.ts';

const network = 'raworc_network';

export interface Running {
  readonly dataDir: string;
  engine?: DockerEngine;
  nats?: Child;
  controller?: Child;
  nodes: Child[];
}

/**
 * Ends everything in the order that lets each part clean up: the controller has the nodes remove their containers and waits for
 * them, then what is left is ended. Volumes, images and data stay. When `hurry` aborts, processes are ended at once and their
 * containers removed from here.
 */
export async function shutDown(running: Running, hurry: AbortSignal): Promise<void> {
  const { controller, nodes, nats, engine } = running;
  const all = [controller, ...nodes, nats].filter((child) => child !== undefined);
  for (const child of all) child.release();
  const quickly = new Promise<void>((resolve) => {
    hurry.addEventListener('abort', () => resolve());
    if (hurry.aborted) resolve();
  });
  await step('Stop the sessions, nodes and the controller', async () => {
    const kindly = (async () => {
      await controller?.stop(25_000);
      await Promise.all(nodes.map((node) => node.stop(5000)));
      await nats?.stop(3000);
    })();
    await Promise.race([kindly, quickly]);
    if (hurry.aborted) await Promise.all(all.map((child) => child.stop(0, 'SIGKILL')));
    if (engine) await removeStragglers(engine, running.dataDir);
  });
  if (engine) await engine.release();
}

/** Containers of this cluster that nobody removed, and the network when no container is on it. */
async function removeStragglers({ docker }: DockerEngine, dataDir: string): Promise<void> {
  const file = join(dataDir, 'controller', 'cluster-id');
  if (!existsSync(file)) return;
  const label = [`raworc.cluster=${readFileSync(file, 'utf8').trim()}`];
  for (const { Id } of await docker.listContainers({ all: true, filters: { label } })) {
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined); // Being removed already.
  }
  const [found] = await docker.listNetworks({ filters: { name: [network], label: ['raworc.managed=true'] } });
  // Refused while another cluster's containers are on it.
  if (found)
    await docker
      .getNetwork(found.Id)
      .remove()
      .catch(() => undefined);
}
