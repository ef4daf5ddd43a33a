import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../seams/message-of.ts';
import type { DiskKind } from '../domain/disk-choice.ts';
import type { DiskLeft } from '../domain/disk-use.ts';
import { COMMON_UID } from '../domain/uid-range.ts';
import { fillByAdoption } from './adoption.ts';
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
  layersOf,
  move,
  passwdOf,
  placeOf,
  rootOf,
  sessionInAdoption,
  sessionInMaking,
  writePasswd,
  writeRecord,
} from './disk-files.ts';
import { DiskPlaces } from './disk-places.ts';
import type { DiskRecord } from './disk-record.ts';
import type { DisksDeps } from './disks-deps.ts';
import { mountImage, trimImage, unmountImage } from './image.ts';
import { changeOwner, ownerOf } from './owner.ts';
import { freeProject, setProjectLimit } from './quota.ts';
import { filesIn, makeLayers, measuredLeft, mountRoot, unmountRoot } from './roots/root-mounts.ts';
import { Turns } from './turns.ts';
import { usedBytes } from './usage.ts';

export interface DiskPlan {
  readonly sessionId: string;
  readonly generation: number;
  readonly space: string;
  readonly bytes: number;
  /** The user id of the agents that write to it. */
  readonly uid?: number;
}

/**
 * The disks of this node's sessions: directories and file systems that the node agent owns, so that
 * they survive a clean-up of the engine's volumes.
 *
 * 1. A disk is complete or absent: it is created under another name, synced, and moved into place
 *    by one rename. Another rename removes it.
 * 2. What a crash leaves half-created or half-removed was never announced, and `sweep` clears it.
 * 3. `ready` returns a path that exists only in this disk, or throws: an unmounted disk is never
 *    taken for an empty one.
 * 4. This class does not look below the directory that a session sees.
 */
export class Disks {
  readonly #deps: DisksDeps;
  readonly #turns = new Turns();
  readonly #places: DiskPlaces;
  /** Prepared images that are becoming disks. */
  readonly #placing = new Set<string>();
  /** Number of requests for each disk. */
  readonly #asked = new Map<string, number>();
  /** The disks' project numbers, once one was needed. */
  #projects: Set<number> | undefined;

  constructor(deps: DisksDeps) {
    this.#deps = deps;
    this.#places = new DiskPlaces(deps, this.#turns);
  }

  /** The kind of new disks. */
  get kind(): DiskKind {
    return this.#deps.kind;
  }

  /** Returns all disks of this node. A disk with an unreadable record is left out and logged. */
  async list(): Promise<ReadonlyMap<string, DiskRecord>> {
    const { directory, log } = this.#deps;
    const names = (await entriesOf(directory)).filter(isDiskName);
    const unreadable = (session: string) => (error: unknown) => {
      log.warn('disk.unreadable', { session, error: messageOf(error) });
      return undefined;
    };
    const found = await Promise.all(names.map((name) => this.find(name).catch(unreadable(name))));
    return new Map(found.flatMap((disk) => (disk === undefined ? [] : [[disk.session, disk] as const])));
  }

  find(sessionId: string): Promise<DiskRecord | undefined> {
    return this.#places.find(sessionId);
  }

