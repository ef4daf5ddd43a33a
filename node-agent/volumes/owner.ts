import { COMMON_UID } from '../domain/uid-range.ts';
import type { Command } from './command.ts';
import type { DiskRecord } from './disk-record.ts';

/** What a disk of many small files can take. */
const MAY_TAKE_MS = 600_000;

/** Who owns what agents wrote on a disk. */
export const ownerOf = ({ uid = COMMON_UID }: Pick<DiskRecord, 'uid'>): number => uid;

/**
 * Gives all files of one user to another; those of the guest, which is root, and of others stay. To be called where nothing runs on them.
 *
 * `chown -hR` of GNU walks by file descriptors, each directory relative to the one above, follows no link that it meets, and changes a link itself: files
 * of strangers lead it nowhere, however deep they are nested. The kernel takes set-user-id bits away from what changes its owner. Cut off in the middle it
 * goes on the next time: only what still belongs to `from` is changed.
 */
export async function changeOwner(run: Command, directory: string, from: number, to: number): Promise<void> {
  if (from !== to) await run('chown', ['-hR', `--from=${from}`, `${to}:${to}`, '--', directory], { mayTakeMs: MAY_TAKE_MS });
}
