import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing } from '../../../seams/private-file.ts';
import { sync } from '../../../seams/sync.ts';
import type { AuditSink, ExportedAudit } from '../../services/audit/audit-export.ts';

export interface AuditFileOptions {
  readonly path: string;
  /** A file of this size is rotated to PATH.1, and older ones move on. */
  readonly maxBytes: number;
  /** Number of rotated files; the oldest is deleted. */
  readonly kept: number;
}

/**
 * Appends records as synced JSON lines. Opens the file each time, so that other tools can rotate it
 * by renaming. A line that a crash or a full disk truncated is ended by the next write, and written
 * again.
 */
export function auditFile({ path, maxBytes, kept }: AuditFileOptions): AuditSink {
  async function rotate(): Promise<void> {
    await rm(`${path}.${kept}`, { force: true });
    for (let at = kept - 1; at >= 1; at -= 1) await renameIfThere(`${path}.${at}`, `${path}.${at + 1}`);
    if (kept > 0) await renameIfThere(path, `${path}.1`);
    else await rm(path, { force: true });
    await sync(dirname(path));
  }

  return {
    name: 'file',
    async write(records: readonly ExportedAudit[]) {
      const size = await sizeOf(path);
      if (size >= maxBytes) await rotate();
      const file = await open(path, 'a+', 0o600);
      try {
        const { size: before } = await file.stat();
        const isCut = before > 0 && (await file.read(Buffer.alloc(1), 0, 1, before - 1)).buffer[0] !== 0x0a;
        await file.appendFile(`${isCut ? '\n' : ''}${records.map(({ line }) => `${line}\n`).join('')}`);
        await file.datasync();
        if (before === 0) await sync(dirname(path));
      } finally {
        await file.close();
      }
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
