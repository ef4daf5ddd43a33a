import { mkdir, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { DiskKind } from '../domain/disk-choice.ts';
import { BYTES_PER_FILE, type DiskLeft } from '../domain/disk-use.ts';
import { COMMON_UID } from '../domain/uid-range.ts';
import { fillByAdoption, isFilled } from './adoption.ts';
import type { Command } from './command.ts';
import {
  adoptingName,
  entriesOf,
  exists,
  filesOf,
  goneName,
  idInReady,
  imageOf,
  isDiskName,
  isGone,
  isMounted,
  makeDirectory,
  makingName,
  move,
  passwdOf,
  placeOf,
  readDisk,
  sessionInAdoption,
  sessionInMaking,
  syncDirectory,
  writePasswd,
  writeRecord,
} from './disk-files.ts';
import type { DiskRecord } from './disk-record.ts';
import { makeImage, mountImage, trimImage, unmountImage } from './image.ts';
import { changeOwner, ownerOf } from './owner.ts';
import type { PreparedImages } from './prepared.ts';
import { boundByProject, freeProject, setProjectLimit } from './quota.ts';
import { Turns } from './turns.ts';
import { usedBytes, usedFiles } from './usage.ts';

export interface DisksOptions {
  /** Below the node's data directory. */
  readonly directory: string;
  readonly owner: { readonly clusterId: string; readonly nodeId: string };
  /** What new disks are. */
  readonly kind: DiskKind;
  readonly run: Command;
  readonly random: Random;
  readonly log: Log;
  /** Images made ahead, of which new disks are. */
  readonly prepared?: PreparedImages;
  /** Told of each step whose effect is on the disk: where a test ends the process. */
  readonly reached?: (step: DiskStep) => void;
}

export type DiskStep = 'made' | 'recorded' | 'placed' | 'displaced' | 'taken-away' | 'filled' | 'adopted';

export interface DiskPlan {
  readonly sessionId: string;
  readonly generation: number;
  readonly space: string;
  readonly bytes: number;
  /** Of the agents that write on it. */
  readonly uid?: number;
}

/**
 * The disks of this node's sessions: directories and file systems that the node agent owns, whatever an operator does to the engine's volumes.
 *
 * 1. A disk is there in whole or not at all: it is made beside its place, synced, and moved there by one rename. It goes by one rename, too.
 * 2. Whatever a crash leaves half made or half removed holds nothing that anybody was told of, and is cleared by `sweep`.
 * 3. `ready` answers with a path that exists in this disk and nowhere else, or throws: a disk that is not mounted is never an empty one.
 * 4. Nothing here looks below the directory that a session sees.
 */
export class Disks {
  readonly #options: DisksOptions;
  readonly #turns = new Turns();
  /** Prepared images that are becoming disks. */
  readonly #placing = new Set<string>();
  /** How often each disk was asked for. */
  readonly #asked = new Map<string, number>();
  /** Numbers of the projects that disks have, once one was asked for. */
  #projects: Set<number> | undefined;

  constructor(options: DisksOptions) {
    this.#options = options;
  }

  /** All disks of this node. One whose record cannot be read is left out, and said. */
  async list(): Promise<ReadonlyMap<string, DiskRecord>> {
    const { directory, log } = this.#options;
    const names = (await entriesOf(directory)).filter(isDiskName);
    const unreadable = (session: string) => (error: unknown) => {
      log.warn('disk.unreadable', { session, error: messageOf(error) });
      return undefined;
    };
    const found = await Promise.all(names.map((name) => this.find(name).catch(unreadable(name))));
    return new Map(found.flatMap((disk) => (disk === undefined ? [] : [[disk.session, disk] as const])));
  }

  async find(sessionId: string): Promise<DiskRecord | undefined> {
    const disk = await readDisk(this.#at(sessionId));
    return disk !== undefined && this.#isOwn(disk) ? disk : undefined;
  }

  /** The session's disk, made unless it is there. */
  create({ sessionId, generation, space, bytes, uid }: DiskPlan): Promise<DiskRecord> {
    return this.#turns.take(sessionId, async () => {
      const there = await this.find(sessionId);
      if (there !== undefined) return there;
      const { owner, kind, random } = this.#options;
      const whose = {
        cluster: owner.clusterId,
        node: owner.nodeId,
        session: sessionId,
        generation,
        space,
        ...(uid !== undefined && { uid }),
      };
      const prepared = kind === 'image' ? this.#options.prepared?.take(bytes) : undefined;
      const project = kind === 'quota' ? { project: await this.#newProject() } : {};
      const disk: DiskRecord = { version: 1, id: prepared?.id ?? random.uuid(), kind, ...whose, bytes, ...project };
      if (prepared === undefined) await this.#make(disk);
      else {
        this.#placing.add(prepared.id);
        await this.#place(disk, prepared.directory).finally(() => this.#placing.delete(prepared.id));
      }
      return disk;
    });
  }

  /**
   * Makes the files in `from`, which is on this host and on which nothing runs, the session's disk. They are not copied unless they are in another file
   * system, and not squeezed into a limit that they exceed: the disk is a directory that is measured, whatever new disks are.
   */
  adopt({ sessionId, generation, space, bytes }: DiskPlan, from: string): Promise<DiskRecord> {
    return this.#turns.take(sessionId, async () => {
      const { owner, random, run, directory, log } = this.#options;
      const there = (await this.#finishAdoption(sessionId)) ?? (await this.find(sessionId));
      if (there !== undefined) return there;
      const whose = { cluster: owner.clusterId, node: owner.nodeId, session: sessionId, generation, space };
      const used = await usedBytes(run, from);
      const disk: DiskRecord = { version: 1, id: random.uuid(), kind: 'measured', ...whose, bytes: Math.max(bytes, used + SPARE_BYTES) };
      await this.#displace(sessionId);
      await fillByAdoption(run, join(directory, adoptingName(sessionId)), disk, from);
      this.#reached('filled');
      await this.#finishAdoption(sessionId);
      log.info('disk.adopted', { session: sessionId, disk: disk.id, bytes: used });
      return disk;
    });
  }

  /**
   * The directory that a container of the session binds. What is made of a file is mounted first. `bytes` raises the limit of what is measured; `uid`
   * becomes the owner of what agents wrote, which nothing can be running on then.
   */
  ready(sessionId: string, bytes = 0, uid?: number): Promise<{ readonly path: string; readonly disk: DiskRecord }> {
    this.#asked.set(sessionId, this.#askedFor(sessionId) + 1);
    return this.#turns.take(sessionId, async () => {
      let disk = await this.find(sessionId);
      if (disk === undefined) throw new Error('the disk of this session is not there');
      const directory = this.#at(sessionId);
      const path = filesOf(directory, disk);
      if (!(await exists(path)) && disk.kind === 'image' && !(await isMounted(directory)))
        await mountImage(this.#options.run, imageOf(directory), placeOf(directory));
      if (!(await exists(path)))
        throw new Error(`the file system at ${placeOf(directory)} is not the disk of this session: it has no ${disk.id}`);
      if (uid !== undefined && ownerOf(disk) !== uid) {
        await changeOwner(this.#options.run, path, ownerOf(disk), uid);
        disk = { ...disk, uid };
        await writeRecord(directory, disk);
      }
      if (disk.kind === 'image' || disk.bytes >= bytes) return { path, disk };
      const raised = { ...disk, bytes };
      if (disk.project !== undefined) await setProjectLimit(this.#options.run, path, disk.project, bytes);
      await writeRecord(directory, raised);
      return { path, disk: raised };
    });
  }

  /** Unless a container has it or it was asked for meanwhile: the host gets back what was deleted in it, and it is unmounted. */
  release(sessionId: string, hasContainer: () => Promise<boolean>): Promise<void> {
    const asked = this.#askedFor(sessionId);
    return this.#turns.take(sessionId, async () => {
      const directory = this.#at(sessionId);
      if (!(await isMounted(directory)) || (await hasContainer()) || this.#askedFor(sessionId) !== asked) return;
      const { run, log } = this.#options;
      const failed = (error: unknown) => log.debug('disk.untrimmed', { session: sessionId, error: messageOf(error) });
      await trimImage(run, placeOf(directory)).catch(failed);
      await unmountImage(run, placeOf(directory));
    });
  }

  /** Writes the accounts that the session sees. Returns the file, which goes with the disk. */
  accounts(sessionId: string, passwd: string): Promise<string> {
    return this.#turns.take(sessionId, async () => {
      await writePasswd(this.#at(sessionId), passwd);
      return passwdOf(this.#at(sessionId));
    });
  }

  /** Remembers whose files another disk, of which this one becomes a copy, holds. */
  copiedFrom(sessionId: string, from: string): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      const [disk, source] = await Promise.all([this.find(sessionId), this.find(from)]);
      if (disk === undefined) return;
      const uid = source === undefined ? COMMON_UID : ownerOf(source);
      if (ownerOf(disk) !== uid) await writeRecord(this.#at(sessionId), { ...disk, uid });
    });
  }

  /** Remembers that the session was stopped because it exceeded its limit, or that it is within it again. */
  mark(sessionId: string, stopped: boolean): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      const disk = await this.find(sessionId);
      if (disk === undefined || (disk.stopped === true) === stopped) return;
      const { stopped: _, ...rest } = disk;
      await writeRecord(this.#at(sessionId), stopped ? { ...rest, stopped } : rest);
    });
  }

  /** What the session can still write. Counts every file where nothing else bounds it. */
  async left({ session }: Pick<DiskRecord, 'session'>): Promise<DiskLeft> {
    const disk = await this.find(session);
    if (disk === undefined) throw new Error('the disk of this session is not there');
    const directory = this.#at(session);
    if (disk.kind === 'measured') {
      const { run } = this.#options;
      const files = filesOf(directory, disk);
      return { bytes: disk.bytes - (await usedBytes(run, files)), files: disk.bytes / BYTES_PER_FILE - (await usedFiles(run, files)) };
    }
    // In a directory with a project quota, this is what the project has left.
    const { bavail, bsize, ffree } = await statfs(filesOf(directory, disk));
    return { bytes: bavail * bsize, files: ffree };
  }

  remove(sessionId: string): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      await this.#finishAdoption(sessionId);
      const disk = await this.find(sessionId);
      if (disk === undefined) return;
      const gone = join(this.#options.directory, goneName(disk.id));
      await move(this.#at(sessionId), gone, this.#options.directory);
      this.#reached('taken-away');
      this.#asked.delete(sessionId);
      await this.#clear(gone);
      if (disk.project === undefined) return;
      // A limit that a kill leaves behind bounds a project without files.
      await setProjectLimit(this.#options.run, this.#options.directory, disk.project, 0);
      this.#projects?.delete(disk.project);
    });
  }

  /** Clears what a crash left half made or half removed, and ends what it left half adopted. */
  async sweep(): Promise<void> {
    const { directory } = this.#options;
    for (const name of await entriesOf(directory)) {
      const sessionId = sessionInMaking(name);
      const adopted = sessionInAdoption(name);
      const ready = idInReady(name);
      if (sessionId !== undefined) await this.#turns.take(sessionId, () => this.#clear(join(directory, name)));
      else if (adopted !== undefined) await this.#turns.take(adopted, () => this.#finishAdoption(adopted));
      else if (isGone(name) || (ready !== undefined && this.#options.prepared?.has(ready) !== true && !this.#placing.has(ready)))
        await this.#clear(join(directory, name));
    }
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  /** Its disk, where files were moved for it; what holds none is cleared. */
  async #finishAdoption(sessionId: string): Promise<DiskRecord | undefined> {
    const { directory } = this.#options;
    const adopting = join(directory, adoptingName(sessionId));
    if (!(await exists(adopting))) return undefined;
    const disk = await isFilled(adopting);
    if (disk === undefined) {
      await this.#clear(adopting);
      return undefined;
    }
    await this.#displace(sessionId);
    await move(adopting, this.#at(sessionId), directory);
    this.#reached('adopted');
    return disk;
  }

  async #newProject(): Promise<number> {
    this.#projects ??= new Set([...(await this.list()).values()].flatMap(({ project }) => project ?? []));
    const project = freeProject(this.#options.random, this.#projects);
    this.#projects.add(project);
    return project;
  }

  async #make(disk: DiskRecord): Promise<void> {
    const { directory, run } = this.#options;
    const making = join(directory, makingName(disk.session));
    await makeDirectory(directory);
    if (await exists(making)) await this.#clear(making);
    await mkdir(placeOf(making), { recursive: true, mode: 0o700 });
    if (disk.kind === 'image') await makeImage(run, imageOf(making), disk.id, disk.bytes);
    else {
      await mkdir(filesOf(making, disk), { mode: 0o755 });
      if (disk.project !== undefined) await boundByProject(run, filesOf(making, disk), disk.project, disk.bytes);
      await syncDirectory(placeOf(making));
    }
    this.#reached('made');
    await this.#place(disk, making);
  }

  async #place(disk: DiskRecord, from: string): Promise<void> {
    await writeRecord(from, disk);
    this.#reached('recorded');
    await this.#displace(disk.session);
    await move(from, this.#at(disk.session), this.#options.directory);
    this.#reached('placed');
  }

  /** What is in a disk's place and is no disk of this node's is kept, out of the way. */
  async #displace(sessionId: string): Promise<void> {
    const { directory, random, log } = this.#options;
    if (!(await exists(this.#at(sessionId)))) return;
    const kept = `.kept-${sessionId}-${random.uuid()}`;
    await rename(this.#at(sessionId), join(directory, kept));
    this.#reached('displaced');
    log.warn('disk.displaced', { session: sessionId, kept });
  }

  /** By programs that follow no link and stay in one file system, however deep a session has nested its directories. */
  #clear(directory: string): Promise<void> {
    const { run } = this.#options;
    return this.#turns.take(directory, async () => {
      if (await isMounted(directory)) await unmountImage(run, placeOf(directory));
      await run('rm', ['-rf', '--one-file-system', '--', directory], { mayTakeMs: CLEARING_MS });
    });
  }

  #reached(step: DiskStep): void {
    this.#options.reached?.(step);
  }

  #askedFor(sessionId: string): number {
    return this.#asked.get(sessionId) ?? 0;
  }

  #at(sessionId: string): string {
    return join(this.#options.directory, sessionId);
  }

  #isOwn({ cluster, node }: DiskRecord): boolean {
    const { clusterId, nodeId } = this.#options.owner;
    return cluster === clusterId && node === nodeId;
  }
}

/** Room that a disk has when it is adopted with more in it than its limit. */
const SPARE_BYTES = 64 * 2 ** 20;
/** What a disk of many small files can take. */
const CLEARING_MS = 600_000;

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
