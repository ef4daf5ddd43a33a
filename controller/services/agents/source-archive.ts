import { createHash } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import tar from 'tar-stream';
import type { DiskFile } from '../../../seams/disk.ts';
import { MAX_READ_BYTES, READ_FILES } from '../../domain/agents/manifest.ts';
import { type SourceEntry, SourceTree } from '../../domain/agents/source-tree.ts';
import { type Refusal, refused } from '../../domain/engine/outcome.ts';
import type { SourceClaim } from './source-store.ts';

export interface SourceLimits {
  readonly maxPackedBytes: number;
  readonly maxUnpackedBytes: number;
  /** Files, directories and links. */
  readonly maxFiles: number;
}

/** Carries a refusal through the streams; source-check.ts turns it back into a value. */
export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** The body ended early. Nobody is left to read a refusal. */
export class CutOff extends Error {
  constructor(cause: unknown) {
    super('the upload ended early', { cause });
  }
}

export interface ReadArchive {
  readonly entries: readonly SourceEntry[];
  readonly texts: ReadonlyMap<string, string>;
}

/** Does not affect what comes out, nor does the next one. */
const UNPACKED_AT_ONCE_BYTES = 64 * 1024;
/**
 * About 0.4 ms of a core. Even at the lowest priority, a step is often finished before a request is
 * answered on the same core.
 */
const PACKED_AT_ONCE_BYTES = 16 * 1024;

/** No real source compresses better than this beyond its first 32 MiB. */
const MAX_RATIO = 200;
const RATIO_COUNTS_FROM_BYTES = 32 * 1024 * 1024;

/**
 * Reads a gzipped tar and writes the contents of its files one after another into `spool`. Stops at
 * the first entry that is refused (throws Refused), at an early end (throws CutOff), or on a
 * malformed archive (rethrows the error of gunzip or tar), and destroys `body`.
 */
export async function readArchive(
  body: Readable,
  spool: DiskFile,
  limits: SourceLimits,
  claim: Pick<SourceClaim, 'packed'>,
): Promise<ReadArchive> {
  let packedBytes = 0;
  let unpackedBytes = 0;
  const packed = metered((bytes) => {
    packedBytes += bytes;
    if (packedBytes > limits.maxPackedBytes) return tooLarge('packed', limits.maxPackedBytes);
    const claimed = claim.packed(bytes);
    return claimed.ok ? undefined : claimed.refusal;
  });
  const unpacked = metered((bytes) => {
    unpackedBytes += bytes;
    if (unpackedBytes > limits.maxUnpackedBytes) return tooLarge('unpacked', limits.maxUnpackedBytes);
    return unpackedBytes > RATIO_COUNTS_FROM_BYTES && unpackedBytes > packedBytes * MAX_RATIO ? bomb() : undefined;
  });
  const extract = tar.extract();
  const reading = pipeline(bytesOf(body), packed, createGunzip({ chunkSize: UNPACKED_AT_ONCE_BYTES }), unpacked, extract);
  reading.catch(() => undefined);
  try {
    const read = await collect(extract, spool, limits);
    await reading;
    return read;
  } catch (fault) {
    extract.destroy();
    // The first stream error is the cause; the entry reader only sees its consequence.
    await reading.catch((first: unknown) => {
      if (!(fault instanceof Refused) && first instanceof Refused) throw first;
    });
    throw fault;
  }
}

async function* bytesOf(body: Readable): AsyncGenerator<unknown> {
  try {
    yield* body;
  } catch (fault) {
    throw new CutOff(fault);
  }
}

async function collect(extract: tar.Extract, spool: DiskFile, limits: SourceLimits): Promise<ReadArchive> {
  const tree = new SourceTree();
  const texts = new Map<string, string>();
  let position = 0;
  for await (const item of extract) {
    const { name, type, mode, size, linkname } = item.header;
    const header = { name, type: type ?? 'entry of an unknown kind', mode: mode ?? 0, sizeBytes: size ?? 0, target: linkname ?? undefined };
    const added = tree.add(header, position);
    if (!added.ok) throw new Refused(added.refusal);
    if (tree.size > limits.maxFiles) throw new Refused(tooLarge('number of files', limits.maxFiles));
    if (tree.fileBytes > limits.maxUnpackedBytes) throw new Refused(tooLarge('unpacked', limits.maxUnpackedBytes));
    if (header.type !== 'file' && header.type !== 'contiguous-file') {
      item.resume();
      continue;
    }
    const path = added.value?.path ?? '';
    const wanted = READ_FILES.includes(path) && header.sizeBytes <= MAX_READ_BYTES;
    const kept: Uint8Array[] = [];
    for await (const chunk of item) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('tar-stream returned a chunk that is not bytes');
      await spool.write(position, chunk);
      position += chunk.byteLength;
      if (wanted) kept.push(chunk);
    }
    if (wanted) texts.set(path, Buffer.concat(kept).toString('utf8'));
  }
  const entries = tree.finish();
  if (!entries.ok) throw new Refused(entries.refusal);
  return { entries: entries.value, texts };
}

