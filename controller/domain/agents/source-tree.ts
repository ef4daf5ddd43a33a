import { accepted, type Outcome, refused } from '../engine/outcome.ts';

/** An entry's header in an archive. */
export interface ArchiveEntry {
  readonly name: string;
  /** The type, in tar's terms. */
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** The target of a link. */
  readonly target: string | undefined;
}

export type SourceEntry =
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly sizeBytes: number; readonly position: number }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 1024;
const MAX_HOPS = 40;
/**
 * Steps in following all links of an archive: enough for any real one, and a bound on hostile ones.
 */
const MAX_STEPS = 1_000_000;

/**
 * Collects an agent's files from an archive: unique relative paths below one root, without `..`,
 * devices, or links that lead outside. Symlinks inside stay; hard links become separate files with
 * the same content. A refusal is a 422 that names the entry.
 */
export class SourceTree {
  readonly #entries = new Map<string, SourceEntry>();
  #fileBytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of all files. Hard links count as separate files. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Adds an entry whose content is at `position`. Returns undefined for the root itself. */
  add(entry: ArchiveEntry, position: number): Outcome<SourceEntry | undefined> {
    const path = innerPath(entry.name);
    if (!path.ok) return path;
    const added = this.#entryOf(entry, path.value, position);
    if (!added.ok) return added;
    const known = this.#entries.get(added.value.path);
    if (known?.kind === 'directory' && added.value.kind === 'directory') return accepted(undefined);
    if (path.value === '') return added.value.kind === 'directory' ? accepted(undefined) : odd(entry.name, 'replaces the root directory');
    if (known !== undefined) return odd(entry.name, 'occurs twice');
    this.#entries.set(added.value.path, added.value);
    if (added.value.kind === 'file') this.#fileBytes += added.value.sizeBytes;
    return added;
  }

  #entryOf(entry: ArchiveEntry, path: string, position: number): Outcome<SourceEntry> {
    const executable = (entry.mode & 0o111) !== 0;
    switch (entry.type) {
      case 'file':
      case 'contiguous-file':
        return accepted({ kind: 'file', path, executable, sizeBytes: entry.sizeBytes, position });
      case 'directory':
        return accepted({ kind: 'directory', path });
      case 'symlink': {
        const target = entry.target ?? '';
        if (target === '' || Buffer.byteLength(target) > MAX_PATH_BYTES || isStrange(target))
          return odd(entry.name, 'is a link to an invalid name');
        return accepted({ kind: 'symlink', path, target });
      }
      case 'link': {
        const target = innerPath(entry.target ?? '');
        const linked = target.ok ? this.#entries.get(target.value) : undefined;
        if (linked?.kind !== 'file') return odd(entry.name, 'is a hard link to something other than an earlier file of the archive');
        return accepted({ ...linked, path });
      }
      default:
        return odd(entry.name, `is a ${entry.type}: only files, directories and links that stay inside are allowed`);
    }
  }

  /**
   * Returns all entries and their parent directories, sorted, so that equal files give an equal
   * list.
   */
  finish(): Outcome<readonly SourceEntry[]> {
    for (const { path } of [...this.#entries.values()]) {
      for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
        const parent = path.slice(0, cut);
        const entry = this.#entries.get(parent);
        if (entry === undefined) this.#entries.set(parent, { kind: 'directory', path: parent });
        else if (entry.kind !== 'directory') return odd(path, `is below ${shown(parent)}, which is not a directory`);
      }
    }
    let steps = 0;
    for (const entry of this.#entries.values()) {
      if (entry.kind !== 'symlink') continue;
      const walk = follow(this.#entries, entry.path, entry.target, MAX_STEPS - steps);
      if (!walk.ok) return walk;
      steps += walk.value;
    }
    return accepted([...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1)));
  }
}

/**
 * Follows a link as the kernel would, through further links, and counts the steps. Missing
 * components are followed by name alone.
 */
function follow(entries: ReadonlyMap<string, SourceEntry>, path: string, target: string, maxSteps: number): Outcome<number> {
  const at = path.split('/').slice(0, -1);
  const todo = target.split('/').reverse();
  let hops = 0;
  let steps = 0;
  if (target.startsWith('/')) return odd(path, 'is a link that leads outside the archive');
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    steps += 1 + at.length;
    if (steps > maxSteps) return odd(path, 'exceeds the number of links that an archive can have');
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (at.pop() === undefined) return odd(path, 'is a link that leads outside the archive');
      continue;
    }
    const next = entries.get([...at, name].join('/'));
    if (next?.kind !== 'symlink') {
      at.push(name);
      continue;
    }
    hops += 1;
    if (hops > MAX_HOPS) return odd(path, 'is a circular link');
    if (next.target.startsWith('/')) return odd(path, 'is a link that leads outside the archive');
    todo.push(...next.target.split('/').reverse());
  }
  return accepted(steps);
}

/** Returns the path without "." and doubled slashes; "" is the root. */
function innerPath(name: string): Outcome<string> {
  if (name.startsWith('/')) return odd(name, 'is an absolute path');
  if (isStrange(name)) return odd(name, 'has invalid characters in its name');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return odd(name, 'has ".." in its path');
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) return odd(name, `has a name of more than ${MAX_NAME_BYTES} bytes`);
  const path = parts.join('/');
  return Buffer.byteLength(path) > MAX_PATH_BYTES ? odd(name, `has a path of more than ${MAX_PATH_BYTES} bytes`) : accepted(path);
}

/** Whether a name has control characters, backslashes, or bytes that were not UTF-8. */
function isStrange(name: string): boolean {
  for (const letter of name) if (letter < ' ' || letter === '\x7f' || letter === '\\' || letter === '\ufffd') return true;
  return false;
}

const shown = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

function odd(name: string, problem: string): ReturnType<typeof refused> {
  return refused('UNPROCESSABLE_ENTITY', `The archive's entry ${shown(name)} ${problem}`, [{ path: name.slice(0, 200), problem }]);
}
