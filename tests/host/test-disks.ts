import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskKind } from '../../node-agent/domain/disk-choice.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import { Disks } from '../../node-agent/volumes/disks.ts';
import type { PreparedImages } from '../../node-agent/volumes/prepared.ts';
import type { Log } from '../../seams/log.ts';
import { systemRandom } from '../../seams/system.ts';

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Disks below a directory of the test, which `unmountDisks` is to clear before the directory can go. */
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

/** A directory for disks that is unmounted, then removed at the end of the test. tap's own would be removed while disks in it are mounted. */
export function diskDirectory(t: { teardown(run: () => void): unknown }): string {
  const directory = mkdtempSync('/tmp/rd-');
  t.teardown(() => {
    unmountDisks(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Unmounts whatever disks are mounted below `directory`/disks. */
export function unmountDisks(directory: string): void {
  const disks = join(directory, 'disks');
  if (!existsSync(disks)) return;
  for (const name of readdirSync(disks)) {
    try {
      execFileSync('umount', [join(disks, name, 'fs')], { stdio: 'ignore' });
    } catch {
      // Not mounted.
    }
  }
}
