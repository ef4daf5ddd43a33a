import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../volumes/command.ts';
import type { Totals } from './totals.ts';

export const UNITS = '/run/systemd/system';

/**
 * The same where systemd manages control groups: a slice in a runtime unit file, which a reboot
 * removes and the next start writes.
 */
export class CgroupSlice {
  readonly parent: string;
  readonly #text: string;
  readonly #file: string;
  readonly #run: Command;
  #started = false;

  constructor(name: string, totals: Totals, run: Command, units: string = UNITS) {
    this.parent = `raworc-${name}.slice`;
    this.#file = join(units, this.parent);
    this.#text = unitOf(name, totals);
    this.#run = run;
  }

  /** Creates or adopts the slice and sets its totals. Throws if systemd refuses. */
  async ensure(): Promise<void> {
    const isWritten = existsSync(this.#file) && readFileSync(this.#file, 'utf8') === this.#text;
    if (isWritten && this.#started) return;
    if (!isWritten) {
      mkdirSync(join(this.#file, '..'), { recursive: true });
      writeFileSync(this.#file, this.#text);
      await this.#run('systemctl', ['daemon-reload']);
    }
    await this.#run('systemctl', ['start', this.parent]);
    this.#started = true;
  }

  async remove(): Promise<void> {
    rmSync(this.#file, { force: true });
    this.#started = false;
    // Without its unit file the slice has no bounds, and disappears with its last member.
    await this.#run('systemctl', ['daemon-reload']).catch(() => undefined);
  }
}

/** MemoryLimit is for version 1, which lacks MemoryMax; each version ignores the other's. */
function unitOf(name: string, { cpuMillis, memoryBytes, processes }: Totals): string {
  return `[Unit]
Description=All sessions of the Raworc node ${name}

[Slice]
CPUAccounting=yes
MemoryAccounting=yes
TasksAccounting=yes
CPUQuota=${Math.max(1, Math.floor(cpuMillis / 10))}%
MemoryMax=${memoryBytes}
MemoryLimit=${memoryBytes}
MemorySwapMax=0
TasksMax=${processes}
`;
}
