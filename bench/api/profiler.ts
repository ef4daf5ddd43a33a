import { Session } from 'node:inspector/promises';
import { type TimeSpent, whereTimeGoes } from './profile.ts';

const inspector = new Session();
let usedBefore = 0;

/** Returns the processor time that all threads of this process have used, in milliseconds. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Starts to profile the main thread of this process. */
export async function profile(): Promise<void> {
  inspector.connect();
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
  await inspector.post('Profiler.start');
  usedBefore = processorMs();
}

/** Returns the profile since the start, and the processor time used. */
export async function profiled(): Promise<TimeSpent & { readonly usedMs: number }> {
  const usedMs = processorMs() - usedBefore;
  const { profile: taken } = await inspector.post('Profiler.stop');
  inspector.disconnect();
  return { ...whereTimeGoes(taken), usedMs };
}
