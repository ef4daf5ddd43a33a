import { messageOf } from '../../seams/message-of.ts';
import type { Driver } from '../engine/driver.ts';
import type { Host } from '../host.ts';

/**
 * Returns an image of the engine, after loading the node's own copy of it if the engine has lost
 * it. Undefined if there is no usable copy either.
 */
export async function findOrRestore({ driver, log }: Pick<Host, 'driver' | 'log'>, image: string, signal: AbortSignal) {
  const found = await driver.inspectImage(image, signal);
  if (found !== undefined || !(await restore({ driver, log }, image, signal))) return found;
  return driver.inspectImage(image, signal);
}

/** Returns false if there is no copy, or none that the engine accepts: the caller has other ways. */
export async function restore(
  { driver, log }: Pick<Host, 'log'> & { readonly driver: Pick<Driver, 'restoreImage'> },
  image: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await driver.restoreImage?.(image, signal)) === true;
  } catch (error) {
    signal.throwIfAborted();
    log.warn('image.not_restored', { image, error: messageOf(error) });
    return false;
  }
}
