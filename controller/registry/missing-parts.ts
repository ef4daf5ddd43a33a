import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { MANIFESTS, partsOf } from './manifest.ts';
import type { Upstream } from './upstream.ts';

/** The node that pushed a manifest chose its parts. Images have at most 127 layers. */
const MAX_PARTS = 256;

/**
 * Asks the registry whether it lacks the manifest of an image or one of its parts. @throws if it
 * does not say.
 */
export async function lacks(upstream: Pick<Upstream, 'request' | 'prepare' | 'unauthorized'>, repository: string, digest: string) {
  let left = MAX_PARTS;
  const ask = async (method: string, path: string): Promise<IncomingMessage | undefined> => {
    await upstream.prepare?.(path);
    const asked = upstream.request(method, path, { accept: MANIFESTS });
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      asked.on('error', reject);
      asked.on('response', resolve);
      asked.end();
    });
    const { statusCode = 0 } = answer;
    if (statusCode === 200 && method === 'GET') return answer;
    answer.resume();
    if (statusCode === 404) return undefined;
    if (statusCode === 401) upstream.unauthorized?.(path);
    if (statusCode >= 400) throw new Error(`the registry answers a look for an image with status ${statusCode}`);
    return answer;
  };
  const lacksManifest = async (wanted: string): Promise<boolean> => {
    const answer = await ask('GET', `/v2/${repository}/manifests/${wanted}`);
    if (answer === undefined) return true;
    const { isIndex, digests } = partsOf(await text(answer));
    for (const each of digests) {
      left -= 1;
      if (left < 0) throw new Error(`the manifest of an image names more than ${MAX_PARTS} parts`);
      const isLacking = isIndex ? await lacksManifest(each) : (await ask('HEAD', `/v2/${repository}/blobs/${each}`)) === undefined;
      if (isLacking) return true;
    }
    return false;
  };
  return lacksManifest(digest);
}
