import type Docker from 'dockerode';
import { type Found, labelled } from '../machine/labelled.ts';
import { commandOf, othersAtWork, processesWith, signal } from '../machine/process.ts';

export const runVariable = 'RAWORC_TEST_RUN';
const label = 'raworc.managed=true';
const keyOf = ({ kind, id }: Found) => `${kind} ${id}`;

/**
 * Notes what is on this Docker before the tests. The function that it returns tells what the tests
 * left behind, and removes it unless others run tests or a cluster on this machine, to whom it
 * could belong.
 */
export async function watchLeftovers(docker: Docker, run: string): Promise<() => Promise<readonly string[]>> {
  const before = new Set((await labelled(docker, label)).map(keyOf));
  return async () => {
    const left: string[] = [];
    for (const pid of processesWith(runVariable, run)) {
      left.push(`process ${pid} ${commandOf(pid).slice(0, 3).join(' ')}`);
      signal(pid, 'SIGKILL');
    }
    const isShared = othersAtWork();
    for (const one of await labelled(docker, label)) {
      // The session image stays for the next run.
      if (before.has(keyOf(one)) || one.labels?.['raworc.image'] === 'base') continue;
      left.push(`${one.kind} ${one.name}${isShared ? ' (not removed: others are at work on this machine)' : ''}`);
      if (!isShared) await one.remove().catch(() => undefined); // It can already have been removed, for example with its container.
    }
    return left;
  };
}
