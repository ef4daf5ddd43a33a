import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
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
 * Builds the session image from a public base image. Answers why not, in a few words, when the registry does not answer in
 * time, does not have it, or the build fails.
 */
export async function buildFromRegistry(way: RegistryWay): Promise<string | undefined> {
  const { docker, baseImage, progress } = way;
  try {
    if (!(await isHere(docker, baseImage))) {
      progress(`asking the registry for ${baseImage}`);
      if (!(await registryHas(way))) return `no registry answered within ${way.limitMs / 1000} s`;
      progress(`pulling ${baseImage}`);
      await follow(docker, await docker.pull(baseImage, { abortSignal: way.signal }), progress);
    }
    const stream = await docker.buildImage(context(way), {
      t: way.tag,
      networkmode: 'host', // Only to install packages: a proxy or a resolver on this machine's loopback works too.
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

async function isHere(docker: Docker, image: string): Promise<boolean> {
  return docker
    .getImage(image)
    .inspect()
    .then(
      () => true,
      () => false,
    );
}

/** False when the time was up; throws what the registry said when it refused. */
async function registryHas(way: RegistryWay): Promise<boolean> {
  const limit = AbortSignal.timeout(way.limitMs);
  try {
    await manifest(way.docker, way.baseImage, AbortSignal.any([limit, way.signal]));
    return true;
  } catch (error) {
    if (limit.aborted) return false;
    throw error;
  }
}

/** Docker asks the registry for the manifest. (dockerode's own `distribution` cannot be given up.) */
function manifest(docker: Docker, image: string, abortSignal: AbortSignal): Promise<void> {
  const call = {
    path: `/distribution/${image}/json`,
    method: 'GET',
    statusCodes: { 200: true, 401: 'unauthorized', 403: 'forbidden', 404: 'no such image', 500: 'server error' },
    abortSignal,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(call, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

function context(way: RegistryWay): Readable {
  const pack = tar.pack();
  pack.entry({ name: 'Dockerfile' }, dockerfile(way.baseImage));
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
