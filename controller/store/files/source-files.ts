import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';
import type { Disk } from '../../../seams/disk.ts';
import type { Random } from '../../../seams/random.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { SOURCE_LIMITS } from '../../services/agents/source-check.ts';
import type { SourceStore } from '../../services/agents/source-store.ts';
import type { ByteTurns } from '../../services/budget/byte-turns.ts';
import type { SourceChecker } from '../source-check/checker.ts';
import { saveUpload } from './upload-file.ts';

export interface SourceFiles extends SourceStore {
  /** Returns the packed source of that digest, or undefined if it is not stored. */
  open(digest: string): Readable | undefined;
}

const INCOMING = 'incoming-';

export interface SourceDeps {
  readonly disk: Disk;
  readonly random: Random;
  readonly clock: Clock;
  readonly checker: Pick<SourceChecker, 'check'>;
  readonly turns: Pick<ByteTurns, 'wait'>;
}

/** Stores sources as files named by digest. Deletes leftovers of interrupted uploads on startup. */
export async function sourceFiles(directory: string, { disk, random, clock, checker, turns }: SourceDeps): Promise<SourceFiles> {
  await disk.makeDirectory(directory, 0o700);
  for (const name of await readdir(directory)) {
    if (name.startsWith(INCOMING)) await disk.remove(join(directory, name));
  }
  const pathOf = (digest: string) => join(directory, `${digest.replace(/^sha256:/, '')}.tar.gz`);

  /** Stores a checked source durably, unless it is stored already: each sync delays the store's commits. */
  async function keep(packedPath: string, path: string): Promise<void> {
    if (await disk.exists(path)) return disk.remove(packedPath);
    const file = await disk.open(packedPath);
    await file.sync().finally(() => file.close());
    await disk.rename(packedPath, path);
  }

  return {
    async receive(body, claim, turn) {
      const id = random.uuid();
      const uploadPath = join(directory, `${INCOMING}${id}.upload`);
      const spoolPath = join(directory, `${INCOMING}${id}.spool`);
      const packedPath = join(directory, `${INCOMING}${id}.tar.gz`);
      let kept = false;
      try {
        const saved = await saveUpload(body, uploadPath, SOURCE_LIMITS.maxPackedBytes, claim, { disk, clock, turns });
        if (!saved.ok) return saved;
        const endTurn = await turn();
        const checked = await checker.check({ uploadPath, spoolPath, packedPath }, claim).finally(() => endTurn?.());
        if (!checked.ok) return checked;
        kept = true;
        const { digest, sizeBytes, files, manifest } = checked.value;
        const { description, purpose, capabilities, ...rest } = manifest;
        const program = capabilities.length === 0 ? rest : { ...rest, capabilities };
        return accepted({
          source: { digest, sizeBytes, files, program, texts: { description, purpose } },
          keep: () => keep(packedPath, pathOf(digest)),
          discard: () => disk.remove(packedPath),
        });
      } finally {
        body.destroy();
        await disk.remove(uploadPath);
        if (!kept) for (const path of [spoolPath, packedPath]) await disk.remove(path);
      }
    },
    remove: (digest) => disk.remove(pathOf(digest)),
    async kept() {
      const names = await readdir(directory);
      return names.filter((name) => !name.startsWith(INCOMING)).map((name) => `sha256:${name.replace(/\.tar\.gz$/, '')}`);
    },
    open: (digest) => (/^sha256:[0-9a-f]{64}$/.test(digest) && existsSync(pathOf(digest)) ? createReadStream(pathOf(digest)) : undefined),
  };
}
