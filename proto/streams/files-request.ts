/** The parameters of streams of kind `files`. */
import { type Bytes, decodeJson, encodeJson, fieldsOf, isCount, isFlag, isMode, isOptional, isPath, isString } from './files-paths.ts';
import { StreamError } from './reasons.ts';

/** Rows of one page of a list, and its levels of directories. */
export const LIST_BOUNDS = { rows: 10_000, bytes: 4 * 1024 * 1024, depth: 32 } as const;

/** Bytes of a file. `end` is exclusive; `last` counts from the end. */
export type ByteRange = { readonly start: number; readonly end?: number } | { readonly last: number };

interface OnPath {
  /** Absolute, or below the workspace. */
  readonly path: Bytes;
}
export interface ReadFile extends OnPath {
  readonly op: 'read';
  readonly range?: ByteRange;
  /** The range counts only for the file with this tag. */
  readonly ifRange?: string;
}
export interface WriteFile extends OnPath {
  readonly op: 'write';
  /** Of a new file. Default: 0644. */
  readonly mode?: number;
  /** Creates missing directories. */
  readonly parents: boolean;
  /** Refused unless the file has this tag, or, for `*`, exists. */
  readonly ifMatch?: string;
  /** Refused if the file exists. */
  readonly isNew: boolean;
}
export interface ListFiles extends OnPath {
  readonly op: 'list';
  /** 1: the entries of the directory itself. */
  readonly depth: number;
  readonly limit: number;
  /** The path, relative to the directory, of the last entry of the page before. */
  readonly after?: Bytes;
}
export interface StatFile extends OnPath {
  readonly op: 'stat';
}
export interface MakeDirectory extends OnPath {
  readonly op: 'mkdir';
  readonly mode?: number;
  /** Creates missing parents, and takes an existing directory for its own. */
  readonly parents: boolean;
}
export interface MoveFile extends OnPath {
  readonly op: 'move';
  readonly to: Bytes;
  readonly parents: boolean;
  readonly overwrite: boolean;
}
export interface RemoveFile extends OnPath {
  readonly op: 'remove';
  /** Directories with all that is in them. */
  readonly recursive: boolean;
}
export interface ChangeMode extends OnPath {
  readonly op: 'chmod';
  readonly mode: number;
}
export interface WatchFiles extends OnPath {
  readonly op: 'watch';
  readonly recursive: boolean;
}
export interface PackDirectory extends OnPath {
  readonly op: 'pack';
}
export interface UnpackDirectory extends OnPath {
  readonly op: 'unpack';
}
export type FilesRequest =
  | ReadFile
  | WriteFile
  | ListFiles
  | StatFile
  | MakeDirectory
  | MoveFile
  | RemoveFile
  | ChangeMode
  | WatchFiles
  | PackDirectory
  | UnpackDirectory;

/** Returns the request in a stream's parameters. Throws a {@link StreamError} if it is invalid. */
export function filesRequest(parameters: unknown): FilesRequest {
  const invalid = () => new StreamError('failed', 'The parameters of the file request are invalid.');
  const sent = fieldsOf(decodeJson(JSON.stringify(parameters)));
  const { op, path, mode, parents = false, recursive = false, to, depth, limit, after, ifMatch, isNew = false, overwrite = false } = sent;
  if (!isPath(path) || !isOptional(mode, isMode) || ![parents, recursive, isNew, overwrite].every(isFlag)) throw invalid();
  const flags = { parents: parents === true, recursive: recursive === true, isNew: isNew === true, overwrite: overwrite === true };
  const withMode = mode === undefined ? {} : { mode };
  switch (op) {
    case 'read': {
      const { range, ifRange } = sent;
      if (!isOptional(ifRange, isString)) throw invalid();
      return { op, path, ...rangeIn(range), ...(ifRange === undefined ? {} : { ifRange }) };
    }
    case 'write':
      if (!isOptional(ifMatch, isString)) throw invalid();
      return { op, path, ...withMode, parents: flags.parents, isNew: flags.isNew, ...(ifMatch === undefined ? {} : { ifMatch }) };
    case 'list':
      if (!isCount(depth) || depth < 1 || !isCount(limit) || limit < 1 || !isOptional(after, isString)) throw invalid();
      return {
        ...{ op, path },
        depth: Math.min(depth, LIST_BOUNDS.depth),
        limit: Math.min(limit, LIST_BOUNDS.rows),
        ...(after === undefined ? {} : { after }),
      };
    case 'mkdir':
      return { op, path, ...withMode, parents: flags.parents };
    case 'move':
      if (!isPath(to)) throw invalid();
      return { op, path, to, parents: flags.parents, overwrite: flags.overwrite };
    case 'remove':
    case 'watch':
      return { op, path, recursive: flags.recursive };
    case 'chmod':
      if (mode === undefined) throw invalid();
      return { op, path, mode };
    case 'stat':
    case 'pack':
    case 'unpack':
      return { op, path };
    default:
      throw invalid();
  }
}

function rangeIn(value: unknown): { readonly range?: ByteRange } {
  const { start, end, last } = fieldsOf(value);
  if (isCount(last)) return { range: { last } };
  if (!isCount(start)) return {};
  return { range: { start, ...(isCount(end) ? { end } : {}) } };
}

/** The parameters of a stream for a request. As root: only in a workstation. */
export const filesParameters = (request: FilesRequest, asRoot: boolean): unknown =>
  JSON.parse(encodeJson(asRoot ? { ...request, asRoot } : request));

/** Whether the parameters of a stream ask for work as root. */
export function isAsRoot(parametersJson: string): boolean {
  try {
    return fieldsOf(JSON.parse(parametersJson)).asRoot === true;
  } catch {
    return false;
  }
}
