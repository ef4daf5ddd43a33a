import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { z } from 'zod';
import { reasonOf } from '../trouble.ts';
import { dockerfile, finishScript, installScript } from './recipe.ts';
import type { TrustedCertificates } from './trust.ts';

export interface RegistryWay {
  readonly docker: Docker;
  readonly baseImage: string;
  readonly tag: string;
  readonly trust: TrustedCertificates;
  /** How long the registry may take to answer whether it has the image. */
  readonly limitMs: number;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Builds the session image from a public base image, which is pulled and named by its digest. Answers why not, in a few words, when the registry does not answer in
 * time, does not have it, or the build fails.
 */
export async function buildFromRegistry(way: RegistryWay): Promise<string | undefined> {
  const { docker, baseImage, progress } = way;
  try {
    let pinned = await localName(docker, baseImage);
    if (pinned === undefined) {
      progress(`asking the registry for ${baseImage}`);
      const digest = await digestOf(way);
      if (digest === undefined) return `no registry answered within ${way.limitMs / 1000} s`;
      pinned = byDigest(baseImage, digest);
      progress(`pulling ${pinned}`);
      await follow(docker, await docker.pull(pinned, { abortSignal: way.signal }), progress);
    }
    const stream = await docker.buildImage(context(way, pinned), {
      t: way.tag,
      // Packages are installed from behind Docker's own network: what a build runs does not reach this machine's loopback.
      networkmode: process.env.RAWORC_IMAGE_BUILD_NETWORK || 'default',
      rm: true,
      forcerm: true,
      buildargs: proxySettings(),
      abortSignal: way.signal,
    });
    await follow(docker, stream, progress);
    return undefined;
  } catch (error) {
    way.signal.throwIfAborted();
    const [why = ''] = reasonOf(error).split('\n');
    return /no such host|connection refused|timeout|unreachable/i.test(why) ? 'no registry can be reached' : why;
  }
}

/** What to call an image that is on this machine, by its digest if it came from a registry. Undefined: it is not here. */
async function localName(docker: Docker, image: string): Promise<string | undefined> {
  return docker
    .getImage(image)
    .inspect()
    .then(
      ({ RepoDigests }) => RepoDigests?.[0] ?? image,
      () => undefined,
    );
}

/** The name of an image with its digest in place of its tag: a tag can name something else a moment later. */
export function byDigest(image: string, digest: string): string {
  if (image.includes('@')) return image;
  const colon = image.lastIndexOf(':');
  return `${colon > image.lastIndexOf('/') ? image.slice(0, colon) : image}@${digest}`;
}

/** Undefined when the time was up; throws what the registry said when it refused. */
async function digestOf(way: RegistryWay): Promise<string | undefined> {
  const limit = AbortSignal.timeout(way.limitMs);
  try {
    return await manifest(way.docker, way.baseImage, AbortSignal.any([limit, way.signal]));
  } catch (error) {
    if (limit.aborted) return undefined;
    throw error;
  }
}

/** Docker asks the registry for the manifest, and answers its digest. (dockerode's own `distribution` cannot be given up.) */
function manifest(docker: Docker, image: string, abortSignal: AbortSignal): Promise<string> {
  const call = {
    path: `/distribution/${image}/json`,
    method: 'GET',
    statusCodes: { 200: true, 401: 'unauthorized', 403: 'forbidden', 404: 'no such image', 500: 'server error' },
    abortSignal,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(call, (error: Error | null, answer: unknown) => {
      if (error !== null) return reject(error);
      const known = distribution.safeParse(answer);
      if (known.success) resolve(known.data.Descriptor.digest);
      else reject(new Error(`the registry gave no digest of ${image}`));
    });
  });
}

const distribution = z.object({ Descriptor: z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }) });

function context(way: RegistryWay, baseImage: string): Readable {
  const pack = tar.pack();
  pack.entry({ name: 'Dockerfile' }, dockerfile(baseImage));
  pack.entry({ name: 'raworc-setup/install.sh' }, installScript);
  pack.entry({ name: 'raworc-setup/finish.sh' }, finishScript);
  for (const [index, certificate] of way.trust.certificates.entries()) {
    pack.entry({ name: `raworc-setup/trust/raworc-${index}.crt` }, certificate);
  }
  pack.finalize();
  return Readable.from(pack);
}

/** Docker knows these build arguments by itself and keeps them out of the image. */
function proxySettings(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Resolves when Docker's stream of progress has ended well; rejects with the error that it told of. */
function follow(docker: Docker, stream: NodeJS.ReadableStream, progress: (text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null) => (error ? reject(error) : resolve()),
      (news: { stream?: string; status?: string; progress?: string }) => {
        const text = (news.stream ?? `${news.status ?? ''} ${news.progress ?? ''}`).trim();
        if (text !== '') progress(text.split('\n').at(-1) ?? '');
      },
    );
  });
}
