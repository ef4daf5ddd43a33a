import type { Clock } from '../../seams/clock.ts';
import type { Conditions } from '../conditions.ts';
import { chooseDisks, type DiskKind, type DiskSetting } from '../domain/disk-choice.ts';
import { type AttemptDeps, attemptDisk } from './attempt.ts';
import { Disks } from './disks.ts';
import type { DisksDeps } from './disks-deps.ts';
import { PreparedImages } from './prepared.ts';

/** The default disk limit of a session. */
const PREPARED_BYTES = 2 ** 30;

/**
 * Finds the kind of disk that works on this host. Throws an error for the operator if none does, or
 * if the required one does not.
 */
export async function openDisks(
  setting: DiskSetting,
  deps: AttemptDeps & Omit<DisksDeps, 'kind'> & { readonly conditions: Conditions; readonly clock: Clock },
): Promise<Disks> {
  const choice = await chooseDisks(setting, (kind) => attemptDisk(kind, deps));
  if (!choice.ok) throw new Error(`cannot create disks for sessions: ${choice.reason}`);
  const { kind, because } = choice;
  deps.conditions.raise({ type: 'DiskKind', message: [KINDS[kind], ...because].join(' '), unschedulable: false });
  if (kind !== 'image') return new Disks({ ...deps, kind });
  const prepared = new PreparedImages(deps, PREPARED_BYTES);
  const disks = new Disks({ ...deps, kind, prepared });
  await disks.sweep();
  await prepared.fill().catch((error: unknown) => deps.log.warn('disks.not-prepared', { error: String(error) }));
  return disks;
}

const KINDS: Readonly<Record<DiskKind, string>> = {
  quota: 'New sessions get directories with a project quota as disks. An agent that means harm can take its files out of the project.',
  image: 'New sessions get image files as disks, with a hard limit.',
  measured:
    'New sessions get directories as disks, whose size is measured: a session can exceed its limit for some seconds before it is stopped.',
};
