import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { DiskKind } from '../domain/disk-choice.ts';
import type { Command } from './command.ts';
import type { PreparedImages } from './prepared.ts';

export interface DisksDeps {
  /** Below the node's data directory. */
  readonly directory: string;
  readonly owner: { readonly clusterId: string; readonly nodeId: string };
  /** What new disks are. */
  readonly kind: DiskKind;
  readonly run: Command;
  readonly random: Random;
  readonly log: Log;
  /** Images made ahead, of which new disks are. */
  readonly prepared?: PreparedImages;
  /** Called after each step with an effect on the disk, so that tests can end the process there. */
  readonly reached?: (step: DiskStep) => void;
}

export type DiskStep = 'made' | 'recorded' | 'placed' | 'displaced' | 'taken-away' | 'filled' | 'adopted';
