import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf, signal, untilGone } from '../machine/process.ts';
import { placeIn } from '../places.ts';

/** Remembers a process that must not outlive us, with a word of its command by which it is known again. */
export function writePidFile(dataDir: string, name: string, pid: number, mark: string): void {
  writeFileSync(fileOf(dataDir, name), `${pid}\n${mark}`, { mode: 0o600 });
}

export function removePidFile(dataDir: string, name: string): void {
  rmSync(fileOf(dataDir, name), { force: true });
}

/**
 * Ends what an earlier run left because it was killed itself, each with its whole process group. To end them at once is safe:
 * everything recovers at its start. A number that is another program's by now is left alone.
 */
export async function endLeftovers(dataDir: string): Promise<void> {
  const place = placeIn(dataDir, 'run');
  for (const name of readdirSync(place).filter((entry) => entry.endsWith('.child'))) {
    const [pid = '', mark = ''] = readFileSync(join(place, name), 'utf8').split('\n');
    if (mark !== '' && commandOf(Number(pid)).includes(mark)) {
      signal(-Number(pid), 'SIGKILL');
      await untilGone(Number(pid), 5000);
    }
    rmSync(join(place, name), { force: true });
  }
}

function fileOf(dataDir: string, name: string): string {
  return join(placeIn(dataDir, 'run'), `${name}.child`);
}
