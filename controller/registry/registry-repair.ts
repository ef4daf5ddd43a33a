import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { partsOf } from './manifest.ts';

/** An index names manifests, and they no others: images have one such level. */
const LEVELS = 2;

/**
 * Removes what is damaged of an image from the storage of a stopped or running registry, which
 * never replaces what it has. Returns whether something was damaged or is missing: then the image
 * has to be pushed again.
 */
export async function removeDamaged(directory: string, digest: string, levels = LEVELS): Promise<boolean> {
  const text = await readFile(dataOf(directory, digest), 'utf8').catch(() => '');
  if (await isDamaged(directory, digest)) {
    await rm(dataOf(directory, digest), { force: true });
    return true;
  }
  const { isIndex, digests } = partsOf(text);
  let isAny = false;
  for (const one of digests) {
    if (isIndex) {
      if (levels > 1 && (await removeDamaged(directory, one, levels - 1))) isAny = true;
      continue;
    }
    if (!(await isDamaged(directory, one))) continue;
    isAny = true;
    await rm(dataOf(directory, one), { force: true });
  }
  return isAny;
}

const dataOf = (directory: string, digest: string): string =>
  join(directory, 'storage/docker/registry/v2/blobs/sha256', digest.slice(7, 9), digest.slice(7), 'data');

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function isDamaged(directory: string, digest: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(dataOf(directory, digest)), hash);
  } catch (error) {
    // Another failure, such as too many open files, says nothing about what is stored.
    if (isMissing(error)) return true;
    throw error;
  }
  return `sha256:${hash.digest('hex')}` !== digest;
}
