import { spawnSync } from 'node:child_process';
import { setPriority } from 'node:os';
import process from 'node:process';

/**
 * Lets this process run only while nothing else wants the processor. For those who would have
 * machines of their own: here they would take the processor from those whom they load.
 */
export function runWhenIdle(): void {
  setPriority(19);
  // Even at the lowest priority, it would finish its turn before one of theirs begins; an idle task is interrupted.
  // Without chrt the numbers are only a little worse.
  spawnSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(process.pid)]);
}
