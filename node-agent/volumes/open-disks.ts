import { chooseDisks, type DiskSetting } from '../domain/disk-choice.ts';
import { type AttemptOutside, attemptDisk } from './attempt.ts';
import { Disks, type DisksOptions } from './disks.ts';

/** Chooses, by trying, what the disks of new sessions are. Throws a sentence for the operator where nothing works, or not what the operator demands. */
export async function openDisks(setting: DiskSetting, outside: AttemptOutside & Omit<DisksOptions, 'kind'>): Promise<Disks> {
  const choice = await chooseDisks(setting, (kind) => attemptDisk(kind, outside));
  if (!choice.ok) throw new Error(`the disks of sessions cannot be kept: ${choice.reason}`);
  const { kind, because } = choice;
  outside.log.info('disks.kind', { kind, because: because.join(' ') });
  return new Disks({ ...outside, kind });
}