/** Fails the stream with the first refusal that `judge` returns for the bytes so far. */
function metered(judge: (bytes: number) => Refusal | undefined): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const refusal = judge(chunk.byteLength);
      if (refusal === undefined) done(null, chunk);
      else done(new Refused(refusal));
    },
  });
}

/** Of a file to pack. Little, since text packs to a fraction of it in one step. */
const READ_AT_ONCE_BYTES = 64 * 1024;
const NOBODY = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };

/**
 * Packs entries whose contents are in `spool` into `packed`, reproducibly. Returns the digest and
 * length of the file, which is not synced to disk yet.
 */
export async function writeArchive(
  entries: readonly SourceEntry[],
  spool: DiskFile,
  packed: DiskFile,
  maxUnpackedBytes: number,
): Promise<{ digest: string; sizeBytes: number }> {
  const pack = tar.pack();
  const hash = createHash('sha256');
  let unpackedBytes = 0;
  let sizeBytes = 0;
  const bounded = metered((bytes) => {
    unpackedBytes += bytes;
    return unpackedBytes > maxUnpackedBytes ? tooLarge('unpacked', maxUnpackedBytes) : undefined;
  });
  const writing = pipeline(pack, bounded, createGzip({ chunkSize: PACKED_AT_ONCE_BYTES }), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      hash.update(chunk);
      await packed.write(sizeBytes, chunk);
      sizeBytes += chunk.byteLength;
    }
  });
  // After a stream error, nothing would read the remaining entries.
  await Promise.all([writing, Promise.race([fill(pack, entries, spool), writing])]).catch((fault: unknown) => {
    pack.destroy();
    throw fault;
  });
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

async function fill(pack: tar.Pack, entries: readonly SourceEntry[], spool: DiskFile): Promise<void> {
  for (const entry of entries) {
    const { path: name } = entry;
    if (entry.kind === 'directory') await whole(pack, { ...NOBODY, name, type: 'directory', mode: 0o755 });
    else if (entry.kind === 'symlink') await whole(pack, { ...NOBODY, name, type: 'symlink', linkname: entry.target, mode: 0o777 });
    else await file(pack, entry, spool);
  }
  pack.finalize();
}

async function file(pack: tar.Pack, entry: SourceEntry & { kind: 'file' }, spool: DiskFile): Promise<void> {
  const { path: name, sizeBytes: size, position } = entry;
  const header = { ...NOBODY, name, size, mode: entry.executable ? 0o755 : 0o644 };
  if (size <= READ_AT_ONCE_BYTES) return whole(pack, header, Buffer.from(await spool.read(position, size)));
  await pipeline(slices(spool, position, position + size), pack.entry(header));
}

async function* slices(spool: DiskFile, from: number, to: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to; at += READ_AT_ONCE_BYTES) yield spool.read(at, Math.min(READ_AT_ONCE_BYTES, to - at));
}

function whole(pack: tar.Pack, header: Partial<tar.Header> & Pick<tar.Header, 'name'>, content: Buffer = Buffer.alloc(0)): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry(header, content, (fault) => (fault ? reject(fault) : resolve()));
  });
}

function tooLarge(what: string, most: number): Refusal {
  const bound = most >= 1024 * 1024 && most % (1024 * 1024) === 0 ? `${most / (1024 * 1024)} MiB` : `${most}`;
  return refused('PAYLOAD_TOO_LARGE', `The archive is too large (${what}): at most ${bound}.`, { what, most }).refusal;
}

function bomb(): Refusal {
  return refused('PAYLOAD_TOO_LARGE', `The archive unpacks to more than ${MAX_RATIO} times its size.`, { what: 'ratio', most: MAX_RATIO })
    .refusal;
}
