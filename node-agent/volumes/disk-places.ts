import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { sync } from '../../seams/sync.ts';
import { isFilled } from './adoption.ts';
import {
  adoptingName,
  exists,
  filesOf,
  imageOf,
  isMounted,
  makeDirectory,
  makingName,
  move,
  placeOf,
  readDisk,
  rootOf,
  writeRecord,
} from './disk-files.ts';
import type { DiskRecord } from './disk-record.ts';
import type { DiskStep, DisksDeps } from './disks-deps.ts';
import { makeImage, unmountImage } from './image.ts';
import { boundByProject } from './quota.ts';
import type { Turns } from './turns.ts';

/** Enough time for a disk with many small files. */
const CLEARING_MS = 600_000;

/**
 * Creates and removes disks. A disk is created under another name and moved into place by one
 * rename, and is moved away before it is cleared.
 */
export class DiskPlaces {
  readonly #deps: DisksDeps;
  readonly #turns: Turns;

  constructor(deps: DisksDeps, turns: Turns) {
    this.#deps = deps;
    this.#turns = turns;
  }

  at(sessionId: string): string {
    return join(this.#deps.directory, sessionId);
  }

  async find(sessionId: string): Promise<DiskRecord | undefined> {
    const disk = await readDisk(this.at(sessionId));
    return disk !== undefined && this.#isOwn(disk) ? disk : undefined;
  }

  /** Returns an interrupted adoption's disk if it has files; clears one without files. */
  async finishAdoption(sessionId: string): Promise<DiskRecord | undefined> {
    const { directory } = this.#deps;
    const adopting = join(directory, adoptingName(sessionId));
    if (!(await exists(adopting))) return undefined;
    const disk = await isFilled(adopting);
    if (disk === undefined) {
      await this.clear(adopting);
      return undefined;
    }
    await this.displace(sessionId);
    await move(adopting, this.at(sessionId), directory);
    this.reached('adopted');
    return disk;
  }

  async make(disk: DiskRecord): Promise<void> {
    const { directory, run } = this.#deps;
    const making = join(directory, makingName(disk.session));
    await makeDirectory(directory);
    if (await exists(making)) await this.clear(making);
    await mkdir(placeOf(making), { recursive: true, mode: 0o700 });
    if (disk.kind === 'image') await makeImage(run, imageOf(making), disk.id, disk.bytes);
    else {
      await mkdir(filesOf(making, disk), { mode: 0o755 });
      if (disk.project !== undefined) await boundByProject(run, filesOf(making, disk), disk.project, disk.bytes);
      await sync(placeOf(making));
    }
    this.reached('made');
    await this.place(disk, making);
  }

  async place(disk: DiskRecord, from: string): Promise<void> {
    await writeRecord(from, disk);
    this.reached('recorded');
    await this.displace(disk.session);
    await move(from, this.at(disk.session), this.#deps.directory);
    this.reached('placed');
  }

  /** Moves aside anything in a disk's place that is not this node's disk. */
  async displace(sessionId: string): Promise<void> {
    const { directory, random, log } = this.#deps;
    if (!(await exists(this.at(sessionId)))) return;
    const kept = `.kept-${sessionId}-${random.uuid()}`;
    await rename(this.at(sessionId), join(directory, kept));
    this.reached('displaced');
    log.warn('disk.displaced', { session: sessionId, kept });
  }

  /**
   * Uses programs that follow no links, stay in one file system, and handle any depth of
   * directories.
   */
  clear(directory: string): Promise<void> {
    const { run } = this.#deps;
    return this.#turns.take(directory, async () => {
      if (await isMounted(directory, rootOf(directory))) await run('umount', [rootOf(directory)]);
      if (await isMounted(directory)) await unmountImage(run, placeOf(directory));
      await run('rm', ['-rf', '--one-file-system', '--', directory], { mayTakeMs: CLEARING_MS });
    });
  }

  reached(step: DiskStep): void {
    this.#deps.reached?.(step);
  }

  #isOwn({ cluster, node }: DiskRecord): boolean {
    const { clusterId, nodeId } = this.#deps.owner;
    return cluster === clusterId && node === nodeId;
  }
}
