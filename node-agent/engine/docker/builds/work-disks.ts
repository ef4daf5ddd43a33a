import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../../../seams/random.ts';
import type { DiskKind } from '../../../domain/disk-choice.ts';
import type { Command } from '../../../volumes/command.ts';
import { entriesOf, imageOf, isMounted, placeOf } from '../../../volumes/disk-files.ts';
import { makeImage, mountImage, unmountImage } from '../../../volumes/image.ts';
import { boundByProject, freeProject, setProjectLimit } from '../../../volumes/quota.ts';
import { usedBytes } from '../../../volumes/usage.ts';

export interface WorkDisk {
  /** An empty directory of the given user. */
  readonly path: string;
  /** Returns whether it is over its limit, which only a measured disk can be. */
  isOver(): Promise<boolean>;
  remove(): Promise<void>;
}

export interface WorkDisksDeps {
  /** Only for these disks: `sweep` empties it. */
  readonly directory: string;
  readonly kind: DiskKind;
  readonly run: Command;
  readonly random: Random;
}

/** Disks of builds, of the same kind as those of sessions. They do not outlive the process. */
export class WorkDisks {
  readonly #deps: WorkDisksDeps;
  readonly #projects = new Set<number>();

  constructor(deps: WorkDisksDeps) {
    this.#deps = deps;
  }

  async open(bytes: number, uid: number): Promise<WorkDisk> {
    const { directory, kind, run, random } = this.#deps;
    const id = random.uuid();
    const own = join(directory, id);
    const path = join(placeOf(own), id);
    let project = 0;
    const remove = async () => {
      if (project !== 0) await setProjectLimit(run, directory, project, 0);
      this.#projects.delete(project);
      await this.#remove(own);
    };
    try {
      await mkdir(placeOf(own), { recursive: true, mode: 0o700 });
      if (kind === 'image') {
        await makeImage(run, imageOf(own), id, bytes);
        await mountImage(run, imageOf(own), placeOf(own));
      } else await mkdir(path);
      if (kind === 'quota') {
        project = freeProject(random, this.#projects);
        this.#projects.add(project);
        await boundByProject(run, path, project, bytes);
      }
      await chown(path, uid, uid);
    } catch (error) {
      await remove();
      throw error;
    }
    return { path, remove, isOver: async () => kind === 'measured' && (await usedBytes(run, path)) > bytes };
  }

  /** Removes the disks of an earlier process. */
  async sweep(): Promise<void> {
    const { directory } = this.#deps;
    for (const name of await entriesOf(directory)) await this.#remove(join(directory, name));
  }

  async #remove(own: string): Promise<void> {
    const { run } = this.#deps;
    if (await isMounted(own)) await unmountImage(run, placeOf(own));
    await run('rm', ['-rf', '--one-file-system', '--', own]);
  }
}
