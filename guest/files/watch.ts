import { type FSWatcher, lstatSync, readFileSync, watch } from 'node:fs';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { type Bytes, encodeJson } from '../../proto/streams/files-paths.ts';
import type { WatchFiles } from '../../proto/streams/files-request.ts';
import type { FileChange, WatchLine } from '../../proto/streams/files-stream.ts';
import { entryAt } from './entries.ts';
import { attempt, FileFault, shown } from './faults.ts';
import { fileOf, KnownNames, MAX_KNOWN } from './known-names.ts';
import { begin, written } from './output.ts';
import { PinnedFolder } from './pinned-folder.ts';
import { absolute, type Pinned, pin, pinBelow, type Roots } from './places.ts';

/** Directories of one watch. The kernel has a limit for each user, too. */
const MAX_DIRECTORIES = 4096;
/** Changes that a slow reader can be behind. What comes then is lost, and the reader is told. */
const MAX_WAITING = 4096;
/** As the kernel has it unless the host says otherwise. */
const USUAL_QUEUE = 16_384;

type ChangeLine = Exclude<WatchLine, string>;

interface Watched {
  readonly pinned: Pinned;
  readonly watcher: FSWatcher;
}

export interface WatchTurns {
  /** Calls `run` once everything that is readable now was read. */
  soon(run: () => void): void;
}

/**
 * Sends changes in a directory until the reader ends the stream. Where changes are missing, it says
 * so: `lost` comes when the reader was too slow, when more directories were made than can be
 * watched, and whenever the kernel's queue can have overflowed, which Node.js does not tell.
 */
export async function watchFiles(stream: ByteStream, roots: Roots, request: WatchFiles, turns: WatchTurns): Promise<void> {
  const path = absolute(roots, request.path);
  const pinned = pin(roots, path);
  if (!attempt(path, () => pinned.stat()).isDirectory()) {
    pinned.close();
    throw new FileFault('conflict', `${shown(path)} is not a directory. Watch the directory that it is in.`);
  }
  const session = new Watch(pinned, request.recursive, turns);
  stream.resume();
  stream.once('close', () => session.close());
  try {
    attempt(path, () => session.start());
    await begin(stream, { ok: true, entry: entryAt(path, Buffer.from(`${pinned.path}/.`)) });
    await written(stream, '"ready"\n');
    for (;;) {
      const lines = await session.next();
      if (lines === undefined || stream.destroyed || stream.writableEnded) break;
      await written(stream, lines.map((line) => `${encodeJson(line)}\n`).join(''));
    }
    stream.end();
  } finally {
    session.close();
  }
}

class Watch {
  readonly #root: Pinned;
  readonly #isRecursive: boolean;
  readonly #turns: WatchTurns;
  readonly #watched = new Map<Bytes, Watched>();
  readonly #queueLength = queueLength();
  readonly #known = new KnownNames();
  #waiting: WatchLine[] = [];
  /** The newest removal, until what comes next says whether it was a rename. No longer than its turn. */
  #removal: { readonly line: ChangeLine; readonly file: string | undefined } | undefined;
  #isLost = false;
  #isClosed = false;
  #inTurn = 0;
  #wake: () => void = () => undefined;

  constructor(root: Pinned, isRecursive: boolean, turns: WatchTurns) {
    this.#root = root;
    this.#isRecursive = isRecursive;
    this.#turns = turns;
  }

  /** Throws if not even the directory itself can be watched. */
  start(): void {
    this.#add('', this.#root);
    this.#below('', false);
  }

