import type { Writable } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';

/**
 * Returns a function to call before each write, which makes the stream send what one turn brings
 * together. A body comes in pieces of at most 64 KiB, and a frame of its own for each would cost
 * every process on the way as much as its bytes do.
 */
export function gatherFor(stream: Pick<Writable, 'cork' | 'uncork'>, clock: Pick<Clock, 'soon'>): () => void {
  let isGathering = false;
  return () => {
    if (isGathering) return;
    isGathering = true;
    stream.cork();
    clock.soon(() => {
      isGathering = false;
      stream.uncork();
    });
  };
}
