import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createGzip } from 'node:zlib';
import type { Pack } from 'tar-stream';
import { ignoreRules, type Verdict } from './ignore.ts';
import { Trouble } from './io.ts';

/** The server's limits. */
const MAX_PACKED_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
/** The same files always give the same bytes, regardless of who packs them and when. */
const NOBODY = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };

export interface Packed {
  readonly bytes: Uint8Array;
  readonly files: number;
  /**
   * Names of files and directories left out by default, without a .raworcignore; each once, sorted.
   */
  readonly leftOut: readonly string[];
}

/**
 * Packs a directory as a gzipped tar, without ignored files (ignore.ts), with sorted relative
 * paths. `included` are patterns of files to upload all the same.
 */
export async function packDirectory(directory: string, included: readonly string[] = []): Promise<Packed> {
  const rules = await readFile(join(directory, '.raworcignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new Trouble(`Cannot read .raworcignore: ${error.message}`);
  });
  const leftOut = new Set<string>();
  const entries = await listed(directory, {
    verdictOn: ignoreRules([rules, ...included.map((pattern) => `!${pattern}`)].join('\n')),
    leftOut,
  });
  // Loaded for uploads only.
  const { default: tar } = await import('tar-stream');
  const pack = tar.pack();
  const zipped = collected(pack);
  zipped.catch(() => undefined);
  let files = 0;
  let unpackedBytes = 0;
  for (const { path, kind, executable } of entries) {
    if (kind === 'directory') pack.entry({ ...NOBODY, name: path, type: 'directory', mode: 0o755 });
    else if (kind === 'symlink') {
      pack.entry({ ...NOBODY, name: path, type: 'symlink', linkname: await readlink(join(directory, path)), mode: 0o777 });
    } else {
      const content = await readFile(join(directory, path)).catch((error: Error) => {
        throw new Trouble(`Cannot read ${path}: ${error.message}`);
      });
      files += 1;
      unpackedBytes += content.byteLength;
      if (unpackedBytes > MAX_UNPACKED_BYTES) throw tooLarge(`${MAX_UNPACKED_BYTES / 1024 / 1024} MiB`);
      pack.entry({ ...NOBODY, name: path, mode: executable ? 0o755 : 0o644 }, content);
    }
  }
  pack.finalize();
  const bytes = await zipped;
  if (bytes.byteLength > MAX_PACKED_BYTES) throw tooLarge(`${MAX_PACKED_BYTES / 1024 / 1024} MiB when packed`);
  return { bytes, files, leftOut: [...leftOut].sort() };
}

const tooLarge = (bound: string) =>
  new Trouble(`The directory is larger than ${bound}. Exclude files that the agent does not need with a .raworcignore`);

async function collected(pack: Pack): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  const gzip = createGzip();
  pack.on('error', (error) => gzip.destroy(error)).pipe(gzip);
  for await (const chunk of gzip) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Entry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly executable: boolean;
}

interface Sorting {
  readonly verdictOn: (path: string, isDirectory: boolean) => Verdict;
  readonly leftOut: Set<string>;
}

async function listed(root: string, sorting: Sorting, below = ''): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of (await readdir(join(root, below))).sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    const stat = await lstat(join(root, path));
    const verdict = sorting.verdictOn(path, stat.isDirectory());
    if (verdict === 'usual' || (verdict === undefined && stat.isDirectory() && (await isMachinesOwn(join(root, path))))) {
      sorting.leftOut.add(basename(path));
      continue;
    }
    if (verdict === 'named') continue;
    if (stat.isDirectory()) entries.push({ path, kind: 'directory', executable: false }, ...(await listed(root, sorting, path)));
    else if (stat.isSymbolicLink()) entries.push({ path, kind: 'symlink', executable: false });
    else if (stat.isFile()) entries.push({ path, kind: 'file', executable: (stat.mode & 0o100) !== 0 });
    else throw new Trouble(`${path} is not a file, directory or link. Remove it or exclude it with a .raworcignore`);
  }
  return entries;
}

/** In a virtual environment, whose links lead to this machine's Python, and in what cargo builds. */
const MARKS = ['pyvenv.cfg', '.rustc_info.json'];

/** Returns whether a directory holds what a build makes again, for its own machine. */
async function isMachinesOwn(path: string): Promise<boolean> {
  for (const mark of MARKS) {
    const found = await lstat(join(path, mark)).catch(() => undefined);
    if (found?.isFile() === true) return true;
  }
  return false;
}
