import { type Bytes, bufferOf } from '../../proto/streams/files-paths.ts';
import type { FileFaultCode, FilesHead } from '../../proto/streams/files-stream.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { visibleName } from '../../seams/terminal-text.ts';

/** Why an operation on a file was refused. The message is for people. */
export class FileFault extends Error {
  readonly code: FileFaultCode;
  /** Size of the file whose bytes were asked for in vain. */
  readonly size: number | undefined;

  constructor(code: FileFaultCode, message: string, size?: number) {
    super(message);
    this.code = code;
    this.size = size;
  }
}

const FULL = "The session's disk is full. Remove files, or create the session with a larger disk limit, then retry.";
const NO_RIGHT = "the session's user has no permission. Change its mode (PATCH), or the directory's, then retry.";

/** What each of the kernel's errors means to a caller; `what` is the shown path. */
const MEANINGS: Readonly<Record<string, (what: string) => readonly [FileFaultCode, string]>> = {
  ENOENT: (what) => ['not_found', `There is no ${what}.`],
  ENOTDIR: (what) => ['not_found', `There is no ${what}: a part of the path is not a directory.`],
  EACCES: (what) => ['denied', `Cannot use ${what}: ${NO_RIGHT}`],
  EPERM: (what) => ['denied', `Cannot use ${what}: ${NO_RIGHT}`],
  EROFS: (what) => ['denied', `Cannot change ${what}: it is on a read-only file system. Use /session or /tmp.`],
  EEXIST: (what) => ['conflict', `${what} exists already.`],
  EISDIR: (what) => ['conflict', `${what} is a directory. Send archive=tar for its content, or list=true for its entries.`],
  ENOTEMPTY: (what) => ['conflict', `The directory ${what} is not empty. Send recursive=true to remove it with its content.`],
  EXDEV: (what) => ['conflict', `${what} is on another file system. Copy it there and remove it here.`],
  ELOOP: (what) => ['conflict', `The path ${what} leads through too many links.`],
  EBUSY: (what) => ['conflict', `${what} is in use by the system.`],
  ETXTBSY: (what) => ['conflict', `${what} is a program that runs. Stop it, then retry.`],
  EINVAL: (what) => ['conflict', `The operation does not fit ${what}.`],
  EIO: (what) => ['conflict', `${what} cannot be read as a file.`],
  ENXIO: (what) => ['conflict', `${what} is not a file.`],
  ENAMETOOLONG: (what) => ['invalid', `The path ${what} is too long: Linux takes 255 bytes a name and 4,095 a path.`],
  ENOSPC: () => ['no_space', FULL],
  EDQUOT: () => ['no_space', FULL],
  EFBIG: (what) => ['too_large', `${what} would be larger than its file system takes. Split it into several files.`],
  EMFILE: () => ['busy', 'The session has too many files open. Close some, then retry.'],
  ENFILE: () => ['busy', 'The host has too many files open. Retry in a moment.'],
  ENOMEM: () => ['busy', "The session's memory is full. End programs in it, then retry."],
};

/** Returns the refusal for an error of the kernel; rethrows what is neither. */
export function faultOf(error: unknown, path: Bytes): FileFault {
  if (error instanceof FileFault) return error;
  if (error instanceof StreamError) throw error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const meaning = MEANINGS[code]?.(shown(path));
  if (meaning !== undefined) return new FileFault(...meaning);
  return new FileFault('conflict', `The operation on ${shown(path)} failed: ${code || 'unknown error'}.`);
}

/** Runs an operation on a path, whose errors become refusals. */
export function attempt<Result>(path: Bytes, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw faultOf(error, path);
  }
}

export const headOfFault = ({ code, message, size }: FileFault): FilesHead => ({
  ok: false,
  ...{ code, message },
  ...(size === undefined ? {} : { size }),
});

/** A path as messages show it: on one line, and not too long. */
export function shown(path: Bytes): string {
  const text = visibleName(bufferOf(path).toString());
  return text.length > 300 ? `${text.slice(0, 300).toWellFormed()}…` : text;
}
