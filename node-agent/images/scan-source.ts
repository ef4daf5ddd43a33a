import { createHash } from 'node:crypto';
import { isDependencyFile, MAX_DEPENDENCY_BYTES, MAX_DEPENDENCY_FILE_BYTES } from '../domain/dependencies.ts';
import type { SourceFile, SourceFiles } from '../domain/installs/planned.ts';
import { readSource } from './read-source.ts';

/** Read first of all, so other texts leave them their room. */
const ROOT_FILES: ReadonlySet<string> = new Set(['package.json', 'pyproject.toml', 'requirements.txt', 'raworc.json', 'Dockerfile']);

/** Returns the files of an agent's source by path. */
export async function scanSource(agent: string, digest: string, packed: AsyncIterable<Uint8Array>): Promise<SourceFiles> {
  const files = new Map<string, SourceFile>();
  let left = MAX_DEPENDENCY_BYTES;
  await readSource(agent, digest, packed, async (part) => {
    if (part.kind === 'directory') return;
    const hash = createHash('sha256');
    if (part.kind === 'link') {
      files.set(part.path, { sha256: hash.update(`link to ${part.target}`).digest('hex') });
      return;
    }
    hash.update(`${part.mode}\0`);
    const isAtRoot = ROOT_FILES.has(part.path);
    const isRead = isDependencyFile(part.path) && part.sizeBytes <= MAX_DEPENDENCY_FILE_BYTES && (isAtRoot || part.sizeBytes <= left);
    if (isRead && !isAtRoot) left -= part.sizeBytes;
    const kept: Buffer[] = [];
    for await (const chunk of part.content) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('a file of the archive is not read as bytes');
      hash.update(chunk);
      if (isRead) kept.push(chunk);
    }
    const text = isRead ? Buffer.concat(kept).toString('utf8') : undefined;
    files.set(part.path, { sha256: hash.digest('hex'), text });
  });
  return files;
}