  /** Returns the session's disk, created if it does not exist. */
  create({ sessionId, generation, space, bytes, uid }: DiskPlan): Promise<DiskRecord> {
    return this.#turns.take(sessionId, async () => {
      const there = await this.find(sessionId);
      if (there !== undefined) return there;
      const { owner, kind, random } = this.#deps;
      const whose = { cluster: owner.clusterId, node: owner.nodeId, session: sessionId, generation, space };
      const prepared = kind === 'image' ? this.#deps.prepared?.take(bytes) : undefined;
      const project = kind === 'quota' ? await this.#newProject() : undefined;
      const disk: DiskRecord = { version: 1, id: prepared?.id ?? random.uuid(), kind, ...whose, bytes, uid, project };
      if (prepared === undefined) await this.#places.make(disk);
      else {
        this.#placing.add(prepared.id);
        await this.#places.place(disk, prepared.directory).finally(() => this.#placing.delete(prepared.id));
      }
      return disk;
    });
  }

  /**
   * Moves the files in `from`, on which nothing runs, to the session's disk. They are copied only
   * across file systems. They can exceed the limit, so the disk is always a measured directory.
   */
  adopt({ sessionId, generation, space, bytes }: DiskPlan, from: string): Promise<DiskRecord> {
    return this.#turns.take(sessionId, async () => {
      const { owner, random, run, directory, log } = this.#deps;
      const there = (await this.#places.finishAdoption(sessionId)) ?? (await this.find(sessionId));
      if (there !== undefined) return there;
      const whose = { cluster: owner.clusterId, node: owner.nodeId, session: sessionId, generation, space };
      const used = await usedBytes(run, from);
      const disk: DiskRecord = { version: 1, id: random.uuid(), kind: 'measured', ...whose, bytes: Math.max(bytes, used + SPARE_BYTES) };
      await this.#places.displace(sessionId);
      await fillByAdoption(run, join(directory, adoptingName(sessionId)), disk, from);
      this.#places.reached('filled');
      await this.#places.finishAdoption(sessionId);
      log.info('disk.adopted', { session: sessionId, disk: disk.id, bytes: used });
      return disk;
    });
  }

  /**
   * Returns the directory that the session's container mounts; mounts an image first. `bytes`
   * raises a measured limit. `uid` becomes the owner of the agents' files, which requires that
   * nothing runs on them.
   */
  ready(sessionId: string, bytes = 0, uid?: number): Promise<{ readonly path: string; readonly disk: DiskRecord }> {
    this.#asked.set(sessionId, this.#askedFor(sessionId) + 1);
    return this.#turns.take(sessionId, async () => {
      let disk = await this.find(sessionId);
      if (disk === undefined) throw new Error('the disk of this session is missing');
      const directory = this.#places.at(sessionId);
      const path = filesOf(directory, disk);
      if (!(await exists(path)) && disk.kind === 'image' && !(await isMounted(directory)))
        await mountImage(this.#deps.run, imageOf(directory), placeOf(directory));
      if (!(await exists(path)))
        throw new Error(`the file system at ${placeOf(directory)} is not the disk of this session: it lacks the directory ${disk.id}`);
      if (uid !== undefined && ownerOf(disk) !== uid) {
        await unmountRoot(this.#deps, directory);
        for (const files of await filesIn(directory, disk)) await changeOwner(this.#deps.run, files, ownerOf(disk), uid);
        disk = { ...disk, uid };
        await writeRecord(directory, disk);
      }
      if (disk.root !== undefined) await mountRoot(this.#deps, directory, disk, disk.root);
      if (disk.kind === 'image' || disk.bytes >= bytes) return { path, disk };
      const raised = { ...disk, bytes };
      if (disk.project !== undefined) await setProjectLimit(this.#deps.run, path, disk.project, bytes);
      await writeRecord(directory, raised);
      return { path, disk: raised };
    });
  }

  /** Trims and unmounts it, unless a container uses it or it was requested meanwhile. */
  release(sessionId: string, hasContainer: () => Promise<boolean>): Promise<void> {
    const asked = this.#askedFor(sessionId);
    return this.#turns.take(sessionId, async () => {
      const directory = this.#places.at(sessionId);
      if (!(await isMounted(directory)) && !(await isMounted(directory, rootOf(directory)))) return;
      if ((await hasContainer()) || this.#askedFor(sessionId) !== asked) return;
      await unmountRoot(this.#deps, directory);
      if (!(await isMounted(directory))) return;
      const { run, log } = this.#deps;
      const failed = (error: unknown) => log.debug('disk.untrimmed', { session: sessionId, error: messageOf(error) });
      await trimImage(run, placeOf(directory)).catch(failed);
      await unmountImage(run, placeOf(directory));
    });
  }

  /**
   * Returns where the session's own root is mounted: that of the image, with its changes. The disk
   * must be ready.
   */
  root(sessionId: string, image: string): Promise<string> {
    return this.#turns.take(sessionId, async () => {
      const disk = await this.find(sessionId);
      if (disk === undefined) throw new Error('the disk of this session is missing');
      const directory = this.#places.at(sessionId);
      if (disk.root === undefined) await writeRecord(directory, { ...disk, root: image });
      await mountRoot(this.#deps, directory, disk, disk.root ?? image);
      return rootOf(directory);
    });
  }

  /** Returns the changes of a session's root, and where those of its copy go; undefined if it has no root. */
  async copiedRoots(from: string, to: string): Promise<{ readonly from: string; readonly to: string } | undefined> {
    const [source, copy] = await Promise.all([this.find(from), this.find(to)]);
    if (source?.root === undefined || copy === undefined) return undefined;
    const [its, own] = [layersOf(this.#places.at(from), source), layersOf(this.#places.at(to), copy)];
    await makeLayers(this.#deps.run, own, copy);
    return { from: its, to: own };
  }

  /** Returns the images that the roots of sessions are changes to. */
  async roots(): Promise<ReadonlySet<string>> {
    return new Set([...(await this.list()).values()].flatMap(({ root }) => root ?? []));
  }

  /** Writes the accounts that the session sees. Returns the file, which goes with the disk. */
  accounts(sessionId: string, passwd: string): Promise<string> {
    return this.#turns.take(sessionId, async () => {
      await writePasswd(this.#places.at(sessionId), passwd);
      return passwdOf(this.#places.at(sessionId));
    });
  }

  /** Records the owner of the files in another disk, of which this one becomes a copy. */
  copiedFrom(sessionId: string, from: string): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      const [disk, source] = await Promise.all([this.find(sessionId), this.find(from)]);
      if (disk === undefined) return;
      const uid = source === undefined ? COMMON_UID : ownerOf(source);
      if (ownerOf(disk) !== uid) await writeRecord(this.#places.at(sessionId), { ...disk, uid });
    });
  }

  /** Records that the session was stopped for exceeding its limit, or is within it again. */
  mark(sessionId: string, stopped: boolean): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      const disk = await this.find(sessionId);
      if (disk === undefined || (disk.stopped === true) === stopped) return;
      const { stopped: _, ...rest } = disk;
      await writeRecord(this.#places.at(sessionId), stopped ? { ...rest, stopped } : rest);
    });
  }

  /** Returns what the session can still write. Counts every file of a measured disk. */
  async left({ session }: Pick<DiskRecord, 'session'>): Promise<DiskLeft> {
    const disk = await this.find(session);
    if (disk === undefined) throw new Error('the disk of this session is missing');
    const directory = this.#places.at(session);
    if (disk.kind === 'measured') return measuredLeft(this.#deps.run, directory, disk);
    // In a directory with a project quota, this is what the project has left.
    const { bavail, bsize, ffree } = await statfs(filesOf(directory, disk));
    return { bytes: bavail * bsize, files: ffree };
  }

  remove(sessionId: string): Promise<void> {
    return this.#turns.take(sessionId, async () => {
      await this.#places.finishAdoption(sessionId);
      const disk = await this.find(sessionId);
      if (disk === undefined) return;
      const gone = join(this.#deps.directory, goneName(disk.id));
      await move(this.#places.at(sessionId), gone, this.#deps.directory);
      this.#places.reached('taken-away');
      this.#asked.delete(sessionId);
      await this.#places.clear(gone);
      if (disk.project === undefined) return;
      // A limit that a killed process leaves behind applies to a project without files.
      await setProjectLimit(this.#deps.run, this.#deps.directory, disk.project, 0);
      this.#projects?.delete(disk.project);
    });
  }

  /** After a crash, clears half-created and half-removed disks and completes adoptions. */
  async sweep(): Promise<void> {
    const { directory } = this.#deps;
    for (const name of await entriesOf(directory)) {
      const sessionId = sessionInMaking(name);
      const adopted = sessionInAdoption(name);
      const ready = idInReady(name);
      if (sessionId !== undefined) await this.#turns.take(sessionId, () => this.#places.clear(join(directory, name)));
      else if (adopted !== undefined) await this.#turns.take(adopted, () => this.#places.finishAdoption(adopted));
      else if (isGone(name) || (ready !== undefined && this.#deps.prepared?.has(ready) !== true && !this.#placing.has(ready)))
        await this.#places.clear(join(directory, name));
    }
  }

  /** Resolves when nothing is in progress. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async #newProject(): Promise<number> {
    this.#projects ??= new Set([...(await this.list()).values()].flatMap(({ project }) => project ?? []));
    const project = freeProject(this.#deps.random, this.#projects);
    this.#projects.add(project);
    return project;
  }

  #askedFor(sessionId: string): number {
    return this.#asked.get(sessionId) ?? 0;
  }
}

/** The limit of an adopted disk whose files exceed its own limit. */
const SPARE_BYTES = 64 * 2 ** 20;
