/**
 * A unit that goes on with an upgrade whose process was killed: at once, and after a power cut at
 * the next boot. It is there only while an upgrade runs, and waits for it to end.
 */
import { installUnit, uninstallUnit } from '../install.ts';
import { commandLine, unitText } from '../unit.ts';
import type { Daemon } from './versions.ts';

/** The flag with which it starts `upgrade`. */
export const GUARD_FLAG = '--if-interrupted';

export const guardOf = (daemon: Daemon): string => `raworc-${daemon}-upgrade.service`;

/**
 * Ends with 1 if a file is missing, and names it. systemd then leaves the unit alone, which would
 * start in vain for ever. The number makes the line an error in the journal.
 */
const PRESENT = `for file; do [ -e "$file" ] && continue; echo "<3>$file is missing, so nothing continues the upgrade by itself. $0"; exit 1; done`;

/** Returns the text of the unit. `program` is the main file of the daemon's `upgrade`. */
export function guardText(daemon: Daemon, node: string, program: string): string {
  return unitText({
    unit: [
      ['Description', `Continues an interrupted upgrade of the Raworc ${daemon.replace('-', ' ')}`],
      ['Wants', 'network-online.target'],
      ['After', 'network-online.target'],
      // It gives up after ten minutes of failures, until the next boot.
      ['StartLimitIntervalSec', '3600'],
      ['StartLimitBurst', '60'],
    ],
    service: [
      ['Type', 'simple'],
      ['ExecCondition', commandLine(['/bin/sh', '-c', PRESENT, `Run: raworc-${daemon} upgrade`, node, program])],
      ['ExecStart', commandLine([node, program, GUARD_FLAG])],
      // It can be killed, too.
      ['Restart', 'on-failure'],
      ['RestartSec', '10'],
    ],
  });
}

export async function raiseGuard(daemon: Daemon, node: string, program: string): Promise<void> {
  await installUnit(guardOf(daemon), guardText(daemon, node, program));
}

/** `isOwn`: this process is the guard, which has to end by itself. */
export async function dropGuard(daemon: Daemon, isOwn = false): Promise<void> {
  await uninstallUnit(guardOf(daemon), { stops: !isOwn });
}
