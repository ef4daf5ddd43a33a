import { COMMON_UID } from '../domain/uid-range.ts';
import type { Command } from './command.ts';
import type { DiskRecord } from './disk-record.ts';

/** Enough time for a disk with many small files. */
const MAY_TAKE_MS = 600_000;

/** The owner of the files that agents wrote to a disk. */
export const ownerOf = ({ uid = COMMON_UID }: Pick<DiskRecord, 'uid'>): number => uid;

/**
 * Gives all files of one user to another; those of the guest (root) and of others stay. Nothing may
 * run on them.
 *
 * GNU `chown -hR` walks by file descriptors relative to their parents, follows no link and changes
 * links themselves, so hostile files lead it nowhere. The kernel drops set-user-id bits. After an
 * interruption it continues the next time, because only files of `from` are changed.
 */
export async function changeOwner(run: Command, directory: string, from: number, to: number): Promise<void> {
  if (from !== to) await run('chown', ['-hR', `--from=${from}`, `${to}:${to}`, '--', directory], { mayTakeMs: MAY_TAKE_MS });
}
