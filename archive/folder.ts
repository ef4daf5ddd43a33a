import type { Stats } from 'node:fs';
import type { Bytes } from './tar-header.ts';

/**
 * An open directory. What is packed or unpacked goes through it, so that a link that is put in place
 * of a directory meanwhile leads nowhere else.
 */
export interface Folder {
  /** A path to an entry. */
  in(name: Bytes): Buffer;
  /** Opens a directory in this one. Throws if it is none, or a link. */
  below(name: Bytes): Folder;
  /** Names in it, in no order. Throws if it cannot be read. */
  names(): Iterable<{ readonly name: Bytes; readonly isDirectory: boolean }>;
  stat(): Stats;
  close(): void;
}
