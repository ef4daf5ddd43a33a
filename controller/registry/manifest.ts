import { z } from 'zod';
import { isDigest } from '../domain/images/registry-request.ts';

const part = z.object({ digest: z.string().refine(isDigest) });
const image = z.object({ config: part, layers: z.array(part) });
const index = z.object({ manifests: z.array(part) });

/** What clients say that read manifests and indexes, which registries also call lists. */
export const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');

/** Digests of what a manifest names: of other manifests if it is an index, else of config and layers. */
export interface Parts {
  readonly isIndex: boolean;
  readonly digests: readonly string[];
}

/** Reads a manifest. Docker with the image store of containerd pushes an index, with one image or several. @throws if it is none. */
export function partsOf(text: string): Parts {
  const json: unknown = JSON.parse(text);
  const listed = index.safeParse(json);
  const { config, layers } = listed.success ? { config: undefined, layers: listed.data.manifests } : image.parse(json);
  return { isIndex: listed.success, digests: [...new Set([config, ...layers].flatMap((one) => one?.digest ?? []))] };
}
