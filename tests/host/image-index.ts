import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { buffer, json } from 'node:stream/consumers';
import { z } from 'zod';
import type { Upstream } from '../../controller/registry/upstream.ts';

const IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const manifestShape = z.looseObject({ config: z.looseObject({ digest: z.string() }) });
const configShape = z.looseObject({ architecture: z.string() });
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * Gives an image in a registry a second one for the other architecture, which differs in that only.
 * Returns digests: of an index of both, and of one of the other alone.
 */
export async function pushIndexes(registry: Pick<Upstream, 'request'>, repository: string, digest: string) {
  const ask = async (method: string, path: string, headers: OutgoingHttpHeaders, body?: Buffer): Promise<IncomingMessage> => {
    const asked = registry.request(method, path, {
      ...headers,
      ...(body === undefined ? {} : { 'content-length': body.byteLength }),
    } as never);
    asked.end(body);
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    if (answer === undefined || (answer.statusCode ?? 500) >= 300) throw new Error(`${method} ${path}: ${answer?.statusCode}`);
    return answer;
  };
  const read = async (path: string) => json(await ask('GET', path, { accept: IMAGE }));
  const put = async (type: string, value: unknown) => {
    const body = Buffer.from(JSON.stringify(value));
    (await ask('PUT', `/v2/${repository}/manifests/${digestOf(body)}`, { 'content-type': type }, body)).resume();
    return { mediaType: type, size: body.byteLength, digest: digestOf(body) };
  };
  const first = await ask('GET', `/v2/${repository}/manifests/${digest}`, { accept: IMAGE });
  const text = await buffer(first);
  const manifest = manifestShape.parse(JSON.parse(text.toString()));
  const config = configShape.parse(await read(`/v2/${repository}/blobs/${manifest.config.digest}`));
  const architecture = config.architecture === 'amd64' ? 'arm64' : 'amd64';
  const bytes = Buffer.from(JSON.stringify({ ...config, architecture }));
  const begun = await ask('POST', `/v2/${repository}/blobs/uploads/`, {});
  begun.resume();
  const { location = '' } = begun.headers;
  const upload = `${location}${location.includes('?') ? '&' : '?'}digest=${digestOf(bytes)}`;
  (await ask('PUT', upload, { 'content-type': 'application/octet-stream' }, bytes)).resume();
  const other = await put(IMAGE, { ...manifest, config: { ...manifest.config, size: bytes.byteLength, digest: digestOf(bytes) } });
  const listed = { ...other, platform: { os: 'linux', architecture } };
  const own = { mediaType: IMAGE, size: text.byteLength, digest, platform: { os: 'linux', architecture: config.architecture } };
  const index = (manifests: readonly unknown[]) => put(LIST, { schemaVersion: 2, mediaType: LIST, manifests });
  return { both: (await index([listed, own])).digest, other: (await index([listed])).digest };
}
