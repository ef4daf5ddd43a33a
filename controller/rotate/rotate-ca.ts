/** Rotates the cluster's CA, whether or not the controller runs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, pause } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import { caNumbers, createCa, keepNewestCa, requestFinish } from '../grpc/ca-files.ts';
import { SET_DIRECTORY } from '../settings/configured.ts';
import { isInUse } from '../store/sqlite/backup.ts';

export interface RotateCaOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How long a running controller can take to end a rotation. */
  readonly limitMs: number;
}

const LOOK_MS = 100;

/**
 * Creates a CA beside the current one. The controller moves its nodes to it, and removes the old
 * one once none depends on it. Throws if a rotation is in progress.
 */
export async function beginCaRotation(directory: string, { clock, random }: Omit<RotateCaOptions, 'limitMs'>): Promise<void> {
  const cas = caDirectory(directory);
  const numbers = await caNumbers(cas);
  const [newest] = numbers.slice(-1);
  if (newest === undefined) throw new Error(`there is no CA in ${cas}. Restore it from a backup`);
  if (numbers.length > 1)
    throw new Error(
      'a rotation of the CA is in progress. It ends once all nodes have moved to the new one; the log of the controller names those that have not. To end it now, run `raworc-controller rotate --ca --finish`',
    );
  const clusterId = (await readFile(join(directory, 'cluster-id'), 'utf8')).trim();
  await createCa({ directory: cas, clusterId, clock, random }, newest + 1);
}

/**
 * Ends a rotation now. Nodes that have not moved must join again. Resolves once the old CA is
 * removed. Throws if there is no rotation, or if a running controller does not end it in time.
 */
export async function finishCaRotation(directory: string, { clock, limitMs }: Omit<RotateCaOptions, 'random'>): Promise<void> {
  const cas = caDirectory(directory);
  if ((await caNumbers(cas)).length < 2)
    throw new Error('no rotation of the CA is in progress. Begin one with `raworc-controller rotate --ca`');
  await requestFinish(cas);
  const start = clock.monotonic();
  while ((await caNumbers(cas)).length > 1) {
    if (!isInUse(join(directory, 'raworc.db'))) return keepNewestCa(cas);
    if (clock.monotonic() - start >= limitMs)
      throw new Error(
        `the running controller did not remove the old CA within ${limitMs / 1000} s. It continues in the background: watch its log for authority.rotated`,
      );
    await pause(clock, LOOK_MS);
  }
}

function caDirectory(directory: string): string {
  if (!existsSync(join(directory, 'raworc.db'))) throw new Error(`there is no controller in ${directory}. ${SET_DIRECTORY}`);
  return join(directory, 'keys', 'ca');
}