  /** Resolves to the changes since, once there are any; to undefined once it is closed. */
  async next(): Promise<readonly WatchLine[] | undefined> {
    while (this.#waiting.length === 0 && !this.#isLost && !this.#isClosed) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#isClosed && this.#waiting.length === 0) return undefined;
    const lines = this.#waiting;
    this.#waiting = [];
    if (this.#isLost) lines.push('lost');
    this.#isLost = false;
    return lines;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { watcher, pinned } of this.#watched.values()) {
      watcher.close();
      pinned.close();
    }
    this.#root.close();
    this.#watched.clear();
    this.#wake();
  }

  #add(path: Bytes, pinned: Pinned): void {
    const watcher = watch(pinned.path, { encoding: 'latin1', persistent: false });
    this.#watched.set(path, { pinned, watcher });
    watcher.on('change', (type, name) => this.#changed(path, String(type), String(name ?? '')));
    watcher.on('error', () => this.#lose());
  }

  #changed(directory: Bytes, type: string, name: Bytes): void {
    if (this.#isClosed) return;
    if (this.#inTurn === 0)
      this.#turns.soon(() => {
        this.#inTurn = 0;
        this.#release();
      });
    this.#inTurn += 1;
    // Everything in the kernel's queue comes in one turn: a full one can have overflowed.
    if (this.#inTurn === this.#queueLength) this.#lose();
    const watched = this.#watched.get(directory);
    if (watched === undefined || name === '') return;
    const path = directory === '' ? name : `${directory}/${name}`;
    const at = watched.pinned.in(name);
    const stat = attempted(() => lstatSync(at, { throwIfNoEntry: false }));
    if (stat === undefined) {
      if (directory === '' && attempted(() => this.#root.stat().nlink) === 0) return this.#gone();
      this.#forget(path);
      this.#release();
      this.#removal = { line: { change: 'removed', path }, file: this.#known.take(directory, name) };
      return;
    }
    if (type === 'rename' && this.#removal?.file === fileOf(stat)) this.#release(path);
    this.#known.learn(directory, name, stat);
    const change: FileChange =
      type === 'rename' ? 'created' : stat.mtimeMs === stat.ctimeMs || stat.isDirectory() ? 'modified' : 'attributes';
    this.#say(change, path, at);
    if (this.#isRecursive && type === 'rename' && stat.isDirectory()) this.#enter(watched.pinned, name, path, true);
  }

  /** Watches a directory, and says what is in it already if it is a new one. */
  #enter(parent: Pinned, name: Bytes, path: Bytes, isNew: boolean): void {
    if (this.#watched.size >= MAX_DIRECTORIES) return this.#lose();
    this.#forget(path);
    const pinned = attempted(() => pinBelow(parent, name));
    if (pinned === undefined) return;
    try {
      this.#add(path, pinned);
    } catch {
      // The kernel's limit of watches.
      pinned.close();
      return this.#lose();
    }
    this.#below(path, isNew);
  }

  #below(path: Bytes, isNew: boolean): void {
    const watched = this.#watched.get(path);
    if (watched === undefined) return;
    const folder = new PinnedFolder(watched.pinned);
    // Of a directory without others below, no more names are read than are kept.
    const most = this.#isRecursive ? Number.POSITIVE_INFINITY : MAX_KNOWN;
    const names = attempted(() => firstOf(folder.names(), most)) ?? [];
    for (const { name, isDirectory } of names) {
      const below = path === '' ? name : `${path}/${name}`;
      const stat = this.#known.isFull ? undefined : attempted(() => lstatSync(folder.in(name)));
      if (stat !== undefined) this.#known.learn(path, name, stat);
      if (isNew) this.#say('created', below, folder.in(name));
      if (isDirectory && this.#isRecursive) this.#enter(watched.pinned, name, below, isNew);
    }
  }

  /** Watches nothing any more in what was removed, or moved away. */
  #forget(path: Bytes): void {
    for (const [one, { watcher, pinned }] of [...this.#watched])
      if (one === path || one.startsWith(`${path}/`)) {
        watcher.close();
        pinned.close();
        this.#watched.delete(one);
        this.#known.drop(one);
      }
  }

  /** Says the newest removal, which was a rename if the new name is known. */
  #release(renamedTo?: Bytes): void {
    const removal = this.#removal;
    if (removal === undefined) return;
    this.#removal = undefined;
    this.#keep(renamedTo === undefined ? removal.line : { ...removal.line, renamedTo });
  }

  #gone(): void {
    this.#release();
    this.#waiting.push('gone');
    this.#wake();
    this.close();
  }

  #say(change: FileChange, path: Bytes, at: Buffer): void {
    this.#release();
    const last = this.#waiting.at(-1);
    if (change === 'modified' && typeof last === 'object' && last.path === path && last.change === 'modified') return;
    if (this.#waiting.length >= MAX_WAITING) return this.#lose();
    const entry = attempted(() => entryAt(path, at));
    this.#keep({ change, path, ...(entry === undefined ? {} : { entry }) });
  }

  #keep(line: ChangeLine): void {
    if (this.#waiting.length >= MAX_WAITING) return this.#lose();
    this.#waiting.push(line);
    this.#wake();
  }

  #lose(): void {
    this.#isLost = true;
    this.#wake();
  }
}

function firstOf<One>(all: Iterable<One>, most: number): One[] {
  const first: One[] = [];
  for (const one of all) if (first.push(one) >= most) break;
  return first;
}

function queueLength(): number {
  const text = attempted(() => readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'));
  return Number(text) > 0 ? Number(text) : USUAL_QUEUE;
}

function attempted<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
