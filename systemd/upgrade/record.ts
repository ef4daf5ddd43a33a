import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../../seams/private-file.ts';
import { sync } from '../../seams/sync.ts';
import { isPhase, type Phase, type Upgrade } from './phases.ts';
import { type Daemon, ROOT } from './versions.ts';

const shape = z.strictObject({
  from: z.string(),
  to: z.string(),
  phase: z.custom<Phase>((word) => typeof word === 'string' && isPhase(word)),
  wasHealthy: z.boolean(),
  withinMs: z.number().positive().optional(),
});

const fileOf = (daemon: Daemon, root: string) => join(root, `${daemon}.upgrade.json`);

/** Returns the upgrade that was interrupted, or undefined. */
export async function readUpgrade(daemon: Daemon, root = ROOT): Promise<Upgrade | undefined> {
  const text = await readIfThere(fileOf(daemon, root));
  return text === undefined ? undefined : shape.parse(JSON.parse(text));
}

export async function saveUpgrade(daemon: Daemon, upgrade: Upgrade | undefined, root = ROOT): Promise<void> {
  if (upgrade !== undefined) return writePrivateFile(fileOf(daemon, root), JSON.stringify(upgrade));
  await rm(fileOf(daemon, root), { force: true });
  await sync(root);
}
