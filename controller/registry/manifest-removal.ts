import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { MANIFESTS, partsOf } from './manifest.ts';
import type { Upstream } from './upstream.ts';

/** What registries answer that keep every manifest, or allow their removal only to others. */
const REFUSALS: ReadonlySet<number | undefined> = new Set([400, 401, 403, 405]);
const MAX_MANIFESTS = 32;

/** Returns whether a manifest of the repository is that of another image. */
export type IsKept = (digest: string) => boolean;

type Asked = Pick<Upstream, 'request'>;

/**
 * Removes a manifest with all its tags, and those that it names, which a node chose: not those that
 * are kept. If another index names one of these too, the next pull of that finds it missing, and a
 * node pushes it again. Layers stay until they are collected.
 */
export async function removeManifest(
  upstream: Asked,
  repository: string,
  digest: string,
  isKept: IsKept = () => false,
): Promise<'removed' | 'refused'> {
  const listed = await manifestsIn(upstream, repository, digest);
  const outcome = await remove(upstream, repository, digest);
  if (outcome === 'removed') for (const one of listed) if (!isKept(one)) await remove(upstream, repository, one);
  return outcome;
}

async function remove(upstream: Asked, repository: string, digest: string): Promise<'removed' | 'refused'> {
  const answer = await ask(upstream, 'DELETE', `/v2/${repository}/manifests/${digest}`);
  answer.resume();
  const { statusCode } = answer;
  if (statusCode === 202 || statusCode === 200 || statusCode === 404) return 'removed';
  if (REFUSALS.has(statusCode)) return 'refused';
  throw new Error(`the registry answers the removal of a manifest with status ${statusCode}`);
}

/** Returns the manifests that an index names; none if it is none, or is gone. */
async function manifestsIn(upstream: Asked, repository: string, digest: string): Promise<readonly string[]> {
  const answer = await ask(upstream, 'GET', `/v2/${repository}/manifests/${digest}`);
  if (answer.statusCode !== 200) {
    answer.resume();
    return [];
  }
  const body = await text(answer);
  try {
    const { isIndex, digests } = partsOf(body);
    return isIndex ? digests.slice(0, MAX_MANIFESTS) : [];
  } catch {
    // A node can push anything as a manifest: it is removed as it is.
    return [];
  }
}

function ask(upstream: Asked, method: string, path: string): Promise<IncomingMessage> {
  const asked = upstream.request(method, path, { accept: MANIFESTS });
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', resolve);
    asked.end();
  });
}
