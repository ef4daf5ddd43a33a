/** Tells when Docker has done what it does after a command has ended: it cleans up for a while. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const ENGINE = /^(dockerd|containerd|runc)/;
const WINDOW_MS = 200;
/** Of processor time in a window, in the kernel's ticks of 10 ms. */
const IDLE_TICKS = 1;
const WITHIN_MS = 10_000;

/** Resolves once the engine takes next to no processor time; false if it still does after ten seconds. */
export async function engineIdle(): Promise<boolean> {
  const lateAtMs = performance.now() + WITHIN_MS;
  for (let before = engineTicks(); performance.now() < lateAtMs; ) {
    await delay(WINDOW_MS);
    const now = engineTicks();
    if (Math.abs(now - before) <= IDLE_TICKS) return true;
    before = now;
  }
  return false;
}

function engineTicks(): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid)) ticks += ticksOf(pid);
  return ticks;
}

/** Returns the processor time of a process of the engine; 0 for others, and for one that has ended. */
function ticksOf(pid: string): number {
  try {
    const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    if (!ENGINE.test(name)) return 0;
    const fields = rest.split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
