import { accepted, type Outcome, refused } from '../engine/outcome.ts';

/** What an archive says of one of its entries. */
export interface ArchiveEntry {
  readonly name: string;
  /** tar's word for it. */
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** What a link names. */
  readonly target: string | undefined;
}

export type SourceEntry =
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly sizeBytes: number; readonly position: number }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 1024;
const MAX_HOPS = 40;
/** Of following all links of an archive: enough for any real one, and a bound for those made to be slow. */
const MAX_STEPS = 1_000_000;

/**
 * The files of an agent as they are collected from an archive: relative paths below one root, each named once, without `..`,
 * devices, or links that lead outside. Links inside stay symlinks; hard links become files of their own with the same
 * content. What it refuses is a 422 that names the entry.
 */
export class SourceTree {
  readonly #entries = new Map<string, SourceEntry>();
  #fileBytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Of all files, hard links counted as files of their own. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Takes one entry; a file's content is said to be at `position`. The answer is undefined for the root itself. */
  add(entry: ArchiveEntry, position: number): Outcome<SourceEntry | undefined> {
    const path = innerPath(entry.name);
    if (!path.ok) return path;
    const made = this.#entryOf(entry, path.value, position);
    if (!made.ok) return made;
    const known = this.#entries.get(made.value.path);
    if (known?.kind === 'directory' && made.value.kind === 'directory') return accepted(undefined);
    if (path.value === '') return made.value.kind === 'directory' ? accepted(undefined) : odd(entry.name, 'stands in place of the root');
    if (known !== undefined) return odd(entry.name, 'is there twice');
    this.#entries.set(made.value.path, made.value);
    if (made.value.kind === 'file') this.#fileBytes += made.value.sizeBytes;
    return made;
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
          return odd(entry.name, 'is a link to a strange name');
        return accepted({ kind: 'symlink', path, target });
      }
      case 'link': {
        const target = innerPath(entry.target ?? '');
        const linked = target.ok ? this.#entries.get(target.value) : undefined;
        if (linked?.kind !== 'file') return odd(entry.name, 'is a link to something that is no earlier file of the archive');
        return accepted({ ...linked, path });
      }
      default:
        return odd(entry.name, `is a ${entry.type}: only files, directories and links inside are taken`);
    }
  }

  /** All entries with every directory on the way, sorted, so that the same files make the same list. */
  finish(): Outcome<readonly SourceEntry[]> {
    for (const { path } of [...this.#entries.values()]) {
      for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
        const parent = path.slice(0, cut);
        const entry = this.#entries.get(parent);
        if (entry === undefined) this.#entries.set(parent, { kind: 'directory', path: parent });
        else if (entry.kind !== 'directory') return odd(path, `is below ${shown(parent)}, which is no directory`);
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

/** Walks a link as the kernel would, links on the way included, and counts the steps. What is missing on the way is walked by its name alone. */
function follow(entries: ReadonlyMap<string, SourceEntry>, path: string, target: string, maxSteps: number): Outcome<number> {
  const at = path.split('/').slice(0, -1);
  const todo = target.split('/').reverse();
  let hops = 0;
  let steps = 0;
  if (target.startsWith('/')) return odd(path, 'is a link that leads outside');
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    steps += 1 + at.length;
    if (steps > maxSteps) return odd(path, 'is one of too many links');
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (at.pop() === undefined) return odd(path, 'is a link that leads outside');
      continue;
    }
    const next = entries.get([...at, name].join('/'));
    if (next?.kind !== 'symlink') {
      at.push(name);
      continue;
    }
    hops += 1;
    if (hops > MAX_HOPS) return odd(path, 'is a link that leads in a circle');
    if (next.target.startsWith('/')) return odd(path, 'is a link that leads outside');
    todo.push(...next.target.split('/').reverse());
  }
  return accepted(steps);
}

/** The path without "." and doubled slashes; "" is the root. */
function innerPath(name: string): Outcome<string> {
  if (name.startsWith('/')) return odd(name, 'is an absolute path');
  if (isStrange(name)) return odd(name, 'has characters that no file here may have in its name');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return odd(name, 'has ".." in its path');
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) return odd(name, `has a name of more than ${MAX_NAME_BYTES} bytes`);
  const path = parts.join('/');
  return Buffer.byteLength(path) > MAX_PATH_BYTES ? odd(name, `has a path of more than ${MAX_PATH_BYTES} bytes`) : accepted(path);
}

/** Control characters, backslashes, and what was no UTF-8. */
function isStrange(name: string): boolean {
  for (const letter of name) if (letter < ' ' || letter === '\x7f' || letter === '\\' || letter === '\ufffd') return true;
  return false;
}

const shown = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

function odd(name: string, problem: string): ReturnType<typeof refused> {
  return refused('UNPROCESSABLE_ENTITY', `The archive's entry ${shown(name)} ${problem}`, [{ path: name.slice(0, 200), problem }]);
}
