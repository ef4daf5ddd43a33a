import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskKind } from '../../node-agent/domain/disk-choice.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import { Disks } from '../../node-agent/volumes/disks.ts';
import type { PreparedImages } from '../../node-agent/volumes/prepared.ts';
import type { Log } from '../../seams/log.ts';
import { systemRandom } from '../../seams/system.ts';

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Disks below a test's directory. Call `unmountDisks` before removing it. */
export function testDisks(
  directory: string,
  owner: { clusterId: string; nodeId: string },
  kind: DiskKind = 'image',
  log: Log = quiet,
  prepared?: PreparedImages,
): Disks {
  const at = { directory: join(directory, 'disks'), owner, kind, run: runCommand, random: systemRandom, log };
  return new Disks({ ...at, ...(prepared && { prepared }) });
}

/**
 * Creates a directory for disks, unmounted and removed at the end of the test. tap would remove its
 * own while disks are mounted.
 */
export function diskDirectory(t: { teardown(run: () => void): unknown }): string {
  const directory = mkdtempSync('/tmp/rd-');
  t.teardown(() => {
    unmountDisks(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/**
 * Unmounts everything below the directory, wherever a test moved it. Lazily: a killed node agent can
 * leave a command behind that still uses a disk.
 */
export function unmountDisks(directory: string): void {
  for (const place of mountsBelow(realpathSync(directory)).toReversed()) {
    try {
      execFileSync('umount', ['--lazy', place], { stdio: 'ignore' });
    } catch {
      // Unmounted meanwhile. A mount that stays makes the removal of the directory fail.
    }
  }
}

/**
 * Mounts in the order in which they were made. The kernel writes white space and backslashes of a
 * path in octal.
 */
function mountsBelow(directory: string): string[] {
  const places = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8))));
  return places.filter((place) => place.startsWith(`${directory}/`));
}
