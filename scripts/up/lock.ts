import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { commandOf } from '../machine/process.ts';
import { placeIn } from '../places.ts';
import { Trouble } from '../trouble.ts';

/** Keeps two runs from working in one data directory. Answers how to let go; a run that was killed holds nothing. */
export function lockDirectory(dataDir: string): () => void {
  const file = join(placeIn(dataDir, 'run'), 'lock');
  for (let attempt = 0; ; attempt += 1) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      const holder = holderOf(file);
      if (holder !== undefined || attempt > 0) {
        throw new Trouble(
          `Raworc runs already in ${dataDir}${holder === undefined ? '' : ` (process ${holder})`}`,
          'use that one, stop it with Ctrl-C, or set RAWORC_DATA_DIR to another directory (and other ports)',
          { cause: error },
        );
      }
      rmSync(file, { force: true });
    }
  }
}

function holderOf(file: string): number | undefined {
  const pid = Number(readFileSync(file, 'utf8'));
  return commandOf(pid).some((word) => /scripts\/(up|clean)\.ts$/.test(word)) ? pid : undefined;
}
