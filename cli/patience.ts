import { setTimeout as sleep } from 'node:timers/promises';
import { Unreachable } from './client.ts';

const RETRY_MS = 1_000;
const MOST_RETRIES = 30;

/**
 * Tries again for half a minute while the server does not answer, as over its restart. What is tried must do no harm when the
 * server took it and only its answer was lost. `signal` ends the waiting.
 */
export async function patiently<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Unreachable) || tries > MOST_RETRIES) throw error;
    }
    await sleep(RETRY_MS, undefined, { signal });
  }
}
