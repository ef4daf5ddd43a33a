import { z } from 'zod';
import { DISK_KINDS } from '../domain/disk-choice.ts';

const record = z.object({
  version: z.literal(1),
  /**
   * Fresh for each disk. The session's files are in a directory of this name, which no other file
   * system has.
   */
  id: z.uuid(),
  /**
   * `image`: a file system in a file of limited size. `quota`: a directory with a project quota.
   * `measured`: a directory whose use is measured.
   */
  kind: z.enum(DISK_KINDS),
  cluster: z.string(),
  node: z.string(),
  session: z.string().min(1),
  generation: z.number().int().nonnegative(),
  space: z.string(),
  /** What a session can write. */
  bytes: z.number().int().nonnegative(),
  /** The session was stopped because it exceeded its limit, and has not been within it since. */
  stopped: z.literal(true).exactOptional(),
  /** The owner of the agents' files; absent on disks from when all agents had one user. */
  uid: z.number().int().positive().optional(),
  /** The image that its root is changes to; absent if the session has none of its own. */
  root: z.string().optional(),
  /** The project number of a quota. */
  project: z.number().int().positive().optional(),
});

/**
 * The record that the node agent wrote when it created the disk. Without a complete record there is
 * no disk.
 */
export type DiskRecord = Readonly<z.infer<typeof record>>;

export const encodeDiskRecord = (disk: DiskRecord): string => `${JSON.stringify(disk)}\n`;

/** Throws for anything that this version did not write: guessing could destroy data. */
export const decodeDiskRecord = (text: string): DiskRecord => record.parse(JSON.parse(text));
