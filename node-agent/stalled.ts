import type { Log } from '../seams/log.ts';

/** Longer than any step of the stream to the controller. Beyond it, the watchdog restarts this process. */
export const STALLED_MS = 300_000;

/** Returns whether the stream of a node makes progress, and logs if it does not. */
export function makesProgress(node: { readonly stalledMs: number }, log: Pick<Log, 'error'>): boolean {
  if (node.stalledMs < STALLED_MS) return true;
  log.error('node.stalled', { stalled_ms: Math.round(node.stalledMs) });
  return false;
}
