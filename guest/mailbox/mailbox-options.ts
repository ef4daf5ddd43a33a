import type { Disk } from '../../seams/disk.ts';

export interface MailboxOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly sessionId: string;
  readonly allocateBytes?: number;
}
