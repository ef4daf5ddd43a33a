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

/** Returns the text of the unit. `program` is the main file of the daemon's `upgrade`. */
export function guardText(daemon: Daemon, node: string, program: string): string {
  return unitText({
    unit: [
      ['Description', `Continues an interrupted upgrade of the Raworc ${daemon.replace('-', ' ')}`],
      ['Wants', 'network-online.target'],
      ['After', 'network-online.target'],
      ['StartLimitIntervalSec', '0'],
    ],
    service: [
      ['Type', 'simple'],
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
