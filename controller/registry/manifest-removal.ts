import type { Upstream } from './upstream.ts';

/** What registries answer that keep every manifest, or allow their removal only to others. */
const REFUSALS: ReadonlySet<number | undefined> = new Set([400, 401, 403, 405]);

/** Removes a manifest with all its tags. Its layers stay until they are collected. */
export function removeManifest(upstream: Pick<Upstream, 'request'>, repository: string, digest: string): Promise<'removed' | 'refused'> {
  const asked = upstream.request('DELETE', `/v2/${repository}/manifests/${digest}`, {});
  return new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (answer) => {
      answer.resume();
      const { statusCode } = answer;
      if (statusCode === 202 || statusCode === 200 || statusCode === 404) resolve('removed');
      else if (REFUSALS.has(statusCode)) resolve('refused');
      else reject(new Error(`the registry answers the removal of a manifest with status ${statusCode}`));
    });
    asked.end();
  });
}
