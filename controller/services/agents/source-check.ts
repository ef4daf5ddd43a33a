import type { Readable } from 'node:stream';
import type { Disk, DiskFile } from '../../../seams/disk.ts';
import { type Manifest, readManifest } from '../../domain/agents/manifest.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { CutOff, Refused, readArchive, type SourceLimits, writeArchive } from './source-archive.ts';
import type { SourceClaim } from './source-store.ts';

export const SOURCE_LIMITS: SourceLimits = {
  maxPackedBytes: 64 * 1024 * 1024,
  maxUnpackedBytes: 512 * 1024 * 1024,
  maxFiles: 20_000,
};

export interface SourcePaths {
  readonly spoolPath: string;
  readonly packedPath: string;
}

export interface CheckedArchive {
  /** "sha256:…" of the packed file. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly files: number;
  readonly manifest: Manifest;
}

/**
 * Checks an uploaded tar.gz and writes it to `packedPath` in normal form: sorted, owned by root,
 * without times, modes 0644 and 0755. Streams through `spoolPath` instead of memory. Removes both
 * files on refusals and errors. 422 for a malformed archive or a forbidden entry, 413 for one that
 * is too large.
 */
export async function checkSource(
  body: Readable,
  disk: Disk,
  { spoolPath, packedPath }: SourcePaths,
  limits: SourceLimits = SOURCE_LIMITS,
  claim: SourceClaim = NO_CLAIM,
): Promise<Outcome<CheckedArchive>> {
  let kept = false;
  // The stream can fail before its reader attaches, who then sees the error.
  body.on('error', () => undefined);
  try {
    const checked = await check(body, disk, spoolPath, packedPath, limits, claim);
    kept = checked.ok;
    return checked;
  } catch (fault) {
    if (fault instanceof Refused) return { ok: false, refusal: fault.refusal };
    if (fault instanceof CutOff) throw fault.cause;
    if (!isBroken(fault)) throw fault;
    return refused('UNPROCESSABLE_ENTITY', 'The body is not a complete gzipped tar.');
  } finally {
    body.destroy();
    await disk.remove(spoolPath);
    if (!kept) await disk.remove(packedPath);
  }
}

async function check(
  body: Readable,
  disk: Disk,
  spoolPath: string,
  packedPath: string,
  limits: SourceLimits,
  claim: SourceClaim,
): Promise<Outcome<CheckedArchive>> {
  const spool = claimed(await disk.open(spoolPath), claim);
  try {
    const { entries, texts } = await readArchive(body, spool, limits, claim);
    const files = entries.filter(({ kind }) => kind !== 'directory');
    const manifest = readManifest({ paths: new Set(files.map(({ path }) => path)), text: (path) => texts.get(path) });
    if (!manifest.ok) return manifest;
    const packed = claimed(await disk.open(packedPath), claim);
    try {
      const written = await writeArchive(entries, spool, packed, limits.maxUnpackedBytes);
      return accepted({ ...written, files: files.length, manifest: manifest.value });
    } finally {
      await packed.close();
    }
  } finally {
    await spool.close();
  }
}

const NO_CLAIM: SourceClaim = { packed: () => accepted(undefined), spooled: () => accepted(undefined) };

/** Wraps a file so that each write is claimed first. */
function claimed(file: DiskFile, claim: SourceClaim): DiskFile {
  const claiming = async (bytes: Uint8Array, write: () => Promise<void>): Promise<void> => {
    const outcome = await claim.spooled(bytes.byteLength);
    if (!outcome.ok) throw new Refused(outcome.refusal);
    await write();
  };
  return {
    size: () => file.size(),
    allocate: (length) => file.allocate(length),
    read: (position, length) => file.read(position, length),
    write: (position, bytes) => claiming(bytes, () => file.write(position, bytes)),
    writeDurably: (position, bytes) => claiming(bytes, () => file.writeDurably(position, bytes)),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

/**
 * Returns whether the bytes are malformed for gunzip (codes Z_…) or tar (plain errors without a
 * code).
 */
function isBroken(fault: unknown): boolean {
  if (!(fault instanceof Error)) return false;
  if (!('code' in fault)) return fault.constructor === Error;
  return typeof fault.code === 'string' && (fault.code.startsWith('Z_') || fault.code === 'ERR_BUFFER_TOO_LARGE');
}
