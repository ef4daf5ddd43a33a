/**
 * The backup file: a tar with a manifest first, then the files of a controller's directory, each
 * with its hash.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { z } from 'zod';
import { sync } from '../../seams/sync.ts';

const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
/** Names of files in a controller's directory. A restore writes no others. */
const NAME = /^(raworc\.db|cluster-id|epoch|admin-password|keys(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)+|sources\/[A-Za-z0-9_][A-Za-z0-9_.-]*)$/;

const manifestShape = z.object({
  format: z.literal(1),
  made_at: z.string(),
  cluster_id: z.string(),
  epoch: z.int(),
  version: z.string(),
  sessions: z.int(),
  files: z.array(z.object({ name: z.string().regex(NAME), size: z.int(), sha256: z.string() })),
});
export type Manifest = z.infer<typeof manifestShape>;

/** `path` is the file's current location. */
export interface ArchivedFile {
  readonly name: string;
  readonly path: string;
}

/** Writes the archive with mode 0600 and resolves once it is durable. */
export async function writeArchive(path: string, about: Omit<Manifest, 'format' | 'files'>, files: readonly ArchivedFile[]): Promise<void> {
  const listed = [];
  for (const { name, path: from } of files) listed.push({ name, size: (await stat(from)).size, sha256: await hashOf(from) });
  const pack = tar.pack();
  const written = pipeline(pack, createWriteStream(path, { mode: 0o600, flags: 'wx' }));
  written.catch(() => undefined);
  const manifest: Manifest = { format: 1, ...about, files: listed };
  pack.entry({ name: MANIFEST, mode: 0o600 }, `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [at, { name, size }] of listed.entries()) {
    const from = files[at]?.path;
    if (from !== undefined) await pipeline(createReadStream(from), pack.entry({ name, size, mode: 0o600 }));
  }
  pack.finalize();
  await written;
  await sync(path);
}

/**
 * Unpacks an archive into an empty directory and resolves once all of it is durable. Throws if any
 * part differs from the manifest.
 */
export async function readArchive(path: string, directory: string): Promise<Manifest> {
  const found = new Map<string, { size: number; sha256: string }>();
  let manifest: Manifest | undefined;
  const extract = tar.extract();
  const read = pipeline(createReadStream(path), extract);
  read.catch(() => undefined);
  for await (const entry of extract) {
    const { name, type = 'file', size = 0 } = entry.header;
    if (manifest === undefined) {
      if (name !== MANIFEST || size > MAX_MANIFEST_BYTES) throw new Error(`${path} is not a backup of a Raworc controller`);
      manifest = manifestShape.parse(JSON.parse((await buffer(entry)).toString('utf8')));
      continue;
    }
    if (type !== 'file' || !NAME.test(name) || found.has(name))
      throw new Error(`${path} contains a file that does not belong in a backup: ${name}`);
    const to = join(directory, name);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(entry, hashing, createWriteStream(to, { mode: 0o600, flags: 'wx' }));
    await sync(to);
    await sync(dirname(to));
    found.set(name, { size, sha256: hash.digest('hex') });
  }
  await read;
  if (manifest === undefined) throw new Error(`${path} is empty`);
  for (const { name, size, sha256 } of manifest.files) {
    const is = found.get(name);
    if (is?.size !== size || is.sha256 !== sha256) throw new Error(`${path} is damaged: ${name} differs from its manifest`);
  }
  if (found.size !== manifest.files.length) throw new Error(`${path} is damaged: it lacks files that its manifest names`);
  return manifest;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
