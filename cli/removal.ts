import { RaworcError } from '../sdk/raworc.ts';
import { type Io, Trouble } from './io.ts';

/**
 * Deletes everything named, and prints what `remove` returns for each. A failure does not keep the
 * others from being deleted.
 */
export async function removeEach(io: Io, refs: readonly string[], remove: (ref: string) => Promise<string>): Promise<void> {
  const failed: string[] = [];
  for (const ref of refs) {
    try {
      io.stdout.line(await remove(ref));
    } catch (error) {
      const isOfThisOne = error instanceof Trouble || (error instanceof RaworcError && error.status !== 401);
      if (!isOfThisOne || refs.length === 1) throw error;
      failed.push(`${ref}: ${error.message}`);
    }
  }
  if (failed.length > 0) throw new Trouble(failed.join('; '));
}
