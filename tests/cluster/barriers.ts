import { existsSync, mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from './deadline.ts';

export type BarrierName = 'message.committed' | 'answer.received' | 'sealing.batch';

/** The test's side of seams/barrier.ts: files in a directory that the process watches. */
export class BarrierFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  /** Makes the process wait at `name`. */
  hold(name: BarrierName): void {
    rmSync(join(this.directory, `${name}.reached`), { force: true });
    writeFileSync(join(this.directory, `${name}.hold`), '');
  }

  release(name: BarrierName): void {
    rmSync(join(this.directory, `${name}.hold`), { force: true });
  }

  /** Resolves once the process waits at `name`. */
  reached(name: BarrierName, limitMs = 30_000): Promise<void> {
    const file = join(this.directory, `${name}.reached`);
    const seen = new Promise<void>((resolve) => {
      const watcher = watch(this.directory, () => look());
      const look = () => {
        if (!existsSync(file)) return;
        watcher.close();
        resolve();
      };
      look();
    });
    return within(`barrier ${name}`, limitMs, seen);
  }
}
