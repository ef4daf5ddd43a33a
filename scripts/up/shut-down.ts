import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerEngine } from '../machine/docker.ts';
import { labelled } from '../machine/labelled.ts';
import { step } from '../terminal.ts';
import type { Child } from './child.ts';

export interface Running {
  readonly dataDir: string;
  engine?: DockerEngine;
  nats?: Child | undefined;
  controller?: Child;
  nodes: readonly Child[];
}

/**
 * Ends everything in an order that lets each part clean up: the controller has the nodes remove
 * their containers and waits for them, then the other processes end. Volumes, images and data stay.
 * When `hurry` aborts, processes are killed.
 */
export async function shutDown({ dataDir, engine, nats, controller, nodes }: Running, hurry: AbortSignal): Promise<void> {
  const all = [controller, ...nodes, nats].filter((child) => child !== undefined);
  for (const child of all) child.release();
  await step('Stop the sessions, nodes and the controller', async () => {
    const hurried = new Promise<void>((resolve) => {
      hurry.addEventListener('abort', () => resolve());
      if (hurry.aborted) resolve();
    });
    const orderly = (async () => {
      await controller?.stop(25_000);
      await Promise.all(nodes.map((node) => node.stop(5000)));
      await nats?.stop(3000);
    })();
    await Promise.race([orderly, hurried]);
    if (hurry.aborted) await Promise.all(all.map((child) => child.stop(0)));
    if (engine) await removeStragglers(engine, dataDir);
  });
  await engine?.release();
}

/**
 * Removes containers of this cluster that are left, and the network unless another cluster uses it.
 */
async function removeStragglers({ docker }: DockerEngine, dataDir: string): Promise<void> {
  const file = join(dataDir, 'controller', 'cluster-id');
  if (!existsSync(file)) return;
  const ours = await labelled(docker, `raworc.cluster=${readFileSync(file, 'utf8').trim()}`);
  const shared = await labelled(docker, 'raworc.managed=true');
  const removable = [...ours.filter(({ kind }) => kind === 'container'), ...shared.filter(({ kind }) => kind === 'network')];
  // Docker refuses to remove a network in use, and anything that is already being removed.
  for (const one of removable) await one.remove().catch(() => undefined);
}
