import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Transfer } from '../../node-agent/engine/driver.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const LAYERS = 4;
const CHUNK_BYTES = 1024 * 1024;

const manifestShape = z.object({ layers: z.array(z.object({ digest: z.string(), size: z.number() })) });
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface TransferDeps {
  /** Size of the image that is pushed. */
  readonly imageBytes: number;
  dial(): Duplex;
  /** An image was pulled: so many bytes of layers were read and dropped. */
  pulled(image: string, bytes: number): void;
}

/** What an engine does in the registry, without keeping anything. Layers are pulled at once, as engines do. */
export function discardingTransfer({ imageBytes, dial, pulled }: TransferDeps): Transfer {
  const ask = (method: string, path: string, headers: Record<string, string | number> = {}, body?: Iterable<Buffer>) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({
        method,
        path,
        headers: { host: 'registry', connection: 'close', ...headers },
        createConnection: () => dial(),
      });
      asked.on('error', reject);
      asked.on('response', (answer) => {
        if ((answer.statusCode ?? 0) < 400) return resolve(answer);
        text(answer).then((reason) => reject(new Error(`${method} ${path}: ${answer.statusCode} ${reason.slice(0, 200)}`)), reject);
      });
      void write(asked, body ?? []).catch(reject);
    });
  const push = async (repository: string, digest: string, size: number, body: Iterable<Buffer>) => {
    const begun = await ask('POST', `/v2/${repository}/blobs/uploads/`);
    begun.resume();
    const { location = '' } = begun.headers;
    const headers = { 'content-type': 'application/octet-stream', 'content-length': size };
    (await ask('PUT', `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, headers, body)).resume();
  };
  return {
    async push({ repository, tag }) {
      const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }));
      const size = Math.floor(imageBytes / LAYERS);
      const layers = Array.from({ length: LAYERS }, () => layerOf(size));
      await push(repository, digestOf(config), config.byteLength, [config]);
      for (const { digest, chunks } of layers) await push(repository, digest, size, chunks());
      const body = Buffer.from(
        JSON.stringify({
          ...{ schemaVersion: 2, mediaType: MANIFEST },
          config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.byteLength, digest: digestOf(config) },
          layers: layers.map(({ digest }) => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', size, digest })),
        }),
      );
      const headers = { 'content-type': MANIFEST, 'content-length': body.byteLength };
      (await ask('PUT', `/v2/${repository}/manifests/${tag}`, headers, [body])).resume();
      return { ok: true };
    },
    async pull({ image, repository, digest }) {
      const answer = await ask('GET', `/v2/${repository}/manifests/${digest}`, { accept: MANIFEST });
      const { layers } = manifestShape.parse(JSON.parse(await text(answer)));
      const read = await Promise.all(
        layers.map(async (layer) => {
          let bytes = 0;
          for await (const chunk of await ask('GET', `/v2/${repository}/blobs/${layer.digest}`)) bytes += chunk.length;
          if (bytes !== layer.size) throw new Error(`a layer of ${layer.size} bytes arrived with ${bytes}`);
          return bytes;
        }),
      );
      pulled(
        image,
        read.reduce((sum, bytes) => sum + bytes, 0),
      );
      return { ok: true };
    },
  };
}

async function write(stream: NodeJS.WritableStream, chunks: Iterable<Buffer>): Promise<void> {
  for (const chunk of chunks) if (!stream.write(chunk)) await new Promise<void>((resolve) => stream.once('drain', () => resolve()));
  stream.end();
}

/** Bytes that no registry has, without keeping them. */
function layerOf(size: number) {
  const pattern = randomBytes(CHUNK_BYTES);
  function* chunks(): Generator<Buffer> {
    for (let left = size; left > 0; left -= CHUNK_BYTES) yield left < CHUNK_BYTES ? pattern.subarray(0, left) : pattern;
  }
  const hash = createHash('sha256');
  for (const chunk of chunks()) hash.update(chunk);
  return { digest: `sha256:${hash.digest('hex')}`, chunks };
}
