/** A request to the registry, as far as rights depend on it. */
export type RegistryRequest =
  | { readonly kind: 'ping' }
  | { readonly kind: 'read'; readonly object: 'manifest' | 'blob'; readonly repository: string; readonly reference: string }
  /** Asks whether something exists, also before it is pushed. */
  | { readonly kind: 'probe'; readonly object: 'manifest' | 'blob'; readonly repository: string; readonly reference: string }
  /** With a digest for a tag, a part of an index, which is pushed later. */
  | { readonly kind: 'put-manifest'; readonly repository: string; readonly tag: string }
  /** Begins or continues the upload of a blob. `mountFrom`: the repository that it is in already. */
  | { readonly kind: 'upload'; readonly repository: string; readonly mountFrom?: string };

const REPOSITORY = '[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^/v2/(${REPOSITORY})/(manifests|blobs)/(.*)$`);
const REFERENCE = /^(?:[\w][\w.-]{0,127}|sha256:[0-9a-f]{64})$/;
const UPLOAD = /^uploads\/(?:[\w=-]{1,256})?$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_URL = 4096;

export const isDigest = (text: string): boolean => DIGEST.test(text);

/**
 * Returns what a request asks of the registry, or undefined for anything that pulls and pushes do
 * not need: deletions, catalogs, lists of tags, encoded paths.
 */
export function registryRequest(method: string, url: string): RegistryRequest | undefined {
  if (url.length > MAX_URL) return undefined;
  const [path = '', query = ''] = url.split(/\?(.*)/s);
  if (path === '/v2/' || path === '/v2') return method === 'GET' || method === 'HEAD' ? { kind: 'ping' } : undefined;
  const [, repository, collection, reference = ''] = PATH.exec(path) ?? [];
  if (repository === undefined) return undefined;
  if (collection === 'blobs' && UPLOAD.test(reference)) return uploadOf(method, repository, reference, query);
  if (!REFERENCE.test(reference)) return undefined;
  if (collection === 'manifests') {
    if (method === 'GET') return { kind: 'read', object: 'manifest', repository, reference };
    if (method === 'HEAD') return { kind: 'probe', object: 'manifest', repository, reference };
    // Servers take tags from the query of a push by digest: the rights are those of its path alone.
    return method === 'PUT' && query === '' ? { kind: 'put-manifest', repository, tag: reference } : undefined;
  }
  if (method === 'HEAD') return { kind: 'probe', object: 'blob', repository, reference };
  return method === 'GET' ? { kind: 'read', object: 'blob', repository, reference } : undefined;
}

function uploadOf(method: string, repository: string, reference: string, query: string): RegistryRequest | undefined {
  const begins = reference === 'uploads/';
  if (begins ? method !== 'POST' : !['GET', 'PATCH', 'PUT', 'DELETE'].includes(method)) return undefined;
  const [mountFrom = null, ...others] = begins ? new URLSearchParams(query).getAll('from') : [];
  // Servers differ in which of two they take, and some take ";" for "&".
  if (others.length > 0 || (begins && query.includes(';'))) return undefined;
  return { kind: 'upload', repository, ...(mountFrom === null ? {} : { mountFrom }) };
}
