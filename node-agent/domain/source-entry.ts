/** Of one agent's packed source. */
export const SOURCE_BOUNDS = { entries: 50_000, unpackedBytes: 512 * 1024 * 1024, pathBytes: 1024 } as const;

export interface SourceEntry {
  readonly name: string;
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
}

export type SourceVerdict =
  | { readonly ok: true; readonly kind: 'file' | 'directory'; readonly path: string; readonly mode: number }
  /** Nothing to copy: the root itself. */
  | { readonly ok: true; readonly kind: 'nothing' }
  | { readonly ok: false; readonly reason: string };

const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

export function isAgentName(name: string): boolean {
  return AGENT_NAME.test(name);
}

/**
 * What of an archive's entry goes into an image: plain files and directories at relative paths without `..`, readable by all and written by root.
 * Links and devices are refused, whatever they point at.
 */
export function judgeEntry({ name, type, mode }: SourceEntry): SourceVerdict {
  if (type !== 'file' && type !== 'contiguous-file' && type !== 'directory') return { ok: false, reason: `it holds a ${type}` };
  const shown = JSON.stringify(name.slice(0, 200));
  if (name.includes('\0') || name.includes('\\')) return { ok: false, reason: `it holds the strange name ${shown}` };
  if (name.startsWith('/')) return { ok: false, reason: `it holds the absolute path ${shown}` };
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { ok: false, reason: `it holds a path with "..", ${shown}` };
  if (Buffer.byteLength(name) > SOURCE_BOUNDS.pathBytes) return { ok: false, reason: `it holds a path that is too long, ${shown}` };
  if (parts.length === 0)
    return type === 'directory' ? { ok: true, kind: 'nothing' } : { ok: false, reason: 'it holds a file without a name' };
  const path = parts.join('/');
  if (type === 'directory') return { ok: true, kind: 'directory', path, mode: 0o755 };
  return { ok: true, kind: 'file', path, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
}
