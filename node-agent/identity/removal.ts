import { join } from 'node:path';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { readIfThere, writePrivateFile } from '../../seams/private-file.ts';
import { DialError } from '../control/dial-error.ts';
import type { Dialer } from '../control/dialer.ts';
import type { Identity } from './identity.ts';

const RETRY_MS = 60_000;

const fileIn = (directory: string) => join(directory, 'removed');

type Removed = Pick<Identity, 'nodeId' | 'incarnation'>;
/** A node that joins again has another id or a higher incarnation. */
const nameOf = ({ nodeId, incarnation }: Removed) => `${nodeId} ${incarnation}\n`;

/** Records durably that the controller removed this node. */
export const recordRemoval = (directory: string, identity: Removed): Promise<void> => writePrivateFile(fileIn(directory), nameOf(identity));

/** Returns whether the controller has removed this node. */
export const wasRemoved = async (directory: string, identity: Removed): Promise<boolean> =>
  (await readIfThere(fileIn(directory))) === nameOf(identity);

export interface ReadmissionDeps {
  readonly directory: string;
  readonly dialer: Pick<Dialer, 'dial'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Resolves once the controller accepts this node again, as after it was restored from an older
 * backup, or once `signal` aborts.
 */
export async function untilReadmitted({ directory, dialer, clock, log, signal }: ReadmissionDeps): Promise<void> {
  while (!signal.aborted) {
    try {
      const link = await dialer.dial(signal);
      link.close();
      await writePrivateFile(fileIn(directory), '');
      log.info('node.readmitted');
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof DialError && error.code === 'removed') log.error('node.removed', { error: error.message });
    }
    await pause(clock, RETRY_MS, signal);
  }
}
