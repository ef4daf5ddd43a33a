import { Session } from 'node:inspector/promises';
import { type TimeSpent, whereTimeGoes } from './profile.ts';

const inspector = new Session();
let usedBefore = 0;

/** How much time of processors this process has used, in milliseconds: all of its threads. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** From now on the main thread of this process is looked at. */
export async function profile(): Promise<void> {
  inspector.connect();
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
  await inspector.post('Profiler.start');
  usedBefore = processorMs();
}

/** What it did since, and the time of processors that was used. */
export async function profiled(): Promise<TimeSpent & { readonly usedMs: number }> {
  const usedMs = processorMs() - usedBefore;
  const { profile: taken } = await inspector.post('Profiler.stop');
  inspector.disconnect();
  return { ...whereTimeGoes(taken), usedMs };
}
