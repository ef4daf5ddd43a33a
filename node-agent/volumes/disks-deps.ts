import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { DiskKind } from '../domain/disk-choice.ts';
import type { Command } from './command.ts';
import type { PreparedImages } from './prepared.ts';

export interface DisksDeps {
  /** Below the node's data directory. */
  readonly directory: string;
  readonly owner: { readonly clusterId: string; readonly nodeId: string };
  /** The kind of new disks. */
  readonly kind: DiskKind;
  readonly run: Command;
  readonly random: Random;
  readonly log: Log;
  /** Prepared images for new disks. */
  readonly prepared?: PreparedImages;
  /** Returns the unpacked root of an image. Undefined: there is none. Omitted: this host has no roots. */
  readonly lowerOf?: (image: string) => Promise<string | undefined>;
  /** Called after each step that changes the disk, so that tests can kill the process there. */
  readonly reached?: (step: DiskStep) => void;
}

export type DiskStep = 'made' | 'recorded' | 'placed' | 'displaced' | 'taken-away' | 'filled' | 'adopted';
