/** Bounds of one agent's packed source. */
export const SOURCE_BOUNDS = { entries: 50_000, unpackedBytes: 512 * 1024 * 1024, pathBytes: 1024 } as const;

export interface SourceEntry {
  readonly name: string;
  readonly type: string;
  /** The target of a symbolic link. */
  readonly target?: string;
  /** Permission bits. */
  readonly mode: number;
}

export type SourceVerdict =
  | { readonly ok: true; readonly kind: 'file' | 'directory'; readonly path: string; readonly mode: number }
  /** A symbolic link to `target`, a relative path that stays inside the source. */
  | { readonly ok: true; readonly kind: 'link'; readonly path: string; readonly target: string }
  /** Nothing to copy: the root itself. */
  | { readonly ok: true; readonly kind: 'nothing' }
  | { readonly ok: false; readonly reason: string };

const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

export function isAgentName(name: string): boolean {
  return AGENT_NAME.test(name);
}

/**
 * Decides how an archive entry enters an image: as a plain file or directory at a relative path
 * without `..`, readable by all and writable by root. Symbolic links can point inside; hard links
 * and devices are refused. The controller has already checked chains of links; this code follows
 * none.
 */
export function judgeEntry({ name, type, mode, target = '' }: SourceEntry): SourceVerdict {
  const isKnown = type === 'file' || type === 'contiguous-file' || type === 'directory' || type === 'symlink';
  if (!isKnown) return { ok: false, reason: `it contains a ${type}` };
  const shown = JSON.stringify(name.slice(0, 200));
  if (name.includes('\0') || name.includes('\\')) return { ok: false, reason: `it contains the invalid name ${shown}` };
  if (name.startsWith('/')) return { ok: false, reason: `it contains the absolute path ${shown}` };
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { ok: false, reason: `it contains a path with "..", ${shown}` };
  if (Buffer.byteLength(name) > SOURCE_BOUNDS.pathBytes) return { ok: false, reason: `it contains a path that is too long, ${shown}` };
  if (parts.length === 0)
    return type === 'directory' ? { ok: true, kind: 'nothing' } : { ok: false, reason: 'it contains a file without a name' };
  const path = parts.join('/');
  if (type === 'symlink') {
    if (!staysInside(parts.slice(0, -1), target)) return { ok: false, reason: `it contains a link that leads outside it, ${shown}` };
    return { ok: true, kind: 'link', path, target };
  }
  if (type === 'directory') return { ok: true, kind: 'directory', path, mode: 0o755 };
  return { ok: true, kind: 'file', path, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
}

function staysInside(directory: readonly string[], target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0') || Buffer.byteLength(target) > SOURCE_BOUNDS.pathBytes) return false;
  let depth = directory.length;
  for (const part of target.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}
